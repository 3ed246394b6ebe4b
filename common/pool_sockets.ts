import { deferred } from "./deferred.ts";
import { PostgresSocket, type PostgresSocketOptions } from "./postgres_socket.ts";
import { sleep } from "./retry.ts";

/** The sockets of one pool, so that none outlives it. */
export class PoolSockets {
  readonly #sockets = new Set<PostgresSocket>();
  #closed = false;
  /** Until when the client may be waiting to connect again, on the clock of `performance.now()`. */
  #waitsUntil = 0;
  #emptied: (() => void) | undefined;

  /** Makes a socket. That of a closed pool is at its end at once. */
  add(options: PostgresSocketOptions): PostgresSocket {
    const socket = new PostgresSocket(options);
    this.#sockets.add(socket);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#emptied?.();
    });
    if (this.#closed) socket.destroy(new Error("Cannot connect to PostgreSQL: the pool is closed"));
    return socket;
  }

  /** Says that the client may wait for so long before it connects again, in milliseconds. */
  waits(ms: number): void {
    this.#waitsUntil = Math.max(this.#waitsUntil, performance.now() + ms);
  }

  /**
   * Waits until every socket is closed, then cuts what is left.
   *
   * @param ended resolves when the client has nothing more to do, if it notices
   */
  async close(ended: Promise<void>, ms: number): Promise<void> {
    const { promise: emptied, resolve } = deferred<void>();
    const done = new AbortController();
    this.#emptied = resolve;
    if (this.#sockets.size > 0) await Promise.race([ended, emptied, sleep(ms, done.signal)]);
    done.abort();
    this.#closed = true;
    // The client's wait cannot be ended, and what it waits for is of no use to anybody.
    const waitMs = this.#waitsUntil - performance.now();
    if (waitMs > 0) await sleep(waitMs + 1);
    do {
      await Promise.all([...this.#sockets].map((socket) => socket.close()));
      await sleep(0); // One that ended early may be made anew.
    } while (this.#sockets.size > 0);
  }
}
