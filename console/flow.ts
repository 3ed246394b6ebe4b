import { type ConsumerFacts, readConsumerFacts, readStreams, type Sources, type StreamFacts } from "./facts.ts";

/** How long a stage may stand still with work in front of it. */
const STALL_SECONDS = { publisher: 30, consumer: 60, archiver: 300 } as const;

/** The stages of the picture. */
export type Stage = "outbox" | "publisher" | "redis" | "consumers" | "archiver";

/** All of the pipeline at a moment, in a few numbers. */
export interface Flow {
  /** When, in Unix milliseconds. */
  readonly at: number;
  readonly streams: number;
  readonly backlog: number;
  readonly backlogSeconds: number;
  /** Events a second since the reading before; 0 in the first. */
  readonly publishRate: number;
  readonly handleRate: number;
  readonly archiveRate: number;
  /** Entries in Redis; `undefined` when it does not answer. */
  readonly entries: number | undefined;
  readonly consumers: number;
  /** How far the slowest consumer is behind. */
  readonly consumerLag: number | undefined;
  readonly archiverLag: number;
  readonly deadLetters: number;
  /** What stands still, and why. */
  readonly stalls: readonly { readonly stage: Stage; readonly reason: string }[];
}

/** Reads the flow, for many lookers-on at once: what was read a moment ago serves again. */
export class FlowReader {
  readonly #sources: Sources;
  readonly #freshMs: number;
  #reading: Promise<Flow> | undefined;
  #readAt = -Infinity;
  #before: { readonly at: number; readonly sums: Sums } | undefined;

  /** @param freshMs how long a reading serves */
  constructor(sources: Sources, freshMs = 1_500) {
    this.#sources = sources;
    this.#freshMs = freshMs;
  }

  /** The flow now, or a moment ago. */
  read(now: number): Promise<Flow> {
    if (this.#reading === undefined || now - this.#readAt >= this.#freshMs) {
      this.#readAt = now;
      this.#reading = this.#readNow(now);
      this.#reading.catch(() => this.#readAt = -Infinity);
    }
    return this.#reading;
  }

  async #readNow(now: number): Promise<Flow> {
    const [streams, consumers] = await Promise.all([readStreams(this.#sources), readConsumerFacts(this.#sources)]);
    const sums = sumsOf(streams, consumers);
    const before = this.#before;
    this.#before = { at: now, sums };
    return flowOf(streams, consumers, sums, now, before);
  }
}

interface Sums {
  readonly published: number;
  readonly handled: number;
  readonly archived: number;
}

function sumsOf(streams: readonly StreamFacts[], consumers: readonly ConsumerFacts[]): Sums {
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
  return {
    published: sum(streams.map(({ published }) => published)),
    handled: sum(consumers.map(({ checkpoint }) => Number(checkpoint.split("-")[1]))),
    archived: sum(streams.map(({ archived }) => archived ?? 0)),
  };
}

function flowOf(
  streams: readonly StreamFacts[],
  consumers: readonly ConsumerFacts[],
  sums: Sums,
  at: number,
  before: { readonly at: number; readonly sums: Sums } | undefined,
): Flow {
  const rate = (name: keyof Sums): number =>
    before === undefined || at <= before.at
      ? 0
      : Math.max(0, (sums[name] - before.sums[name]) / ((at - before.at) / 1_000));
  const redisAnswers = streams.every(({ entries }) => entries !== undefined) &&
    consumers.every(({ lag }) => lag !== undefined);
  return {
    at,
    streams: streams.length,
    backlog: streams.reduce((sum, { backlog }) => sum + backlog, 0),
    backlogSeconds: Math.max(0, ...streams.map(({ backlogSeconds }) => backlogSeconds)),
    publishRate: rate("published"),
    handleRate: rate("handled"),
    archiveRate: rate("archived"),
    entries: redisAnswers ? streams.reduce((sum, { entries }) => sum + (entries ?? 0), 0) : undefined,
    consumers: consumers.length,
    consumerLag: redisAnswers ? Math.max(0, ...consumers.map(({ lag }) => lag ?? 0)) : undefined,
    archiverLag: streams.reduce((sum, stream) => sum + archiverLag(stream), 0),
    deadLetters: consumers.reduce((sum, { deadLetters }) => sum + deadLetters, 0),
    stalls: stallsOf(streams, consumers, redisAnswers, at),
  };
}

function stallsOf(
  streams: readonly StreamFacts[],
  consumers: readonly ConsumerFacts[],
  redisAnswers: boolean,
  at: number,
): Flow["stalls"] {
  const stalls: { stage: Stage; reason: string }[] = [];
  if (!redisAnswers) stalls.push({ stage: "redis", reason: "Redis does not answer" });
  for (const { stream, backlog, backlogSeconds } of streams) {
    if (backlogSeconds <= STALL_SECONDS.publisher) continue;
    const rows = backlog > 10_000 ? "more than 10,000" : String(backlog);
    const reason = `${stream}: ${rows} rows wait to be published, the oldest for ${Math.round(backlogSeconds)} s`;
    stalls.push({ stage: "publisher", reason });
  }
  for (const consumer of consumers) {
    const reason = consumerStall(consumer, at);
    if (reason !== undefined) {
      stalls.push({ stage: "consumers", reason: `${consumer.consumer} on ${consumer.stream} ${reason}` });
    }
  }
  for (const stream of streams) {
    if (archiverLag(stream) === 0 || stream.archiverSeconds <= STALL_SECONDS.archiver) continue;
    const reason = `${stream.stream}: ${archiverLag(stream)} events wait to be archived, and nothing moves`;
    stalls.push({ stage: "archiver", reason });
  }
  return stalls;
}

/** Why a consumer stands still; `undefined` when it does not, or somebody has paused it. */
export function consumerStall({ state, failing, lag, updatedAt }: ConsumerFacts, now: number): string | undefined {
  if (state === "paused") return undefined;
  if (failing !== undefined) return `fails on an event for the ${failing.attempts}. time`;
  if (lag === undefined || lag === 0) return undefined;
  if (state === "stopped") return `is not running, and ${lag} events behind`;
  const seconds = (now - updatedAt.getTime()) / 1_000;
  return seconds > STALL_SECONDS.consumer ? `is ${lag} events behind, and does not move` : undefined;
}

/** How far the archiver is behind; 0 where none has begun. */
export function archiverLag({ published, archived }: StreamFacts): number {
  return archived === undefined ? 0 : Math.max(0, published - archived);
}
