/**
 * Compacts a stream, and ends itself by SIGKILL in front of one of its requests to the store. Arguments: database, archive, stream, which
 * request, counted from 1.
 *
 * @module
 */
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { compactStream } from "../compact/compact_stream.ts";
import type { ObjectStore } from "../object_store.ts";
import { openStore } from "../open_store.ts";

const [databaseUrl, archiveUrl, stream, point] = Deno.args;
const sql = connectPostgres(databaseUrl!, { applicationName: "test" });
const store = await openStore(archiveUrl!);
let left = Number(point);
const die = <T>(act: () => Promise<T>): Promise<T> => {
  if (--left === 0) Deno.kill(Deno.pid, "SIGKILL");
  return act();
};
const dying: ObjectStore = {
  ...store,
  get: (key) => die(() => store.get(key)),
  put: (...object) => die(() => store.put(...object)),
  delete: (key) => die(() => store.delete(key)),
};
await compactStream({ sql, store: dying, stream: stream!, leaseMs: 1_000 });
await closePostgres(sql);
