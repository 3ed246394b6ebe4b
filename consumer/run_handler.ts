import { deferred } from "@events-pipeline/common/deferred";
import type { Entry, Event } from "@events-pipeline/common";
import { causedBy } from "@events-pipeline/common/event-cause";
import type { Logger } from "@events-pipeline/common/logger";
import type { MessagingTracer } from "@events-pipeline/common/tracing";
import type { ConsumerContext, EventInfo, ReceivedEvent, WorkContext } from "./consumer_context.ts";
import type { Consumer } from "./define_consumer.ts";
import { inHandlerSpan } from "./handler_span.ts";

/** A handler failed on one event, or on a batch: it, or the reading of a payload, threw, or it took too long. */
export class HandlerError extends Error {
  override readonly name = "HandlerError";
  /** The event it failed on; the first one of a batch. */
  readonly entry: Entry;

  constructor(consumer: Consumer, entry: Entry, cause: unknown) {
    super(`Cannot handle ${entry.eventType} ${entry.eventId} (entry ${entry.entryId}) with '${consumer.name}'`, {
      cause,
    });
    this.entry = entry;
  }
}

/** A handler took longer than its `timeoutMs`. */
export class HandlerTimeoutError extends Error {
  override readonly name = "HandlerTimeoutError";
}

/** What handlers are called with. */
export interface HandlerCall {
  /** The consumer. */
  readonly consumer: Consumer;
  /** Which attempt this is. */
  readonly attempt: number;
  /** Fires when the work in hand is to be given up. */
  readonly signal: AbortSignal;
  /** Handed to the handler. */
  readonly logger: Logger;
  /** Told how long each call took, in seconds. */
  readonly onDuration: (seconds: number) => void;
  /** Makes a span around each call. @default none */
  readonly tracer?: MessagingTracer | undefined;
}

/**
 * Calls a handler with one event.
 *
 * @throws {HandlerError} the payload does not fit its schema, or the handler threw or took too long
 */
export async function handleEntry(
  call: HandlerCall,
  entry: Entry,
  handle: (event: Event, context: ConsumerContext) => Promise<void> | void,
): Promise<void> {
  try {
    const info = infoOf(entry);
    const run = (): Promise<void> => {
      const event = decode(call.consumer, entry);
      const act = (signal: AbortSignal) => handle(event, { ...info, ...workOf(call, entry.stream, signal) });
      return causedBy(info, () => inTime(call, act));
    };
    await traced(call, entry.stream, [info], run);
  } catch (cause) {
    throw new HandlerError(call.consumer, entry, cause);
  }
}

/**
 * Calls a handler with a batch.
 *
 * @throws {HandlerError} a payload does not fit its schema, or the handler threw or took too long
 */
export async function handleEntries(
  call: HandlerCall,
  entries: readonly Entry[],
  handle: (events: readonly ReceivedEvent[], context: WorkContext) => Promise<void> | void,
): Promise<void> {
  const [first] = entries;
  if (first === undefined) return;
  try {
    const infos = entries.map(infoOf);
    const run = (): Promise<void> => {
      const events = infos.map((info, i) => ({ ...info, event: decode(call.consumer, entries[i]!) }));
      return inTime(call, (signal) => handle(events, workOf(call, first.stream, signal)));
    };
    await traced(call, first.stream, infos, run);
  } catch (cause) {
    throw new HandlerError(call.consumer, first, cause);
  }
}

/** Runs a handler, in a span if somebody takes traces. */
function traced(
  { tracer, consumer, attempt }: HandlerCall,
  stream: string,
  events: readonly EventInfo[],
  run: () => Promise<void>,
): Promise<void> {
  return tracer === undefined
    ? run()
    : inHandlerSpan(tracer, { stream, consumer: consumer.name, attempt, events }, run);
}

function decode(consumer: Consumer, entry: Entry): Event {
  return consumer.events.get(entry.eventType)!.decode(JSON.parse(entry.payload));
}

function infoOf(entry: Entry): EventInfo {
  return {
    eventId: entry.eventId,
    entryId: entry.entryId,
    eventType: entry.eventType,
    time: new Date(entry.time),
    metadata: entry.metadata === "{}" ? {} : JSON.parse(entry.metadata),
  };
}

function workOf({ attempt, logger }: HandlerCall, stream: string, signal: AbortSignal): WorkContext {
  return { stream, attempt, signal, logger };
}

/** Waits for a handler, until its time is up or its work is to be given up. */
async function inTime(call: HandlerCall, act: (signal: AbortSignal) => Promise<void> | void): Promise<void> {
  const { consumer, signal, onDuration } = call;
  const begun = performance.now();
  try {
    signal.throwIfAborted();
    if (consumer.timeoutMs === Infinity) {
      const running = act(signal);
      if (running !== undefined) await givenUp(running, signal);
      return;
    }
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new HandlerTimeoutError(`The handler took longer than its ${consumer.timeoutMs} ms`));
    }, consumer.timeoutMs);
    try {
      const either = AbortSignal.any([signal, late.signal]);
      await givenUp(Promise.resolve(act(either)), either);
    } finally {
      clearTimeout(timer);
    }
  } finally {
    onDuration((performance.now() - begun) / 1_000);
  }
}

/** As the promise, or rejects when the signal fires: a handler that ignores its signal shall not hold its worker. */
async function givenUp(running: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = deferred<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort);
  running.catch(() => {}); // It may still fail when nobody waits for it any more.
  try {
    await Promise.race([running, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
