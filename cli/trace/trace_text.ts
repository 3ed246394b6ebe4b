import { textTable } from "@events-pipeline/common/text-table";
import { duration, size } from "../status/quantities.ts";
import type { ConsumerHop, EventTrace } from "./event_trace.ts";

/** A trace for a terminal: a line for each hop, with its time, and how long after the sending it was. */
export function traceText(trace: EventTrace): string {
  const { sentAt, publishedAt, entryId, segment } = trace;
  const bytes = trace.payloadBytes === undefined ? "" : `, ${size(trace.payloadBytes)}`;
  const hop = (name: string, at: Date | undefined, what: string): string[] => [
    ...[
      name,
      at?.toISOString() ?? "",
      at === undefined ? "" : `+${duration((at.getTime() - sentAt.getTime()) / 1_000)}`,
    ],
    what,
  ];
  const kept = [
    trace.inOutbox ? "the outbox" : undefined,
    trace.inRedis ? "Redis" : undefined,
    segment && "the archive",
  ]
    .filter((place) => place !== undefined);
  const published = entryId === undefined
    ? "not yet: its publisher has not come to it"
    : `${entryId}${publishedAt === undefined ? "; the outbox no longer has the time" : ""}`;
  return [
    `${trace.eventType} ${trace.eventId}`,
    `${trace.stream}${bytes}, kept in ${kept.join(", ") || "nothing any more"}`,
    "",
    textTable(["HOP", "AT", "AFTER", "WHAT"], [
      hop("sent", sentAt, "outbox row committed"),
      hop("published", publishedAt, published),
      ...trace.consumers.map((consumer) => hop(consumer.consumer, timeOf(consumer), consumerText(consumer))),
      ...(segment === undefined ? [] : [hop("archived", segment.writtenAt, segment.key)]),
    ]),
  ].join("\n");
}

function timeOf(hop: ConsumerHop): Date | undefined {
  if (hop.kind === "handled" || hop.kind === "dead letter") return hop.at;
  return hop.kind === "failing" ? hop.since : undefined;
}

function consumerText(hop: ConsumerHop): string {
  switch (hop.kind) {
    case "handled":
      return "handled";
    case "dead letter":
      return `${hop.redriving ? "dead letter, to be handled once more" : "dead letter"}: ${hop.reason.slice(0, 200)}`;
    case "failing":
      return `failing since then, ${hop.attempts} attempts, again at ${hop.retryAt.toISOString()}: ${
        hop.error.slice(0, 200)
      }`;
    case "waiting":
      return `has not come to it: ${hop.before} events are before it, and it is ${hop.state}`;
    case "passed over":
      return "passed over: of a type that it does not want, in front of its beginning, or handled so long ago that the note is pruned";
  }
}
