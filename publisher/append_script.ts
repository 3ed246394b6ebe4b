import { type Entry, parseEntryId } from "@events-pipeline/common";
import type { Evaluation, RedisConnection, RedisScript } from "@events-pipeline/common/redis";

/**
 * The fenced append. It is atomic, so two publishers never interleave, and it compares before it writes, so a publisher that
 * was paused or that works from a stale checkpoint writes nothing. Field names stand here and not in the arguments: fewer
 * arguments are the greater part of its speed.
 */
const APPEND: RedisScript = {
  name: "eventsAppend",
  lua: `
-- KEYS[1]  the stream
-- ARGV[1]  the last id that the caller expects the stream to have; '0-0' for none
-- ARGV[2…] for each entry: its id, event id, event type, time, metadata, payload
-- Replies {1, last id} after appending all entries, or {0, actual last id} having appended none.
local call, key, actual = redis.call, KEYS[1], '0-0'
if call('EXISTS', key) == 1 then
  local info = call('XINFO', 'STREAM', key)
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
for i = 2, #ARGV, 6 do
  actual = call('XADD', key, ARGV[i], 'event_id', ARGV[i + 1], 'event_type', ARGV[i + 2], 'time', ARGV[i + 3],
    'metadata', ARGV[i + 4], 'payload', ARGV[i + 5])
end
return {1, actual}
`,
};

/** Sets a stream's last id: forward, when what is missing can never be put back, so that the next append fits. */
const SET_LAST_ID: RedisScript = {
  name: "eventsSetLastId",
  lua: `
-- KEYS[1]  the stream
-- ARGV[1]  the last id that the caller expects the stream to have; '0-0' for none
-- ARGV[2]  the last id that it shall have, the same or a greater one
-- Replies 1, or 0 when the stream has another last id; nothing is changed then.
local call, key, actual = redis.call, KEYS[1], '0-0'
if call('EXISTS', key) == 1 then
  local info = call('XINFO', 'STREAM', key)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      actual = info[i + 1]
      break
    end
  end
end
if actual ~= ARGV[1] then
  return 0
end
if call('EXISTS', key) == 0 then
  call('XGROUP', 'CREATE', key, 'events-set-last-id', '0', 'MKSTREAM')
  call('XGROUP', 'DESTROY', key, 'events-set-last-id')
end
call('XSETID', key, ARGV[2])
return 1
`,
};

/** What became of an append. */
export type AppendOutcome =
  /** All entries are in the stream. */
  | { readonly kind: "appended" }
  /** None was appended: the stream's last id is `actual`, and not what was expected. */
  | { readonly kind: "mismatch"; readonly actual: string };

/** How many replicas must have an append before it counts. */
export interface ReplicaWait {
  /** So many replicas. */
  readonly replicas: number;
  /** For so long, in milliseconds. */
  readonly timeoutMs: number;
}

/** An append that too few replicas have confirmed in time. It may be in the stream: the next round finds the stream ahead. */
export class ReplicaWaitError extends Error {
  override readonly name = "ReplicaWaitError";
}

/**
 * Appends entries under their own ids if the stream's last id is `expected`, else appends nothing. With no entries it only
 * compares.
 *
 * @throws {Error} Redis refused the call, or the entries it had appended when it failed: the next call finds the stream ahead
 * @throws {ReplicaWaitError} too few replicas confirmed it
 */
export async function appendEntries(
  redis: RedisConnection,
  stream: string,
  expected: string,
  entries: readonly Entry[],
  wait?: ReplicaWait,
): Promise<AppendOutcome> {
  const args = [expected];
  for (const { entryId, eventId, eventType, time, metadata, payload } of entries) {
    args.push(entryId, eventId, eventType, time, metadata, payload);
  }
  const evaluation = await redis.evaluate(APPEND, stream, args);
  const [done, last] = evaluation.reply as [number, string];
  if (done !== 1) {
    parseEntryId(last);
    return { kind: "mismatch", actual: last };
  }
  if (wait !== undefined && entries.length > 0) await waitForReplicas(evaluation, stream, wait);
  return { kind: "appended" };
}

/**
 * Puts the last id of a stream forward, or writes the one that it has again: replicas that have this have all that came before.
 *
 * @returns whether the stream's last id was the expected one; otherwise nothing was changed
 * @throws {ReplicaWaitError} too few replicas confirmed it
 */
export async function setLastId(
  redis: RedisConnection,
  stream: string,
  { expected, lastId }: { readonly expected: string; readonly lastId: string },
  wait?: ReplicaWait,
): Promise<boolean> {
  const evaluation = await redis.evaluate(SET_LAST_ID, stream, [expected, lastId]);
  if (evaluation.reply !== 1) return false;
  if (wait !== undefined) await waitForReplicas(evaluation, stream, wait);
  return true;
}

async function waitForReplicas(evaluation: Evaluation, stream: string, wait: ReplicaWait): Promise<void> {
  const confirmed = await evaluation.waitForReplicas(wait.replicas, wait.timeoutMs);
  if (confirmed >= wait.replicas) return;
  throw new ReplicaWaitError(
    `Cannot publish to ${stream}: ${confirmed} of ${wait.replicas} replicas confirmed the append in ${wait.timeoutMs} ms`,
  );
}
