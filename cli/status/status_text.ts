import { parseEntryId } from "@events-pipeline/common";
import { textTable } from "@events-pipeline/common/text-table";
import type { ArchiveOverview, ConsumerOverview, Lag, Overview, StreamOverview } from "./overview.ts";
import { duration, rowCount, size } from "./quantities.ts";
import type { Stall } from "./stalls.ts";

/** An overview for a terminal: daemons, streams, consumers, archives, and what is stalled. */
export function statusText(overview: Overview, stalls: readonly Stall[]): string {
  const { at, daemons, memory, streams, consumers, archives } = overview;
  const program = (name: string, connections: number): string => `${name} ${connections > 0 ? "up" : "not seen"}`;
  const limit = memory?.limit === 0 ? "no limit" : `of ${size(memory?.limit ?? 0)}`;
  const dead = consumers.reduce((sum, consumer) => sum + consumer.deadLetters, 0);
  const parts = [
    [
      `At ${new Date(at).toISOString()}`,
      `Daemons: ${
        [
          program("publisher", daemons.publisher),
          program("consumer", daemons.consumer),
          program("archiver", daemons.archiver),
        ].join(", ")
      }`,
      memory === undefined ? "Redis: no answer" : `Redis: ${size(memory.used)}, ${limit}, ${memory.policy}`,
    ].join("\n"),
    streams.length === 0 ? "No event was ever sent." : streamTable(streams, at),
    consumers.length === 0 ? "No consumer has ever begun." : consumerTable(consumers),
    ...(archives.length === 0 ? [] : [archiveTable(archives, at)]),
    ...(dead === 0 ? [] : [`${dead} dead letters: 'deno task dead-letters list' shows them`]),
    stalls.length === 0
      ? "Nothing is stalled."
      : ["Stalled:", ...stalls.map(({ reason }) => `  ${oneLine(reason)}`)].join("\n"),
  ];
  return parts.join("\n\n");
}

function streamTable(streams: readonly StreamOverview[], at: number): string {
  const head = [
    "STREAM",
    "RATE",
    "UNPUBLISHED",
    "WAITING",
    "IN REDIS",
    "MEMORY",
    "LAST EVENT",
    "LOST",
    "ALL HAVE READ UP TO",
  ];
  return textTable(
    head,
    streams.map((stream) => [
      ...[stream.stream, `${stream.rate.toFixed(1)}/s`, rowCount(stream.unpublished)],
      stream.unpublished === 0 ? "-" : duration(stream.unpublishedSeconds),
      ...[String(stream.entries ?? "?"), stream.bytes === undefined ? "?" : size(stream.bytes), ago(stream.lastId, at)],
      stream.lost === 0 ? "-" : String(stream.lost),
      stream.floor === undefined
        ? "-"
        : stream.floor.entryId === stream.lastId
        ? "the end"
        : `${stream.floor.entryId} (${stream.floor.heldBy})`,
    ]),
  );
}

function consumerTable(consumers: readonly ConsumerOverview[]): string {
  const head = ["CONSUMER", "STREAM", "STATE", "LAG", "BEHIND", "OWNER", "ATTEMPTS", "DEAD", "LAST ERROR"];
  return textTable(
    head,
    consumers.map((consumer) => [
      ...[consumer.consumer, consumer.stream, consumer.state, ...lagCells(consumer.lag)],
      ...[consumer.owner?.slice(0, 8) ?? "-", String(consumer.failing?.attempts ?? "-"), String(consumer.deadLetters)],
      consumer.failing?.error.slice(0, 200) ?? "",
    ]),
  );
}

function archiveTable(archives: readonly ArchiveOverview[], at: number): string {
  return textTable(
    ["ARCHIVE OF", "LAG", "BEHIND", "OWNER", "VERIFIED"],
    archives.map(({ stream, lag, owner, verification }) => [
      ...[stream, ...lagCells(lag), owner?.slice(0, 8) ?? "-"],
      verification === undefined
        ? "never"
        : `${duration((at - verification.at) / 1_000)} ago, ${
          verification.faults === 0 ? "whole" : `${verification.faults} faults`
        }`,
    ]),
  );
}

function lagCells({ events, seconds }: Lag): [string, string] {
  return [String(events), events === 0 ? "-" : seconds === undefined ? "?" : duration(seconds)];
}

function ago(entryId: string, at: number): string {
  const { ms } = parseEntryId(entryId);
  return ms === 0 ? "never" : `${duration(Math.max(0, at - ms) / 1_000)} ago`;
}

/** What comes from outside must not move the cursor. */
function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ");
}
