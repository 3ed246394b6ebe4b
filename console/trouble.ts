import type { ObjectStore } from "@events-pipeline/archiver";
import { describeError } from "@events-pipeline/common/logger";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { isTransient } from "@events-pipeline/common/retry";
import { sqlstateOf } from "@events-pipeline/common/sqlstate";

/** What the console reads beside PostgreSQL. */
type Part = "Redis" | "The archive";

/** Why something cannot be shown, for people. */
export interface Trouble {
  /** What is wrong, in a few words. */
  readonly title: string;
  /** What is known of it, and what to do. */
  readonly text: string;
}

/** Which part an error came from. The errors stay as they are, since what they say is looked at. */
const partOf = new WeakMap<object, Part>();

/** A connection whose errors are known to be Redis's. */
export function watchedRedis(redis: RedisConnection): RedisConnection {
  return {
    call: (...args) => noted("Redis", redis.call(...args)),
    callAt: (...args) => noted("Redis", redis.callAt(...args)),
    callPrimaries: (...args) => noted("Redis", redis.callPrimaries(...args)),
    evaluate: (...args) => noted("Redis", redis.evaluate(...args)),
    slotOf: (key) => redis.slotOf(key),
    onReconnect: (callback) => redis.onReconnect(callback),
    close: () => redis.close(),
  };
}

/**
 * An archive that is only read, whose errors are known to be its own.
 *
 * @param signal ends what is long: between two requests it throws the signal's reason
 */
export function watchedStore(store: ObjectStore, signal?: AbortSignal): ObjectStore {
  return {
    put: () => Promise.reject(new Error("Cannot write to the archive: the console only reads it")),
    delete: () => Promise.reject(new Error("Cannot delete from the archive: the console only reads it")),
    get(key) {
      signal?.throwIfAborted();
      return noted("The archive", store.get(key));
    },
    async *list(folder, options) {
      const objects = store.list(folder, options)[Symbol.asyncIterator]();
      try {
        for (;;) {
          signal?.throwIfAborted();
          const { done, value } = await noted("The archive", objects.next());
          if (done) return;
          yield value;
        }
      } finally {
        await objects.return?.();
      }
    },
    close: () => store.close(),
  };
}

async function noted<T>(part: Part, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (typeof error === "object" && error !== null) partOf.set(error, part);
    throw error;
  }
}

/** Says why something cannot be shown: who does not answer, and what to do. */
export function troubleOf(error: unknown): Trouble {
  const text = describeError(error);
  const part = causesOf(error).map((cause) => partOf.get(cause)).find((part) => part !== undefined);
  if (part !== undefined) return { title: `${part} does not answer`, text };
  switch (sqlstateOf(error)) {
    case "57014":
      return {
        title: "This takes too long",
        text: "The search was given up after 5 seconds. Narrow it, and try again",
      };
    case "42501":
      return {
        title: "The console lacks a right in PostgreSQL",
        text: `${text}. Have it log in as a member of events_console, and run deno task migrate --roles`,
      };
    case "42P01":
    case "42703":
    case "3F000":
      return { title: "PostgreSQL lacks a table of the pipeline", text: `${text}. Run deno task migrate` };
  }
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return { title: "This takes too long", text: "The search was given up. Narrow it, and try again" };
  }
  if (causesOf(error).some(isTransient)) return { title: "PostgreSQL does not answer", text };
  return { title: "Cannot show this", text };
}

/** Whether an error is no fault of who asks: a server does not answer, or refuses the console. */
export function isTrouble(error: unknown): boolean {
  return sqlstateOf(error) !== undefined || causesOf(error).some((cause) => partOf.has(cause) || isTransient(cause));
}

/** An error, and what it came from. */
function causesOf(error: unknown): readonly object[] {
  if (typeof error !== "object" || error === null) return [];
  const inner = error instanceof AggregateError ? error.errors : [];
  return [error, ...[(error as { cause?: unknown }).cause, ...inner].flatMap(causesOf)];
}
