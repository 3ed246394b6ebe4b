import { readCheckpoints } from "@events-pipeline/common/lease";
import type { Logger } from "@events-pipeline/common/logger";
import type { RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";
import { publishRound } from "./round.ts";
import { SettledIds } from "./settled_ids.ts";

/** What {@linkcode acceptForeign} works with. */
export interface AcceptForeignOptions {
  /** A pool on the producers' database. */
  readonly sql: Sql;
  /** The Redis that holds the stream. */
  readonly redis: RedisConnection;
  /** The stream. */
  readonly stream: string;
  /** Told what was accepted. */
  readonly logger: Logger;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/**
 * Takes the entries that a stream has after the outbox's checkpoint as they are, whether the outbox knows their events or not, and
 * publishes on from there. For a database that was restored from a backup older than the stream: somebody has to decide that
 * the events the database no longer knows of did happen.
 *
 * @throws {Error} there is no such stream, or it could not be published
 */
export async function acceptForeign(options: AcceptForeignOptions): Promise<void> {
  const { sql, redis, stream, logger, signal } = options;
  const known = (await readCheckpoints(sql, "publisher")).has(stream);
  if (!known && await redis.call("EXISTS", stream) === 0) {
    throw new Error(`Cannot accept the entries of ${stream}: neither the outbox nor Redis has such a stream`);
  }
  let accepted = 0;
  while (!signal.aborted) {
    const outcome = await publishRound({
      sql,
      redis,
      settledIds: new SettledIds(),
      limits: { rows: 1_000, bytes: 1024 * 1024 },
      maxEventBytes: Infinity,
      sessionLimits: { idleMs: 15_000, answerMs: 30_000 },
      acceptForeign: true,
      onRepair(repair) {
        if (repair.kind !== "adopted" || repair.foreign === 0) return;
        accepted += repair.foreign;
        logger.warn("Accepted entries that the outbox does not know", {
          stream,
          entries: repair.foreign,
          upTo: repair.upTo,
        });
      },
    }, stream);
    if (outcome.kind === "busy") {
      throw new Error(`Cannot accept the entries of ${stream}: another publisher has it, try again`);
    }
    if (outcome.kind === "published" && outcome.drained) break;
  }
  logger.info("The outbox and the stream agree", { stream, accepted });
}
