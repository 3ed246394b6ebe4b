import { textTable } from "@events-pipeline/common/text-table";
import { duration, size } from "../status/quantities.ts";
import type { ConsumerHop, EventTrace } from "./event_trace.ts";

/** A part of an event's way. */
export interface Hop {
  /** `sent`, `published`, `archived`, or a consumer's name. */
  readonly what: string;
  /** When it was done; `undefined` if it was not, or nobody knows when. */
  readonly at: Date | undefined;
  /** What was done, in words. */
  readonly detail: string;
}

/** How a trace is told. */
export interface TraceTextOptions {
  /** Whether the words of errors are left out: handlers may have put payloads into them. @default false */
  readonly hidesErrors?: boolean;
}

/** An event's way in words, hop by hop. */
export function hopsOf(trace: EventTrace, { hidesErrors = false }: TraceTextOptions = {}): readonly Hop[] {
  const { sentAt, publishedAt, entryId, consumers, segment } = trace;
  const words = (error: string): string => hidesErrors ? "the error is not shown" : error.slice(0, 200);
  const published = entryId === undefined
    ? "not yet: its publisher has not come to it"
    : `${entryId}${publishedAt === undefined ? "; the outbox no longer has the time" : ""}`;
  return [
    { what: "sent", at: sentAt, detail: "outbox row committed" },
    { what: "published", at: publishedAt, detail: published },
    ...consumers.map((hop): Hop => ({ what: hop.consumer, at: timeOf(hop), detail: consumerText(hop, words) })),
    ...(segment === undefined ? [] : [{ what: "archived", at: segment.writtenAt, detail: segment.key }]),
  ];
}

/** A trace for a terminal: a line for each hop, with its time, and how long after the sending it was. */
export function traceText(trace: EventTrace): string {
  const { sentAt } = trace;
  const bytes = trace.payloadBytes === undefined ? "" : `, ${size(trace.payloadBytes)}`;
  const kept = [
    trace.inOutbox ? "the outbox" : undefined,
    trace.inRedis ? "Redis" : undefined,
    trace.segment && "the archive",
  ].filter((place) => place !== undefined);
  const rows = hopsOf(trace).map(({ what, at, detail }) => [
    ...[what, at?.toISOString() ?? ""],
    at === undefined ? "" : `+${duration((at.getTime() - sentAt.getTime()) / 1_000)}`,
    detail,
  ]);
  return [
    `${trace.eventType} ${trace.eventId}`,
    `${trace.stream}${bytes}, kept in ${kept.join(", ") || "nothing any more"}${
      trace.redisFault === undefined ? "" : " (Redis does not answer)"
    }`,
    "",
    textTable(["HOP", "AT", "AFTER", "WHAT"], rows),
  ].join("\n");
}

function timeOf(hop: ConsumerHop): Date | undefined {
  if (hop.kind === "handled" || hop.kind === "dead letter") return hop.at;
  return hop.kind === "failing" ? hop.since : undefined;
}

function consumerText(hop: ConsumerHop, words: (error: string) => string): string {
  switch (hop.kind) {
    case "handled":
      return "handled";
    case "dead letter":
      return `${hop.redriving ? "dead letter, to be handled once more" : "dead letter"}: ${words(hop.reason)}`;
    case "failing":
      return `failing since then, ${hop.attempts} attempts, again at ${hop.retryAt.toISOString()}: ${words(hop.error)}`;
    case "waiting":
      return `has not come to it: ${hop.before} events are before it, and it is ${hop.state}`;
    case "passed over":
      return "passed over: of a type that it does not want, in front of its beginning, or handled so long ago that the note is pruned";
  }
}
