import { parseEntryId } from "@events-pipeline/common";
import { evictsStreams, usedShare } from "@events-pipeline/publisher";
import type { ArchiveOverview, ConsumerOverview, Overview, StreamOverview } from "./overview.ts";
import { attemptCount, duration, rowCount, size } from "./quantities.ts";

/** An archiver writes a segment when it is full or old, which by default is 10 minutes: it may be behind for so long, in seconds. */
const SEGMENT_SECONDS = 900;

/** The share of Redis's `maxmemory` above which the publisher slows down. */
const MEMORY_SHARE = 0.8;

/**
 * A stream keeps what came in the last 24 hours, unless `PUBLISHER_RETENTION_SECONDS` says otherwise: a reader that is behind for less, in
 * seconds, keeps nothing in Redis that would not be there anyway. An hour on top, as for the alert.
 */
const HELD_SECONDS = 25 * 3_600;

/** The stages of a pipeline that can stall. */
export type Stage = "publisher" | "redis" | "consumers" | "archiver";

/** Something that does not go on. */
export interface Stall {
  /** Where. */
  readonly stage: Stage;
  /** What, and why, in words. */
  readonly reason: string;
}

/**
 * Says what does not go on, and why as far as it can be seen. A paused consumer is no stall, since somebody wanted it, and neither is a long
 * backlog that gets shorter.
 *
 * @param afterSeconds how long something may wait before it counts
 */
export function findStalls(overview: Overview, afterSeconds: number): readonly Stall[] {
  const archiveSeconds = Math.max(afterSeconds, SEGMENT_SECONDS);
  const at = (stage: Stage) => (reason: string): Stall => ({ stage, reason });
  return [
    ...redisStalls(overview).map(at("redis")),
    ...overview.streams.flatMap((stream) => floorStalls(stream, overview, afterSeconds)).map(at("redis")),
    ...overview.streams.flatMap((stream) => streamStalls(stream, overview, afterSeconds)).map(at("publisher")),
    ...overview.consumers.flatMap((consumer) => consumerStalls(consumer, overview, afterSeconds)).map(at("consumers")),
    ...overview.archives.flatMap((archive) => archiveStalls(archive, archiveSeconds)).map(at("archiver")),
  ];
}

function redisStalls({ memory, redisFault }: Overview): string[] {
  if (redisFault !== undefined) return [`Redis: ${redisFault}`];
  if (memory === undefined) return [];
  const share = usedShare(memory);
  const used = `${Math.round(share * 100)} % of maxmemory is in use`;
  if (evictsStreams(memory)) {
    return [`Redis: its maxmemory-policy is ${memory.policy}, which deletes streams when it is full: set noeviction`];
  }
  return share > MEMORY_SHARE ? [`Redis: ${used}, so the publisher slows down`] : [];
}

/**
 * A reader that keeps a stream from being trimmed. When Redis is nearly full, that is each one that is late, for then everything is
 * trimmed that all have read.
 */
function floorStalls(stream: StreamOverview, overview: Overview, afterSeconds: number): string[] {
  const { consumers, archives, memory } = overview;
  const heldBy = stream.floor?.heldBy;
  const reader = heldBy === "archiver"
    ? archives.find((archive) => archive.stream === stream.stream)
    : consumers.find((one) => one.stream === stream.stream && `consumer:${one.consumer}` === heldBy);
  const seconds = reader?.lag.seconds;
  if (reader === undefined || seconds === undefined) return [];
  const short = memory !== undefined && usedShare(memory) > MEMORY_SHARE;
  const late = heldBy === "archiver" ? Math.max(afterSeconds, SEGMENT_SECONDS) : afterSeconds;
  if (seconds <= (short ? late : HELD_SECONDS)) return [];
  const bytes = stream.bytes === undefined ? "" : ` of ${size(stream.bytes)}`;
  const who = "state" in reader ? `${reader.consumer}, which is ${reader.state},` : "the archiver";
  return [
    `${stream.stream}: ${who} keeps ${reader.lag.events} of ${
      stream.entries ?? "?"
    } entries${bytes} from being trimmed, ` +
    `the first for ${duration(seconds)}${short ? ", and Redis is nearly full" : ""}`,
  ];
}

function streamStalls(stream: StreamOverview, { at, daemons }: Overview, afterSeconds: number): string[] {
  const quietSeconds = (at - parseEntryId(stream.lastId).ms) / 1_000;
  if (stream.unpublishedSeconds <= afterSeconds || quietSeconds <= afterSeconds) return [];
  const why = daemons.publisher === 0
    ? "no publisher is connected to the database"
    : "a publisher is running: its log and its health say why";
  return [
    `${stream.stream}: nothing is published, and the oldest of ${rowCount(stream.unpublished)} rows has waited for ` +
    `${duration(stream.unpublishedSeconds)}: ${why}`,
  ];
}

/** Why a consumer stalls; nothing when it does not. */
export function consumerStalls(
  consumer: ConsumerOverview,
  { at }: Pick<Overview, "at">,
  afterSeconds: number,
): string[] {
  const { lag, state, failing } = consumer;
  const name = `${consumer.consumer} (${consumer.stream})`;
  if (state === "paused") return [];
  if (failing !== undefined) {
    const seconds = (at - failing.since.getTime()) / 1_000;
    if (seconds <= afterSeconds) return [];
    return [
      `${name}: fails on event ${failing.eventId} for ${duration(seconds)}, ${attemptCount(failing.attempts)}: ` +
      failing.error.slice(0, 200),
    ];
  }
  const waits = `${lag.events} events wait, the first for ${lag.seconds === undefined ? "?" : duration(lag.seconds)}`;
  const isLate = lag.events > 0 && (lag.seconds ?? Infinity) > afterSeconds;
  const stillSeconds = (at - consumer.updatedAt.getTime()) / 1_000;
  if (!isLate) return [];
  if (state === "stopped") return [`${name}: no process runs it, and ${waits}`];
  return stillSeconds > afterSeconds
    ? [`${name}: runs, and has not moved for ${duration(stillSeconds)}: ${waits}`]
    : [];
}

function archiveStalls({ stream, owner, lag, verification }: ArchiveOverview, afterSeconds: number): string[] {
  const stalls: string[] = [];
  if (lag.events > 0 && (lag.seconds ?? Infinity) > afterSeconds) {
    const why = owner === undefined ? "no archiver has the stream" : "an archiver has the stream: its log says why";
    const since = lag.seconds === undefined ? "?" : duration(lag.seconds);
    stalls.push(`archive of ${stream}: ${lag.events} events wait, the first for ${since}: ${why}`);
  }
  if (verification !== undefined && verification.faults > 0) {
    stalls.push(
      `archive of ${stream}: ${verification.faults} faults were found: 'deno task archive verify' names them`,
    );
  }
  return stalls;
}
