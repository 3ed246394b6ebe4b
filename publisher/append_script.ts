import { type Entry, parseEntryId, STREAM_FIELD_COUNT, toStreamFields } from "@events-pipeline/common";
import type { RedisConnection, RedisScript } from "@events-pipeline/common/redis";

/**
 * The fenced append. It is atomic, so two publishers never interleave, and it compares before it writes, so a publisher that
 * was paused or that works from a stale checkpoint writes nothing.
 */
const APPEND: RedisScript = {
  name: "eventsAppend",
  lua: `
-- KEYS[1]  the stream
-- ARGV[1]  the last id that the caller expects the stream to have; '0-0' for none
-- ARGV[2…] for each entry its id, then ${STREAM_FIELD_COUNT} field names and values
-- Replies {1, last id} after appending all entries, or {0, actual last id} having appended none.
local actual = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      actual = info[i + 1]
      break
    end
  end
end
if actual ~= ARGV[1] then
  return {0, actual}
end
for i = 2, #ARGV, ${STREAM_FIELD_COUNT + 1} do
  actual = redis.call('XADD', KEYS[1], ARGV[i], unpack(ARGV, i + 1, i + ${STREAM_FIELD_COUNT}))
end
return {1, actual}
`,
};

/** What became of an append. */
export type AppendOutcome =
  /** All entries are in the stream. */
  | { readonly kind: "appended" }
  /** None was appended: the stream's last id is `actual`, and not what was expected. */
  | { readonly kind: "mismatch"; readonly actual: string };

/**
 * Appends entries under their own ids if the stream's last id is `expected`, else appends nothing. With no entries it only
 * compares.
 *
 * @throws {Error} Redis refused the call, or the entries it had appended when it failed: the next call finds the stream ahead
 */
export async function appendEntries(
  redis: RedisConnection,
  stream: string,
  expected: string,
  entries: readonly Entry[],
): Promise<AppendOutcome> {
  const args = [expected];
  for (const entry of entries) args.push(entry.entryId, ...toStreamFields(entry));
  const [done, last] = await redis.evaluate(APPEND, stream, args) as [number, string];
  if (done === 1) return { kind: "appended" };
  parseEntryId(last);
  return { kind: "mismatch", actual: last };
}
