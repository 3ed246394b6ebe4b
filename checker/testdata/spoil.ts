import type { RedisConnection } from "@events-pipeline/common/redis";

/** An entry as Redis gives it. */
export type RawEntry = readonly [entryId: string, fields: readonly string[]];

/** Builds a stream anew from what a function makes of its entries. Redis takes them only in the order of their ids. */
export async function rebuild(
  redis: RedisConnection,
  stream: string,
  change: (entries: RawEntry[]) => readonly RawEntry[],
): Promise<void> {
  const entries = await redis.call("XRANGE", stream, "-", "+") as RawEntry[];
  await redis.call("DEL", stream);
  for (const [entryId, fields] of change(entries)) await redis.call("XADD", stream, entryId, ...fields);
}

/** The fields of an entry, with one of them changed. */
export function withField(fields: readonly string[], name: string, value: string): string[] {
  return fields.map((text, i) => i % 2 === 1 && fields[i - 1] === name ? value : text);
}

/** The paths of the archive's objects, in the order of their positions. */
export async function objectsOf(folder: string): Promise<string[]> {
  const paths: string[] = [];
  const visit = async (path: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      if (isDirectory) await visit(`${path}/${name}`);
      else paths.push(`${path}/${name}`);
    }
  };
  await visit(folder);
  const positionOf = (path: string): number => Number(/(\d+)_[^/]*$/.exec(path)![1]);
  return paths.sort((a, b) => positionOf(a) - positionOf(b));
}
