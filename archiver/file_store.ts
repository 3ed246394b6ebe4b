import { mkdir, open, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ObjectStore } from "./object_store.ts";

/** A folder as an object store: each object is written beside its place, flushed, and moved there. */
export function openFileStore(folder: string): ObjectStore {
  return {
    async put(key, body) {
      const path = join(folder, key);
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.${crypto.randomUUID()}.tmp`;
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
    close() {},
  };
}
