import { fromJsonLine, parseEntryId } from "@events-pipeline/common";
import type { RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";

/** What one stage of the pipeline holds, in its own order. */
export interface Stage {
  /** `outbox`, `stream`, `handled` or `archive`. */
  readonly name: string;
  /** The ids of its events. */
  readonly eventIds: readonly string[];
}

/** What {@linkcode checkStages} found. */
export interface Findings {
  /** Sent events that a stage lacks, over all stages. */
  readonly lost: number;
  /** Events that a stage holds more than once, each surplus one counted. */
  readonly duplicated: number;
  /** Events that come, in a stage, before one that the stream has earlier. */
  readonly outOfOrder: number;
  /** Events that nobody has sent, in any stage: of a transaction that was rolled back, say. */
  readonly unexpected: number;
}

/**
 * Compares the stages with what was sent. The order is the stream's: it is what every later stage must follow.
 *
 * @param sent the ids of all events whose transaction committed
 * @param stages the stages; the one named `stream` gives the order
 *
 * @example
 * ```ts
 * import { checkStages } from "@events-pipeline/local";
 * import { assertEquals } from "@std/assert";
 *
 * const stages = [{ name: "stream", eventIds: ["a", "b"] }, { name: "handled", eventIds: ["b", "b"] }];
 * assertEquals(checkStages(["a", "b"], stages), { lost: 1, duplicated: 1, outOfOrder: 0, unexpected: 0 });
 * ```
 */
export function checkStages(sent: readonly string[], stages: readonly Stage[]): Findings {
  const expected = new Set(sent);
  const place = new Map(stages.find((stage) => stage.name === "stream")?.eventIds.map((id, i) => [id, i]));
  let lost = 0, duplicated = 0, outOfOrder = 0, unexpected = 0;
  for (const { name, eventIds } of stages) {
    const seen = new Set<string>();
    let latest = -1;
    for (const id of eventIds) {
      if (!expected.has(id)) unexpected++;
      if (seen.has(id)) duplicated++;
      seen.add(id);
      const at = place.get(id) ?? latest;
      // The outbox is in insert order, which is the stream's only where one transaction came after another.
      if (name !== "outbox" && at < latest) outOfOrder++;
      latest = Math.max(latest, at);
    }
    for (const id of expected) if (!seen.has(id)) lost++;
  }
  return { lost, duplicated, outOfOrder, unexpected };
}

/** The outbox's events of a stream, in insert order. */
export async function outboxStage(sql: Sql, stream: string): Promise<Stage> {
  const rows = await sql<{ event_id: string }[]>`
    SELECT event_id FROM events.outbox_event WHERE stream_name = ${stream} ORDER BY id`;
  return { name: "outbox", eventIds: rows.map((row) => row.event_id) };
}

/**
 * The events of a Redis stream, in stream order.
 *
 * @throws {Error} positions are not dense
 */
export async function streamStage(redis: RedisConnection, stream: string): Promise<Stage> {
  const eventIds: string[] = [];
  let after = "0-0";
  while (true) {
    const page = await redis.call("XRANGE", stream, `(${after}`, "+", "COUNT", 1_000) as [string, string[]][];
    for (const [entryId, fields] of page) {
      if (parseEntryId(entryId).position !== parseEntryId(after).position + 1) {
        throw new Error(`Cannot trust ${stream}: ${entryId} does not follow ${after}`);
      }
      after = entryId;
      eventIds.push(fields[fields.indexOf("event_id") + 1]!);
    }
    if (page.length === 0) return { name: "stream", eventIds };
  }
}

/** The events of a stream in an archive folder, in the order of the objects' ids, and the first archived line. */
export async function archiveStage(folder: string, stream: string): Promise<Stage & { readonly firstLine?: string }> {
  const root = `${folder}/stream=${stream}`;
  const files: { readonly path: string; readonly position: number }[] = [];
  for await (const day of entriesOf(root)) {
    for await (const file of entriesOf(`${root}/${day}`)) {
      if (!file.endsWith(".jsonl.gz")) continue;
      files.push({ path: `${root}/${day}/${file}`, position: parseEntryId(file.split("_")[0]!).position });
    }
  }
  files.sort((a, b) => a.position - b.position);
  const eventIds: string[] = [];
  let firstLine: string | undefined;
  for (const { path } of files) {
    const bytes = await Deno.readFile(path);
    const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    for (const line of text.split("\n")) {
      if (line === "") continue;
      firstLine ??= line;
      eventIds.push(fromJsonLine(line).eventId);
    }
  }
  return { name: "archive", eventIds, ...(firstLine === undefined ? {} : { firstLine }) };
}

async function* entriesOf(folder: string): AsyncGenerator<string> {
  try {
    for await (const entry of Deno.readDir(folder)) yield entry.name;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
