import { type Lease, LeaseLostError, renewLease } from "@events-pipeline/common/lease";
import { describeError, type Logger } from "@events-pipeline/common/logger";
import type { Sql } from "postgres";

/** How a lease is kept. */
export interface LeaseKeeperOptions {
  /** A pool on the producers' database. */
  readonly sql: Sql;
  /** How long it lasts without renewal, in milliseconds. */
  readonly leaseMs: number;
  /** Told when it cannot be renewed. */
  readonly logger: Logger;
}

/** Renews a lease in the background for as long as there is work in hand, however long that takes. */
export class LeaseKeeper {
  readonly #lease: Lease;
  readonly #options: LeaseKeeperOptions;
  readonly #lost = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #renewing: Promise<void> | undefined;
  #renewedAt = Date.now();

  /** Begins with a lease that was just taken. */
  constructor(lease: Lease, options: LeaseKeeperOptions) {
    this.#lease = lease;
    this.#options = options;
    this.#timer = setInterval(() => this.#renewing ??= this.#renew(), options.leaseMs / 3);
  }

  /** Fires with a {@linkcode LeaseLostError} when another owner has the lease. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * To be asked in front of what another owner must not see: this process may have been paused, and its timers with it.
   *
   * @throws {LeaseLostError} the lease may have run out
   */
  check(): void {
    this.#lost.signal.throwIfAborted();
    if (Date.now() - this.#renewedAt > this.#options.leaseMs) throw new LeaseLostError(this.#lease);
  }

  /** Ends renewing. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
  }

  async #renew(): Promise<void> {
    const begun = Date.now();
    try {
      await renewLease(this.#options.sql, this.#lease, this.#options.leaseMs);
      this.#renewedAt = begun;
    } catch (error) {
      if (error instanceof LeaseLostError) this.#lost.abort(error);
      else {
        this.#options.logger.warn("Cannot renew the lease", {
          stream: this.#lease.stream,
          error: describeError(error),
        });
      }
    } finally {
      this.#renewing = undefined;
    }
  }
}
