import { deferred } from "@events-pipeline/common/deferred";
import { describeError, type Logger } from "@events-pipeline/common/logger";
import { sleep } from "@events-pipeline/common/retry";
import { WAKE_UP_CHANNEL, WAKE_UP_LOCK } from "@events-pipeline/producer/outbox";
import type { Sql } from "postgres";
import { readBackloggedStreams } from "./outbox_rows.ts";
import type { SettledIds } from "./settled_ids.ts";

/** How long the test notification may take to come back, in milliseconds. */
const PROBE_MS = 2_000;

/** How long the client may take to stop listening, in milliseconds. It matters little: the session ends anyway. */
const UNLISTEN_MS = 1_000;

/** What {@linkcode WakeUp} works with, besides its connection. */
export interface WakeUpOptions {
  /** Where unpublished rows begin. */
  readonly settledIds: SettledIds;
  /** Told when only polling is left. */
  readonly logger: Logger;
  /** How long the server keeps the lock for a session that says nothing, in milliseconds: longer than from poll to poll. */
  readonly idleLimitMs: number;
}

/**
 * The publisher's side of the gated wake-up. Armed means: this publisher holds the wake-up lock, so every transaction that
 * inserts an event notifies. It arms before it sleeps and polls once more, so no event can slip in between; it disarms when it
 * has work, so that writers need not notify while somebody looks anyway.
 *
 * The lock belongs to a session, so all statements go over one connection of their own; when that is lost, so is the lock, which
 * the next poll sees by the backend's process id. A notification is a hint: the poll is the truth. Where sessions are shared
 * (PgBouncer in transaction mode) notifications do not arrive: a test at the start sees that, and then only polling is left.
 */
export class WakeUp {
  readonly #sql: Sql;
  readonly #settledIds: SettledIds;
  readonly #logger: Logger;
  readonly #idleLimitMs: number;
  #backendPid: number | undefined;
  #armedPid: number | undefined;
  #standby = false;
  #listening = false;
  /** Whether listening failed, which may pass, unlike a pooler in between. */
  #refused = false;
  #wake: (() => void) | undefined;
  #woken = false;
  #unlisten: (() => Promise<void>) | undefined;

  /** @param sql a pool of one connection, used by nobody else */
  constructor(sql: Sql, { settledIds, logger, idleLimitMs }: WakeUpOptions) {
    this.#sql = sql;
    this.#settledIds = settledIds;
    this.#logger = logger;
    this.#idleLimitMs = idleLimitMs;
  }

  /** Whether notifications arrive. Without them only polling tells of new events. */
  get listening(): boolean {
    return this.#listening;
  }

  /** Whether listening failed, so that it is worth another try. */
  get refused(): boolean {
    return this.#refused;
  }

  /** Starts listening, and makes sure that notifications arrive. Where they do not, it says so. */
  async listen(): Promise<void> {
    const probe = `probe ${crypto.randomUUID()}`;
    const arrived = deferred<boolean>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      await this.unlisten().catch(() => {});
      this.#refused = false;
      const onNotify = (payload: string): void => payload === probe ? arrived.resolve(true) : this.wake();
      const listening = await this.#sql.listen(WAKE_UP_CHANNEL, onNotify, () => this.wake());
      this.#unlisten = listening.unlisten;
      await this.#sql`SELECT pg_notify(${WAKE_UP_CHANNEL}, ${probe})`;
      timer = setTimeout(() => arrived.resolve(false), PROBE_MS);
      this.#listening = await arrived.promise;
      if (this.#listening) return;
      await this.unlisten(); // Or a session that others share would go on listening.
      this.#logger.warn("Notifications do not arrive, as behind PgBouncer in transaction mode: polling instead");
    } catch (error) {
      this.#refused = true;
      this.#forget();
      this.#logger.warn("Cannot listen for new events: polling instead", { error: describeError(error) });
    } finally {
      clearTimeout(timer);
    }
  }

  /** postgres.js 3.4 gives the answer of a LISTEN that was refused to everybody who asks later, and keeps their callbacks. */
  #forget(): void {
    const { channels } = this.#sql.listen as { readonly channels?: Record<string, unknown> };
    if (channels !== undefined) delete channels[WAKE_UP_CHANNEL];
  }

  /** Stops listening. Does not wait long for a server that does not answer. */
  async unlisten(): Promise<void> {
    const unlisten = this.#unlisten;
    this.#unlisten = undefined;
    const done = new AbortController();
    await Promise.race([unlisten?.(), sleep(UNLISTEN_MS, done.signal)]);
    done.abort();
  }

  /** The streams that have unpublished rows. */
  async poll(): Promise<readonly string[]> {
    const settledIds = this.#settledIds;
    const settled = settledIds.settled;
    const known = settledIds.floors;
    const { backlogged, backendPid, incarnation, lastId } = await readBackloggedStreams(this.#sql, known);
    this.#backendPid = backendPid;
    if (!settledIds.sameServer(incarnation, lastId)) {
      // The client has asked to be notified there, too; if that was refused, as by a replica, nobody has heard.
      if (this.#listening) this.#refused = true;
      return await this.poll();
    }
    const oldest = new Map(backlogged.map((behind) => [behind.stream, behind.oldest]));
    for (const { stream } of known) if (!oldest.has(stream)) settledIds.raise(stream, settled, undefined);
    for (const [stream, id] of oldest) {
      settledIds.add(stream);
      settledIds.raise(stream, settled, String(BigInt(id) - 1n));
    }
    return [...oldest.keys()];
  }

  /** Whether inserting transactions are known to notify this publisher. */
  get armed(): boolean {
    return this.#armedPid !== undefined && this.#armedPid === this.#backendPid;
  }

  /**
   * Tries to arm. Poll once more after it. The server ends the session, and so gives back the lock, when it hears nothing from it for
   * too long (from PostgreSQL 14 on): a publisher that was cut off would make every writer notify until TCP gives up, after hours.
   *
   * @returns `armed`; `standby` when another publisher holds the lock, which means that writers notify; `writers` when a
   * transaction is under way that has inserted and did not notify
   */
  async arm(): Promise<"armed" | "standby" | "writers"> {
    const [row] = await this.#sql<{ taken: boolean; pid: number }[]>`
      SELECT pg_try_advisory_lock(${WAKE_UP_LOCK}) AS taken, pg_backend_pid() AS pid,
             CASE WHEN current_setting('idle_session_timeout', true) IS NOT NULL
               THEN set_config('idle_session_timeout', ${String(this.#idleLimitMs)}, false) END`;
    if (row!.taken) {
      this.#armedPid = this.#backendPid = row!.pid;
      this.#standby = false;
      return "armed";
    }
    if (this.#standby) return "standby"; // The holder is looked for once: a mistake costs one poll's time.
    const [held] = await this.#sql<{ exclusively: boolean }[]>`
      SELECT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND objsubid = 1
          AND (classid::bigint << 32 | objid::bigint) = ${WAKE_UP_LOCK}
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      ) AS exclusively`;
    this.#standby = held!.exclusively;
    return this.#standby ? "standby" : "writers";
  }

  /** Gives the lock back: there is work, and writers need not notify. */
  async disarm(): Promise<void> {
    this.#standby = false;
    if (!this.armed) return;
    this.#armedPid = undefined;
    await this.#sql`SELECT pg_advisory_unlock(${WAKE_UP_LOCK})`;
  }

  /** Ends the sleep, or the next one if none is under way. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Sleeps until woken, or for `ms` at most. */
  async sleep(ms: number): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#woken = false;
  }
}
