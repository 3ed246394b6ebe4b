import type { Event, EventDefinition, StreamName } from "@events-pipeline/common";
import type { Logger } from "@events-pipeline/common/logger";
import type { TransactionSql } from "postgres";

/** What a handler is told about the event beside its payload. */
export interface ConsumerContext {
  /** The event's id: a UUID version 7, the same at each attempt. */
  readonly eventId: string;
  /** Its place in the stream, `<ms>-<position>`. */
  readonly entryId: string;
  /** The stream it came on. */
  readonly stream: string;
  /** When it was sent. */
  readonly time: Date;
  /** Which attempt at this event this is, from 1; counted since the worker started. */
  readonly attempt: number;
  /** The labels that the producer gave it. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Fires when the work is to be given up: the lease was lost, or the process is told to stop at once. */
  readonly signal: AbortSignal;
  /** A log of the handler's own. */
  readonly logger: Logger;
}

/** The event that a definition defines. */
export type EventOf<Definition> = Definition extends EventDefinition<infer Name, infer Payload> ? Event<Name, Payload>
  : never;

/** What a consumer is. */
export interface ConsumerSpec<Definitions extends readonly EventDefinition[]> {
  /** The stream it reads. */
  readonly stream: StreamName;
  /** Its stable identity in dedup rows and checkpoints, such as `widgets:notify_owner`. Must never change. */
  readonly name: string;
  /** The events it wants. Others on the stream are passed over. */
  readonly events: Definitions;
  /**
   * Reacts to one event. What it writes through `tx` commits together with the note that the event is done. The transaction
   * belongs to the worker: the handler neither commits nor rolls back. Throwing rolls back, and the event comes again.
   */
  handle(event: EventOf<Definitions[number]>, context: ConsumerContext, tx: TransactionSql): Promise<void> | void;
  /** The most events in one transaction when it is behind. @default 100 */
  readonly maxBatch?: number;
  /** How long until a failed event comes again, in milliseconds; a tenth of it is random. @default 5000 */
  readonly retryMs?: number;
}

/** A defined consumer, ready to be run. Made by {@linkcode defineConsumer}. */
export interface Consumer {
  /** The stream it reads. */
  readonly stream: StreamName;
  /** Its stable identity. */
  readonly name: string;
  /** The events it wants, by name. */
  readonly events: ReadonlyMap<string, EventDefinition>;
  /** The handler. */
  handle(event: Event, context: ConsumerContext, tx: TransactionSql): Promise<void> | void;
  /** The most events in one transaction. */
  readonly maxBatch: number;
  /** How long until a failed event comes again, in milliseconds. */
  readonly retryMs: number;
}

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
  const { name, stream, maxBatch = 100, retryMs = 5_000 } = spec;
  if (!CONSUMER_NAME.test(name)) {
    throw new TypeError(
      `Cannot define the consumer '${name}': its name must be lower-case letters, digits and _ . : -, 100 characters at most`,
    );
  }
  if (spec.events.length === 0) throw new TypeError(`Cannot define the consumer '${name}': it wants no events`);
  if (!Number.isInteger(maxBatch) || maxBatch < 1 || maxBatch > 10_000) {
    throw new TypeError(`Cannot define the consumer '${name}': maxBatch is ${maxBatch} and must be from 1 to 10000`);
  }
  if (!(retryMs > 0)) {
    throw new TypeError(`Cannot define the consumer '${name}': retryMs is ${retryMs} and must be above 0`);
  }
  const consumer: Consumer = Object.freeze({
    stream,
    name,
    events: new Map(spec.events.map((definition) => [definition.name, definition])),
    // The worker decodes with the definitions above, so the event is one of those that the handler takes.
    handle: (event: Event, context: ConsumerContext, tx: TransactionSql) =>
      spec.handle(event as EventOf<Definitions[number]>, context, tx),
    maxBatch,
    retryMs,
  });
  defined.add(consumer);
  return consumer;
}

/** Whether a value was made by {@linkcode defineConsumer}. */
export function isConsumer(value: unknown): value is Consumer {
  return typeof value === "object" && value !== null && defined.has(value);
}
