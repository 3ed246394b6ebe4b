import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { link, mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type ListedObject, MissingObjectError, type ObjectStore, OtherObjectError } from "./object_store.ts";

/**
 * A folder as an object store: each object is written beside its place, flushed, and linked there, which fails where there is one
 * already.
 */
export function openFileStore(folder: string): ObjectStore {
  return {
    async put(key, body, head) {
      const path = join(folder, key);
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.${crypto.randomUUID()}${TEMPORARY}`;
      try {
        await writeDurably(temporary, body);
        await link(temporary, path).catch(async (error) => {
          if (error.code !== "EEXIST") throw error;
          const present = await sha256OfLines(path);
          if (present === head.sha256) return;
          throw new OtherObjectError(
            `Cannot put ${key}: the folder holds another object under this key, with the SHA-256 ${present} instead of ${head.sha256}`,
          );
        });
      } finally {
        await rm(temporary, { force: true });
      }
      // What the folder holds is durable only once it is flushed too, and the checkpoint moves next.
      await flush(dirname(path), "r");
      return { retries: 0, conditional: true, notes: [] };
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

async function writeDurably(path: string, body: Uint8Array): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(body);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flush(path: string, mode: string): Promise<void> {
  const file = await open(path, mode);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The SHA-256 of what an object holds, before compression, in hex; `undefined` when it is not whole gzip. */
async function sha256OfLines(path: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path), createGunzip(), async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) hash.update(chunk);
    });
    return hash.digest("hex");
  } catch (error) {
    if (error instanceof Error && "code" in error && String(error.code).startsWith("E")) throw error;
    return undefined;
  }
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
      if (found !== undefined) yield { key, bytes: found.size, writtenAt: found.mtime };
    }
  }
}
