/**
 * A process that archives what is there when told to, by the archiver or by a bare pipe: `archive_child.ts archiver|bare STREAM`. The
 * archive is at ARCHIVE_URL.
 *
 * @module
 */
import { fromStreamFields, toJsonLine } from "@events-pipeline/common";
import { connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis, type RedisConnection } from "@events-pipeline/common/redis";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { peakBytes, whenTold } from "../../local/bench_child.ts";
import { runArchiver } from "../archiver.ts";
import { openStore } from "../open_store.ts";

const [kind, stream] = Deno.args as ["archiver" | "bare", string];
const sql = connectPostgres(Deno.env.get("DATABASE_URL")!, { applicationName: "bench" });
const redis = connectRedis(Deno.env.get("REDIS_URL")!, { clientName: "bench" });
const url = Deno.env.get("ARCHIVE_URL")!;
const store = await openStore(url, { region: "us-east-1", pathStyle: true });
await Promise.all([sql`SELECT 1`, redis.call("PING")]);
await whenTold(async () => {
  const begun = performance.now();
  if (kind === "archiver") await runArchiver({ sql, redis, store, once: true, signal: AbortSignal.timeout(600_000) });
  else await pipe(redis, new URL(`${url}/bare.jsonl.gz`));
  return { seconds: (performance.now() - begun) / 1_000, peakBytes: await peakBytes() };
});
store.close();
await Promise.all([sql.end({ timeout: 5 }), redis.close()]);

/** XRANGE, lines, gzip, one file, and nothing else. */
async function pipe(redis: RedisConnection, file: URL): Promise<void> {
  const gzip = createGzip({ level: 6 });
  const output = gzip.pipe(createWriteStream(file));
  const read = async (after: string): Promise<[string, string[]][]> =>
    await redis.call("XRANGE", stream, `(${after}`, "+", "COUNT", 1_000) as [string, string[]][];
  let page = await read("0-0");
  while (page.length > 0) {
    const next = read(page.at(-1)![0]);
    const text = page.map(([id, fields]) => toJsonLine(fromStreamFields(stream, id, fields)) + "\n").join("");
    if (!gzip.write(text)) await once(gzip, "drain");
    page = await next;
  }
  gzip.end();
  await finished(output);
}
