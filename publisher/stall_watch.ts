import type { Health } from "@events-pipeline/common/health";
import type { Sql } from "postgres";
import { readOldestUnpublished, type StreamFloor } from "./outbox_rows.ts";

/** What {@linkcode StallWatch} works with. */
export interface StallWatchOptions {
  /** A pool on the producers' database. */
  readonly sql: Sql;
  /** Told of each stall, and of its end. */
  readonly health: Health;
  /** How long a stream's oldest unpublished row may be the same one, in milliseconds. */
  readonly stallMs: number;
}

/** A stream's oldest unpublished row, and since when it is the oldest. */
interface Oldest {
  readonly id: string;
  readonly since: number;
}

/**
 * Sees streams that are not published though nothing fails: another publisher, or somebody's open transaction, has the stream's lock
 * and does nothing with it. The sign is that the oldest unpublished row stays the same; a long backlog alone is no stall.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;
  readonly #oldest = new Map<string, Oldest>();
  #lookAt = 0;

  constructor(options: StallWatchOptions) {
    this.#options = options;
  }

  /** Takes the streams that have unpublished rows now. Four times per `stallMs` it asks which row is the oldest of each. */
  async look(backlogged: readonly string[], floors: readonly StreamFloor[], now: number): Promise<void> {
    const { sql, health, stallMs } = this.#options;
    const waiting = new Set(backlogged);
    for (const stream of this.#oldest.keys()) if (!waiting.has(stream)) this.#forget(stream);
    if (waiting.size === 0 || now < this.#lookAt) return;
    this.#lookAt = now + stallMs / 4;
    for (
      const { stream, id } of await readOldestUnpublished(
        sql,
        floors.filter((floor) => waiting.has(floor.stream)),
      )
    ) {
      const before = this.#oldest.get(stream);
      if (id === null) this.#forget(stream);
      else if (before?.id !== id) {
        this.#forget(stream);
        this.#oldest.set(stream, { id, since: now });
      } else if (now - before.since >= stallMs) {
        const seconds = Math.round((now - before.since) / 1_000);
        health.fail(part(stream), `Outbox row ${id} has been its oldest unpublished one for ${seconds} s`);
      }
    }
  }

  #forget(stream: string): void {
    if (this.#oldest.delete(stream)) this.#options.health.recover(part(stream));
  }
}

const part = (stream: string): string => `${stream} stall`;
