import { type Entry, type Event, formatEntryId } from "@events-pipeline/common";
import { type Logger, silentLogger } from "@events-pipeline/common/logger";
import { transaction } from "@events-pipeline/common/transaction";
import type { Sql, TransactionSql } from "postgres";
import type { Consumer } from "../define_consumer.ts";
import { outcomeOf } from "../failure_policy.ts";
import { libraryTransaction } from "../library_transaction.ts";
import { handleEntries, handleEntry, type HandlerCall, HandlerError } from "../run_handler.ts";

/** How {@linkcode runHandler} runs a handler. */
export interface RunHandlerOptions<Seen = undefined> {
  /** A pool on the database that the handler writes. A consumer of another guarantee than `EXACTLY_ONCE` or with a `database` needs none. */
  readonly sql?: Sql;
  /** Which attempt it is. @default 1 */
  readonly attempt?: number;
  /** What the sender has put beside the payload. @default none */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The event's id. @default a new one */
  readonly eventId?: string;
  /** Handed to the handler. @default a silent one */
  readonly logger?: Logger;
  /** Looks at what the handler has written, before it is rolled back. */
  readonly inspect?: (tx: TransactionSql) => Promise<Seen>;
}

/** What a worker would have made of it. */
export type RunOutcome =
  /** The handler returned: its effects would be committed. */
  | { readonly kind: "handled" }
  /** It failed: the event would come again after so many milliseconds. */
  | { readonly kind: "retry"; readonly waitMs: number; readonly error: unknown }
  /** It failed: the event would be set aside. */
  | { readonly kind: "dead letter"; readonly reason: string; readonly error: unknown };

/** What came of it. */
export interface HandlerRun<Seen> {
  /** What a worker would have made of it. */
  readonly outcome: RunOutcome;
  /** What `inspect` returned, if the handler did not fail. */
  readonly seen: Seen | undefined;
}

/** Ends the transaction without an effect. */
class RollBack extends Error {}

/**
 * Runs a consumer's handler on one event, as a worker would, in a transaction that is rolled back in any case. The payload goes through
 * JSON and its schema, as on the wire. Neither Redis nor the tables of the pipeline are needed.
 *
 * @throws {TypeError} the consumer does not want such an event, or needs a database
 * @throws {Error} `inspect` failed, or the database
 *
 * @example
 * ```ts
 * import { defineStreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { DeadLetter, defineConsumer } from "@events-pipeline/consumer";
 * import { runHandler } from "@events-pipeline/consumer/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const mailer = defineConsumer({
 *   stream: defineStreamName("stream:mails:events"),
 *   name: "mails:send",
 *   events: [WidgetCreated],
 *   guarantee: "AT_LEAST_ONCE",
 *   handle(event) {
 *     if (event.payload.owner_id === "") throw new DeadLetter("It has no owner");
 *   },
 * });
 *
 * const good = await runHandler(mailer, WidgetCreated.create({ widget_id: "w1", owner_id: "o1" }));
 * assertEquals(good.outcome, { kind: "handled" });
 * const bad = await runHandler(mailer, WidgetCreated.create({ widget_id: "w1", owner_id: "" }));
 * assertEquals(bad.outcome.kind === "dead letter" && bad.outcome.reason, "It has no owner");
 * ```
 */
export async function runHandler<Seen = undefined>(
  consumer: Consumer,
  event: Event,
  options: RunHandlerOptions<Seen> = {},
): Promise<HandlerRun<Seen>> {
  const definition = consumer.events.get(event.type);
  if (definition === undefined) {
    throw new TypeError(
      `Cannot run '${consumer.name}' on ${event.type}: it wants ${[...consumer.events.keys()].join(", ")}`,
    );
  }
  const { sql, inspect, attempt = 1 } = options;
  const entry: Entry = {
    entryId: formatEntryId({ ms: Date.now(), position: 1 }),
    eventId: options.eventId ?? crypto.randomUUID(),
    eventType: event.type,
    stream: consumer.stream,
    time: new Date().toISOString(),
    metadata: JSON.stringify(options.metadata ?? {}),
    payload: definition.encode(event),
  };
  const call: HandlerCall = {
    consumer,
    attempt,
    signal: new AbortController().signal,
    logger: options.logger ?? silentLogger,
    onDuration() {},
  };
  let seen: Seen | undefined;
  try {
    const work = async (tx: TransactionSql): Promise<never> => {
      await handleInside(call, entry, tx);
      seen = await inspect?.(tx);
      throw new RollBack();
    };
    if (consumer.database !== undefined) await libraryTransaction(consumer.database, work);
    else if (sql !== undefined) await transaction(sql, {}, work);
    else await handleOutside(call, entry);
  } catch (error) {
    if (error instanceof HandlerError) {
      return { outcome: { ...outcomeOf(consumer, error, attempt), error: error.cause }, seen: undefined };
    }
    if (!(error instanceof RollBack)) throw error;
  }
  return { outcome: { kind: "handled" }, seen };
}

async function handleInside(call: HandlerCall, entry: Entry, tx: TransactionSql): Promise<void> {
  const { handler } = call.consumer;
  if (handler.kind === "batch") {
    await handleEntries(call, [entry], (events, context) => handler.handle(events, context, tx));
  } else if (handler.kind === "outside") await handleEntry(call, entry, handler.handle);
  else await handleEntry(call, entry, (event, context) => handler.handle(event, context, tx));
}

async function handleOutside(call: HandlerCall, entry: Entry): Promise<void> {
  const { handler, name } = call.consumer;
  if (handler.kind !== "outside") throw new TypeError(`Cannot run '${name}' without a database: give it sql`);
  await handleEntry(call, entry, handler.handle);
}
