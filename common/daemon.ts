/**
 * Runs a daemon: turns signals into an orderly stop, and its end into an exit code. Only a `main.ts` uses it.
 *
 * @module
 */
import type { Health } from "./health.ts";
import { describeError, type Logger } from "./logger.ts";
import { NewerSchemaError } from "./migrator.ts";
import { backoffMs, isTransient, sleep } from "./retry.ts";

/** The two scopes of ending: the second one comes when the first was not quick enough. */
export interface Shutdown {
  /** Take no more work, and finish what is in hand. Fires at the first SIGINT or SIGTERM. */
  readonly stop: AbortSignal;
  /** Give up what is in hand too. Fires at the second signal. */
  readonly cancel: AbortSignal;
}

/** How long work that was cancelled may take to end, in milliseconds. */
const CANCEL_MS = 3_000;

/** The exit code for a database schema that is newer than the program. */
const EXIT_NEWER_SCHEMA = 3;

/**
 * Runs a daemon until it ends by itself or by a signal. What ignores its cancelling is not waited for: the caller exits, and the
 * database rolls back.
 *
 * @param logger told of signals and of a failure
 * @param run the daemon; it ends soon after `stop` fires
 * @returns the exit code: 0 after a clean end, 1 after a failure, 3 when the database schema is newer than the program
 */
export async function runDaemon(logger: Logger, run: (shutdown: Shutdown) => Promise<void>): Promise<number> {
  const stop = new AbortController();
  const cancel = new AbortController();
  const onSignal = (): void => {
    if (!stop.signal.aborted) {
      logger.info("Stopping: finishing what is in hand. A second signal cancels it");
      stop.abort();
    } else {
      logger.warn("Stopping at once: cancelling what is in hand");
      cancel.abort();
    }
  };
  // A client may write to a connection that has just been cut, outside of any request: what failed is told to whoever waits for
  // it, and tried again; it is no reason to die.
  const onRejection = (event: PromiseRejectionEvent): void => {
    if (!isTransient(event.reason)) return;
    event.preventDefault();
    logger.warn("A connection was cut while it was written to", { error: describeError(event.reason) });
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  Deno.addSignalListener("SIGINT", onSignal);
  Deno.addSignalListener("SIGTERM", onSignal);
  try {
    const running = run({ stop: stop.signal, cancel: cancel.signal });
    running.catch(() => {}); // It may fail after it was given up.
    const ended = await Promise.race([running.then(() => true), givenUp(cancel.signal)]);
    if (ended) logger.info("Stopped");
    else logger.error("Stopped with work in hand that did not end when it was cancelled");
    return ended ? 0 : 1;
  } catch (error) {
    logger.error("Cannot go on", { error: describeError(error) });
    return error instanceof NewerSchemaError ? EXIT_NEWER_SCHEMA : 1;
  } finally {
    Deno.removeSignalListener("SIGINT", onSignal);
    Deno.removeSignalListener("SIGTERM", onSignal);
    globalThis.removeEventListener("unhandledrejection", onRejection);
  }
}

/** Resolves a while after the signal has fired. */
function givenUp(signal: AbortSignal): Promise<false> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => setTimeout(() => resolve(false), CANCEL_MS));
  });
}

/** What {@linkcode whenAvailable} works with. */
export interface AvailableOptions {
  /** Told of each failed try. */
  readonly logger: Logger;
  /** Red while the server is away. */
  readonly health: Health;
  /** What `health` calls the server: `database`. */
  readonly part: string;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/**
 * Does something at the start of a daemon that needs a server, and waits for the server as long as it is away: daemons are often
 * started together with their servers.
 *
 * @returns what it gave; `undefined` when the signal fired while it waited
 * @throws {Error} what it did failed by another cause
 */
export async function whenAvailable<T>(options: AvailableOptions, act: () => Promise<T>): Promise<T | undefined> {
  const { logger, health, part, signal } = options;
  for (let failures = 1;; failures++) {
    try {
      const result = await act();
      health.recover(part);
      return result;
    } catch (error) {
      if (!isTransient(error)) throw error;
      const waitMs = backoffMs(failures, { baseMs: 250, maxMs: 5_000 });
      health.fail(part, describeError(error));
      logger.warn(`The ${part} is away: waiting for it`, { retryInMs: waitMs, error: describeError(error) });
      await sleep(waitMs, signal);
      if (signal.aborted) return undefined;
    }
  }
}
