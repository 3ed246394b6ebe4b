import type { Event, EventDefinition, Guarantee, StreamName } from "@events-pipeline/common";
import { parseEntryId } from "@events-pipeline/common";
import type { TransactionSql } from "postgres";
import type { ConsumerContext, ReceivedEvent, WorkContext } from "./consumer_context.ts";

/** The event that a definition defines. */
export type EventOf<Definition> = Definition extends EventDefinition<infer Name, infer Payload> ? Event<Name, Payload>
  : never;

/**
 * Where a consumer begins that has no checkpoint yet: with the first event ever sent, with those sent from now on, behind an entry, or
 * with the first event published at a time or after it.
 */
export type StartFrom = "beginning" | "now" | Date | `${number}-${number}`;

/** What every consumer is, whatever its guarantee. */
export interface BaseSpec<Definitions extends readonly EventDefinition[]> {
  /** The stream it reads. */
  readonly stream: StreamName;
  /** Its stable identity in dedup rows and checkpoints, such as `widgets:notify_owner`. Must never change. */
  readonly name: string;
  /** The events it wants. Others on the stream are passed over. */
  readonly events: Definitions;
  /** Where it begins when it has no checkpoint yet. @default "beginning" */
  readonly startFrom?: StartFrom;
  /** How long until a failed event comes again, in milliseconds; a tenth of it is random. @default 5000 */
  readonly retryMs?: number;
  /** With more than `retryMs`, the wait doubles with each failure up to this, half of it at random. @default retryMs */
  readonly retryMaxMs?: number;
  /** After so many attempts an event is set aside as a dead letter, and the next one comes. @default never */
  readonly deadLetterAfter?: number;
  /**
   * How long a handler may take for one event (or one batch), in milliseconds. Then its signal fires, its transaction is rolled back, and
   * it counts as failed. A handler that is silent in its transaction for longer than this and the lease is cut off by the database.
   *
   * @default no limit
   */
  readonly timeoutMs?: number;
}

/** A consumer whose effects are in the database, once each. */
export interface ExactlyOnceSpec<Definitions extends readonly EventDefinition[]> extends BaseSpec<Definitions> {
  /** Its effects commit together with the note that the event is done. */
  readonly guarantee?: "EXACTLY_ONCE";
  /**
   * Reacts to one event. What it writes through `tx` commits together with the note that the event is done. The transaction
   * belongs to the worker: the handler neither commits nor rolls back. Throwing rolls back, and the event comes again.
   */
  handle(event: EventOf<Definitions[number]>, context: ConsumerContext, tx: TransactionSql): Promise<void> | void;
  /** The most events in one transaction when it is behind. @default 200 */
  readonly maxBatch?: number;
  /** How many events of a transaction are handled at once: above 1 only where their order does not matter. @default 1 */
  readonly concurrency?: number;
}

/** A consumer that takes many events at once; its effects are in the database, once each. */
export interface BatchSpec<Definitions extends readonly EventDefinition[]> extends BaseSpec<Definitions> {
  /** Its effects commit together with the note that the events are done. */
  readonly guarantee?: "EXACTLY_ONCE";
  /**
   * Reacts to a batch of events, in stream order. As with `handle`, what it writes through `tx` commits with the note that they are
   * done. When it throws, the events come again one by one, so that the one at fault is found.
   */
  handleBatch(
    events: readonly ReceivedEvent<EventOf<Definitions[number]>>[],
    context: WorkContext,
    tx: TransactionSql,
  ): Promise<void> | void;
  /** The most events in one batch. @default 1000 */
  readonly maxBatch?: number;
}

/** A consumer whose effects are outside the database: a mail, a call of another service. */
export interface OutsideSpec<Definitions extends readonly EventDefinition[]> extends BaseSpec<Definitions> {
  /**
   * `AT_LEAST_ONCE`: the event is noted as done after the handler, so a crash in between repeats it. `AT_MOST_ONCE`: before the handler,
   * so a crash in between loses it, and so does a failure, which is told and not tried again.
   */
  readonly guarantee: "AT_LEAST_ONCE" | "AT_MOST_ONCE";
  /** Reacts to one event, outside of any transaction. */
  handle(event: EventOf<Definitions[number]>, context: ConsumerContext): Promise<void> | void;
  /** How many events are handled at once: above 1 only where their order does not matter. @default 1 */
  readonly concurrency?: number;
}

/** What a consumer is: by its guarantee, and by whether it takes events one by one. */
export type ConsumerSpec<Definitions extends readonly EventDefinition[]> =
  | ExactlyOnceSpec<Definitions>
  | BatchSpec<Definitions>
  | OutsideSpec<Definitions>;

/** What a consumer does with its events. */
export type Handler =
  /** One event, in the worker's transaction. */
  | {
    readonly kind: "transaction";
    handle(event: Event, context: ConsumerContext, tx: TransactionSql): Promise<void> | void;
  }
  /** Many events, in the worker's transaction. */
  | {
    readonly kind: "batch";
    handle(events: readonly ReceivedEvent[], context: WorkContext, tx: TransactionSql): Promise<void> | void;
  }
  /** One event, outside of any transaction. */
  | { readonly kind: "outside"; handle(event: Event, context: ConsumerContext): Promise<void> | void };

/** A defined consumer, ready to be run. Made by {@linkcode defineConsumer}. */
export interface Consumer {
  /** The stream it reads. */
  readonly stream: StreamName;
  /** Its stable identity. */
  readonly name: string;
  /** The events it wants, by name and by earlier names. */
  readonly events: ReadonlyMap<string, EventDefinition>;
  /** What it promises. */
  readonly guarantee: Guarantee;
  /** What it does. */
  readonly handler: Handler;
  /** The most events in one transaction. */
  readonly maxBatch: number;
  /** How many events are handled at once. */
  readonly concurrency: number;
  /** Where it begins when it has no checkpoint yet. */
  readonly startFrom: StartFrom;
  /** How long until a failed event comes again at first, in milliseconds. */
  readonly retryMs: number;
  /** How long at last. */
  readonly retryMaxMs: number;
  /** After so many attempts an event becomes a dead letter; `Infinity` for never. */
  readonly deadLetterAfter: number;
  /** How long a handler may take, in milliseconds; `Infinity` for as long as it likes. */
  readonly timeoutMs: number;
}

/** Neither timers nor PostgreSQL's limits go further. */
const MOST_TIMEOUT_MS = 2 ** 31 - 1;

const CONSUMER_NAME = /^[a-z0-9][a-z0-9_.:-]{0,99}$/;

const defined = new WeakSet<object>();

/**
 * Defines a consumer: a handler for some events of one stream, under a name that never changes.
 *
 * @throws {TypeError} the name has another form, there are no events, or a number is out of range
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { defineConsumer } from "@events-pipeline/consumer";
 *
 * export const notifyOwner = defineConsumer({
 *   stream: StreamName.WIDGETS,
 *   name: "widgets:notify_owner",
 *   events: [WidgetCreated],
 *   async handle(event, context, tx) {
 *     await tx`INSERT INTO notification (owner_id, event_id) VALUES (${event.payload.owner_id}, ${context.eventId})`;
 *   },
 * });
 * ```
 */
export function defineConsumer<const Definitions extends readonly EventDefinition[]>(
  spec: ConsumerSpec<Definitions>,
): Consumer {
  const { name, retryMs = 5_000, guarantee = "EXACTLY_ONCE" } = spec;
  const batch = "handleBatch" in spec;
  const numbers = {
    maxBatch: "maxBatch" in spec && spec.maxBatch !== undefined ? spec.maxBatch : batch ? 1_000 : 200,
    concurrency: "concurrency" in spec && spec.concurrency !== undefined ? spec.concurrency : 1,
    retryMs,
    retryMaxMs: spec.retryMaxMs ?? retryMs,
    deadLetterAfter: spec.deadLetterAfter ?? Infinity,
    timeoutMs: spec.timeoutMs ?? Infinity,
  };
  const faults = [...faultsOf(name, spec, numbers)];
  if (faults.length > 0) throw new TypeError(`Cannot define the consumer '${name}': ${faults.join("; ")}`);
  const consumer: Consumer = Object.freeze({
    stream: spec.stream,
    name,
    // What was sent under an earlier name of an event is that event.
    events: new Map(spec.events.flatMap((event) => [event.name, ...event.aliases].map((name) => [name, event]))),
    guarantee,
    handler: handlerOf(spec as ConsumerSpec<readonly EventDefinition[]>),
    startFrom: spec.startFrom ?? "beginning",
    ...numbers,
  });
  defined.add(consumer);
  return consumer;
}

/** Whether a value was made by {@linkcode defineConsumer}. */
export function isConsumer(value: unknown): value is Consumer {
  return typeof value === "object" && value !== null && defined.has(value);
}

/** The worker decodes with the consumer's own definitions, so each event is one of those that the handler takes. */
function handlerOf(spec: ConsumerSpec<readonly EventDefinition[]>): Handler {
  if ("handleBatch" in spec) {
    return { kind: "batch", handle: (events, context, tx) => spec.handleBatch(events as never, context, tx) };
  }
  if (spec.guarantee === "AT_LEAST_ONCE" || spec.guarantee === "AT_MOST_ONCE") {
    return { kind: "outside", handle: (event, context) => spec.handle(event as never, context) };
  }
  return { kind: "transaction", handle: (event, context, tx) => spec.handle(event as never, context, tx) };
}

function* faultsOf(
  name: string,
  spec: ConsumerSpec<readonly EventDefinition[]>,
  numbers: Pick<Consumer, "maxBatch" | "concurrency" | "retryMs" | "retryMaxMs" | "deadLetterAfter" | "timeoutMs">,
): Generator<string> {
  if (!CONSUMER_NAME.test(name)) {
    yield "its name must be lower-case letters, digits and _ . : -, 100 characters at most";
  }
  if (spec.events.length === 0) yield "it wants no events";
  const { maxBatch, concurrency, retryMs, retryMaxMs, deadLetterAfter, timeoutMs } = numbers;
  const count = (value: number, most: number): boolean => Number.isInteger(value) && value >= 1 && value <= most;
  if (!count(maxBatch, 10_000)) yield `maxBatch is ${maxBatch} and must be from 1 to 10000`;
  if (!count(concurrency, 1_000)) yield `concurrency is ${concurrency} and must be from 1 to 1000`;
  if (!(retryMs > 0 && retryMs < Infinity)) yield `retryMs is ${retryMs} and must be above 0`;
  if (!(retryMaxMs >= retryMs && retryMaxMs < Infinity)) {
    yield `retryMaxMs is ${retryMaxMs} and must not be below retryMs`;
  }
  if (deadLetterAfter !== Infinity && !count(deadLetterAfter, Infinity)) {
    yield `deadLetterAfter is ${deadLetterAfter} and must be a whole number from 1 on`;
  }
  if (timeoutMs !== Infinity && !(timeoutMs > 0 && timeoutMs <= MOST_TIMEOUT_MS)) {
    yield `timeoutMs is ${timeoutMs} and must be above 0, and at most ${MOST_TIMEOUT_MS}`;
  }
  const { startFrom } = spec;
  if (startFrom instanceof Date) {
    if (Number.isNaN(startFrom.getTime())) yield "startFrom is no valid date";
  } else if (startFrom !== undefined && startFrom !== "beginning" && startFrom !== "now") {
    try {
      parseEntryId(startFrom);
    } catch {
      yield `startFrom is '${startFrom}' and must be "beginning", "now", an entry id or a Date`;
    }
  }
}
