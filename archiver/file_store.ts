import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ListedObject, MissingObjectError, type ObjectStore } from "./object_store.ts";

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
    list(below, { after = "" } = {}) {
      return objectsBelow(folder, below, after);
    },
    async get(key) {
      try {
        return { body: new Uint8Array(await readFile(join(folder, key))), head: undefined };
      } catch (error) {
        throw isMissing(error) ? new MissingObjectError(`Cannot get ${key}: ENOENT`, { cause: error }) : error;
      }
    },
    async delete(key) {
      await rm(join(folder, key), { force: true });
    },
    close() {},
  };
}

/** How the name ends of an object that is being written, or that a crash left so. */
const TEMPORARY = ".tmp";

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** The objects below a folder of the store, behind a key; none where it does not exist. */
async function* objectsBelow(folder: string, below: string, after: string): AsyncGenerator<ListedObject> {
  const entries = await readdir(join(folder, below), { withFileTypes: true }).catch((error) => {
    if (isMissing(error)) return [];
    throw error;
  });
  // A folder is in its place among the keys as if its name ended in the slash.
  const keys = entries.map((entry) => below + entry.name + (entry.isDirectory() ? "/" : ""));
  for (const key of keys.sort()) {
    if (key.endsWith("/")) {
      if (key > after || after.startsWith(key)) yield* objectsBelow(folder, key, after);
    } else if (key > after && !key.endsWith(TEMPORARY)) {
      const found = await stat(join(folder, key)).catch((error) => {
        if (isMissing(error)) return undefined; // It was removed since.
        throw error;
      });
      if (found !== undefined) yield { key, bytes: found.size };
    }
  }
}
