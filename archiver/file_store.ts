import { mkdir, open, readdir, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ObjectStore } from "./object_store.ts";

/** A folder as an object store: each object is written beside its place, flushed, and moved there. */
export function openFileStore(folder: string): ObjectStore {
  return {
    async put(key, body) {
      const path = join(folder, key);
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.${crypto.randomUUID()}${TEMPORARY}`;
      const file = await open(temporary, "w");
      try {
        await file.writeFile(body);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      // The rename is durable only once the folder is flushed too, and the checkpoint moves next.
      const parent = await open(dirname(path), "r");
      try {
        await parent.sync();
      } finally {
        await parent.close();
      }
    },
    list(below) {
      return objectsBelow(folder, below);
    },
    async get(key) {
      return { body: new Uint8Array(await readFile(join(folder, key))), head: undefined };
    },
    close() {},
  };
}

/** How the name ends of an object that is being written, or that a crash left so. */
const TEMPORARY = ".tmp";

/** The keys below a folder of the store; none where it does not exist. */
async function* objectsBelow(folder: string, below: string): AsyncGenerator<string> {
  const entries = await readdir(join(folder, below), { withFileTypes: true }).catch((error) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  // A folder is in its place among the keys as if its name ended in the slash.
  const names = entries.map((entry) => entry.isDirectory() ? `${entry.name}/` : entry.name);
  for (const name of names.sort()) {
    if (name.endsWith("/")) yield* objectsBelow(folder, below + name);
    else if (!name.endsWith(TEMPORARY)) yield below + name;
  }
}
