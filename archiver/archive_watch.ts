import { parseEntryId, ZERO_ENTRY_ID } from "@events-pipeline/common";
import type { Health } from "@events-pipeline/common/health";
import type { Logger } from "@events-pipeline/common/logger";
import type { Sql } from "postgres";
import type { ArchivePlace } from "./archive_places.ts";
import type { ArchiverMetrics } from "./archiver_metrics.ts";
import type { StreamRules } from "./stream_rules.ts";
import { readVerifications } from "./verification.ts";
import { Waiting } from "./waiting.ts";

/** What {@linkcode ArchiveWatch} works with. */
export interface ArchiveWatchOptions {
  readonly sql: Sql;
  readonly health: Health;
  readonly logger: Logger;
  readonly metrics: ArchiverMetrics;
  readonly rules: StreamRules;
  /** How long a stream may stand still with entries that are due, in milliseconds. */
  readonly stallMs: number;
}

/** What is known of a stream that has something to archive. */
interface Watched {
  readonly waiting: Waiting;
  checkpoint: string;
  /** Since when it has stood there, as far as this process has seen. */
  since: number;
}

/** How often it is looked when the archive was verified, in milliseconds. */
const VERIFICATIONS_MS = 10_000;

/** Sees what waits to be archived, tells how far each stream is behind, and which of them stand still, in this process or another one. */
export class ArchiveWatch {
  readonly #options: ArchiveWatchOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #excluded = new Map<string, { readonly checkpoint: string | null; readonly since: number; told: boolean }>();
  #verificationsAt = 0;

  constructor(options: ArchiveWatchOptions) {
    this.#options = options;
  }

  /** The streams that are to be archived now. */
  async due(places: readonly ArchivePlace[], now: number): Promise<ReadonlySet<string>> {
    const due = new Set<string>();
    await Promise.all(places.map(async (place) => {
      if (await this.#isDue(place, now)) due.add(place.stream);
    }));
    if (now >= this.#verificationsAt) {
      this.#verificationsAt = now + VERIFICATIONS_MS;
      await this.#tellVerifications();
    }
    return due;
  }

  async #isDue({ stream, published, checkpoint: archived }: ArchivePlace, now: number): Promise<boolean> {
    const { sql, rules, metrics } = this.#options;
    const checkpoint = archived ?? ZERO_ENTRY_ID;
    const labels = { stream };
    if (parseEntryId(published).position <= parseEntryId(checkpoint).position) {
      this.#watched.delete(stream);
      this.#options.health.recover(stallOf(stream));
      metrics.lagEvents.set(0, labels);
      metrics.lagSeconds.set(0, labels);
      return false;
    }
    let watched = this.#watched.get(stream);
    if (watched === undefined) {
      this.#watched.set(stream, watched = { waiting: new Waiting(sql, stream), checkpoint, since: now });
    }
    if (watched.checkpoint !== checkpoint) Object.assign(watched, { checkpoint, since: now });
    const limits = rules.limitsOf(stream);
    const due = await watched.waiting.due({ checkpoint, published }, limits, now);
    metrics.lagEvents.set(watched.waiting.events, labels);
    metrics.lagSeconds.set(Math.max(0, now - watched.waiting.firstMs!) / 1_000, labels);
    this.#tellStall(stream, watched, now - Math.max(watched.since, watched.waiting.firstMs! + limits.ageMs));
    return due;
  }

  #tellStall(stream: string, { checkpoint, waiting }: Watched, overdueMs: number): void {
    const { health, stallMs } = this.#options;
    if (overdueMs < stallMs) return health.recover(stallOf(stream));
    const seconds = Math.round(overdueMs / 1_000);
    health.fail(stallOf(stream), `${waiting.events} events wait, and it has stood at ${checkpoint} for ${seconds} s`);
  }

  async #tellVerifications(): Promise<void> {
    const { sql, health, metrics } = this.#options;
    for (const { stream, at, upTo, faults } of await readVerifications(sql)) {
      metrics.lastVerified.set(at / 1_000, { stream });
      metrics.verifiedFaults.set(faults, { stream });
      const part = `${stream} verification`;
      if (faults === 0) health.recover(part);
      else health.fail(part, `${faults} faults were found in its archive up to position ${upTo}: see archive verify`);
    }
  }

  /**
   * A stream that was archived once and that nobody archives any more holds back the trimming of Redis, which somebody should know.
   * Another archiver may work for it.
   */
  tellExcluded(places: readonly ArchivePlace[], now: number): void {
    const { logger, health, stallMs } = this.#options;
    for (const { stream, checkpoint, published, taken } of places) {
      const before = this.#excluded.get(stream);
      if (checkpoint === null || taken || checkpoint === published || before?.checkpoint !== checkpoint) {
        this.#excluded.set(stream, { checkpoint, since: now, told: before?.told ?? false });
      } else if (!before.told && now - before.since >= stallMs) {
        before.told = true;
        logger.warn(EXCLUDED, { stream, checkpoint });
        health.note(stream, EXCLUDED);
      }
    }
  }
}

const EXCLUDED =
  "It is excluded here, and no other archiver works for it, but it was archived before: Redis keeps all that comes " +
  "behind its checkpoint until the row of events.stream_lease with the role archiver is deleted";

const stallOf = (stream: string): string => `${stream} stall`;
