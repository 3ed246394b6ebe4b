import type { Overview } from "@events-pipeline/cli/status/overview";
import { findStalls, type Stall } from "@events-pipeline/cli/status/stalls";
import { parseEntryId } from "@events-pipeline/common";
import { overviewOf, type Sources } from "./sources.ts";

/** The stages of the picture. */
export type Stage = Stall["stage"] | "outbox";

/** All of the pipeline at a moment, in a few numbers. */
export interface Flow {
  /** When, in Unix milliseconds. */
  readonly at: number;
  readonly streams: number;
  /** How many processes of each kind are connected. */
  readonly daemons: Overview["daemons"];
  readonly backlog: number;
  readonly backlogSeconds: number;
  /** Events a second since the reading before; 0 in the first. */
  readonly publishRate: number;
  readonly handleRate: number;
  readonly archiveRate: number;
  /** Entries in Redis; `undefined` when it does not answer. */
  readonly entries: number | undefined;
  /** Bytes that Redis uses; `undefined` when it does not answer. */
  readonly memory: number | undefined;
  readonly consumers: number;
  /** How far the slowest consumer is behind. */
  readonly consumerLag: number;
  readonly archiverLag: number;
  readonly deadLetters: number;
  /** What stands still, and why. */
  readonly stalls: readonly Stall[];
}

/** Reads the flow, for many lookers-on at once: what was read a moment ago serves again. */
export class FlowReader {
  readonly #sources: Sources;
  readonly #stalledSeconds: number;
  readonly #freshMs: number;
  #reading: Promise<Flow> | undefined;
  #readAt = -Infinity;
  #before: { readonly at: number; readonly sums: Sums } | undefined;

  /**
   * @param stalledSeconds how long something may wait before it counts as stalled
   * @param freshMs how long a reading serves
   */
  constructor(sources: Sources, stalledSeconds: number, freshMs = 1_500) {
    this.#sources = sources;
    this.#stalledSeconds = stalledSeconds;
    this.#freshMs = freshMs;
  }

  /** The flow now, or a moment ago. */
  read(now: number): Promise<Flow> {
    if (this.#reading === undefined || now - this.#readAt >= this.#freshMs) {
      this.#readAt = now;
      this.#reading = this.#readNow();
      this.#reading.catch(() => this.#readAt = -Infinity);
    }
    return this.#reading;
  }

  async #readNow(): Promise<Flow> {
    const overview = await overviewOf(this.#sources);
    const sums = sumsOf(overview);
    const before = this.#before;
    this.#before = { at: overview.at, sums };
    return flowOf(overview, findStalls(overview, this.#stalledSeconds), sums, before);
  }
}

interface Sums {
  readonly published: number;
  readonly handled: number;
  readonly archived: number;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function sumsOf({ streams, consumers, archives }: Overview): Sums {
  const positions = (entryIds: readonly string[]): number => sum(entryIds.map((id) => parseEntryId(id).position));
  return {
    published: positions(streams.map(({ lastId }) => lastId)),
    handled: positions(consumers.map(({ checkpoint }) => checkpoint)),
    archived: positions(archives.map(({ checkpoint }) => checkpoint)),
  };
}

function flowOf(
  { at, daemons, memory, streams, consumers, archives, redisFault }: Overview,
  stalls: readonly Stall[],
  sums: Sums,
  before: { readonly at: number; readonly sums: Sums } | undefined,
): Flow {
  const rate = (name: keyof Sums): number =>
    before === undefined || at <= before.at
      ? 0
      : Math.max(0, (sums[name] - before.sums[name]) / ((at - before.at) / 1_000));
  return {
    at,
    daemons,
    memory: memory?.used,
    streams: streams.length,
    backlog: sum(streams.map(({ unpublished }) => unpublished)),
    backlogSeconds: Math.max(0, ...streams.map(({ unpublishedSeconds }) => unpublishedSeconds)),
    publishRate: rate("published"),
    handleRate: rate("handled"),
    archiveRate: rate("archived"),
    entries: redisFault === undefined ? sum(streams.map(({ entries }) => entries ?? 0)) : undefined,
    consumers: consumers.length,
    consumerLag: Math.max(0, ...consumers.map(({ lag }) => lag.events)),
    archiverLag: sum(archives.map(({ lag }) => lag.events)),
    deadLetters: sum(consumers.map(({ deadLetters }) => deadLetters)),
    stalls,
  };
}
