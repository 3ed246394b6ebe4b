/**
 * The program of `deno task archive ls | cat | verify | compact`.
 *
 * @module
 */
import { toJsonLine } from "@events-pipeline/common";
import { leaseMigrations, readCheckpoints } from "@events-pipeline/common/lease";
import { describeError } from "@events-pipeline/common/logger";
import { checkSchema } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { readSubcommand } from "@events-pipeline/common/subcommands";
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import { pathToFileURL } from "node:url";
import type { Sql } from "postgres";
import { listSegments, listStreams, positionsOf, type SegmentIds } from "../archived_segments.ts";
import { type Compacted, compactStream, TARGET_BYTES } from "../compact/compact_stream.ts";
import { archiverMigrations } from "../migrations.ts";
import type { ObjectStore } from "../object_store.ts";
import { openStore } from "../open_store.ts";
import { archivePages, type ArchiveRange } from "../read/read_archive.ts";
import { dateOf } from "../segment.ts";
import { s3OptionsOf, s3PutOptionsOf, type S3PutSettings, type StoreSettings } from "../store_settings.ts";
import { verifyArchive } from "../verify/verify_archive.ts";
import { findEvent } from "./find_event.ts";
import { beginningAt, endingAt, parsePlace } from "./place.ts";
import { Progress } from "./progress.ts";
import { archiveToolsCommand } from "./tools_config.ts";
import { count, faultLine, verifiedLine } from "./verified_text.ts";

/** What the tools work with. */
interface Tools {
  readonly store: ObjectStore;
  /** Connects to the producers' database. */
  connect(url: string): Promise<Sql>;
}

/** Where the archive is; the tool that writes objects is told how, too. */
type ArchiveSettings = { readonly ARCHIVE_URL: string | undefined } & (StoreSettings | StoreSettings & S3PutSettings);

/** Runs the tool that the arguments name. @returns the exit code */
export async function runArchiveTool(args: readonly string[]): Promise<number> {
  const command = readSubcommand(archiveToolsCommand, args, (name) => Deno.env.get(name));
  if (command.kind === "print") {
    (command.exitCode === 0 ? console.log : console.error)(command.text);
    return command.exitCode;
  }
  try {
    await using cleanUp = new AsyncDisposableStack();
    const store = await openArchive(command.settings);
    cleanUp.defer(() => store.close());
    const tools: Tools = {
      store,
      async connect(url) {
        const sql = connectPostgres(url, { applicationName: "events-archive-tools", connections: 4 });
        cleanUp.defer(() => closePostgres(sql));
        await checkSchema(sql, [leaseMigrations, outboxMigrations, archiverMigrations]);
        return sql;
      },
    };
    switch (command.name) {
      case "ls":
        return await ls(tools, command.flags);
      case "cat":
        return await cat(tools, command.flags);
      case "verify":
        return await verify(tools, command.flags, command.settings.DATABASE_URL);
      case "compact":
        return await compact(tools, command.flags, command.settings.DATABASE_URL);
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return 0; // Whoever reads has seen enough.
    console.error(`${archiveToolsCommand.call} ${command.name}: ${describeError(error)}`);
    return 1;
  }
}

function openArchive(settings: ArchiveSettings): Promise<ObjectStore> {
  const put = "ARCHIVE_S3_PART_BYTES" in settings ? s3PutOptionsOf(settings) : {};
  return openStore(settings.ARCHIVE_URL ?? pathToFileURL("archive").href, { ...s3OptionsOf(settings), ...put });
}

/** Writes lines, and waits until they are taken. */
async function print(lines: readonly string[]): Promise<void> {
  const bytes = new TextEncoder().encode(lines.map((line) => line + "\n").join(""));
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}

interface SegmentsFlags {
  readonly stream: readonly string[];
  readonly date: string | undefined;
  readonly json: boolean;
}

async function ls({ store }: Tools, flags: SegmentsFlags): Promise<number> {
  const streams = flags.stream.length > 0 ? flags.stream : await Array.fromAsync(listStreams(store));
  const seek = flags.date === undefined ? {} : { fromMs: Date.parse(flags.date) };
  let segments = 0;
  if (!flags.json) {
    await print([
      ["DATE      ", "EVENTS".padStart(9), "BYTES".padStart(10), "STREAM, FIRST AND LAST ENTRY"].join("  "),
    ]);
  }
  for (const stream of streams) {
    let end = 0;
    for await (const { key, bytes, ids } of listSegments(store, stream, seek)) {
      if (ids === undefined) {
        console.error(`Not a segment: ${key}`);
        continue;
      }
      const date = dateOf(ids.first);
      if (flags.date !== undefined && date > flags.date) break;
      const superseded = positionsOf(ids).last <= end;
      end = Math.max(end, positionsOf(ids).last);
      const count = countOf(ids);
      await print([
        flags.json
          ? JSON.stringify({ stream, date, ...ids, events: count, bytes, key, superseded })
          : `${date}  ${String(count).padStart(9)}  ${String(bytes).padStart(10)}  ${stream} ${ids.first} ${ids.last}${
            superseded ? " superseded" : ""
          }`,
      ]);
      segments++;
    }
  }
  if (segments === 0) console.error("There are no such segments.");
  return 0;
}

function countOf(ids: SegmentIds): number {
  const { first, last } = positionsOf(ids);
  return last - first + 1;
}

interface CatFlags {
  readonly stream: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly "event-type": readonly string[];
  readonly "event-id": string | undefined;
}

async function cat({ store }: Tools, flags: CatFlags): Promise<number> {
  const { stream } = flags;
  const range: ArchiveRange = {
    after: flags.from === undefined ? undefined : beginningAt(parsePlace(flags.from)!),
    until: flags.to === undefined ? undefined : endingAt(parsePlace(flags.to)!),
  };
  const types = new Set(flags["event-type"]);
  const isWanted = (type: string): boolean => types.size === 0 || types.has(type);
  const eventId = flags["event-id"]?.toLowerCase();
  if (eventId !== undefined) {
    const entry = await findEvent(store, stream, eventId, range);
    if (entry === undefined || !isWanted(entry.eventType)) {
      throw new Error(`Cannot find ${eventId} in the archive of ${stream}`);
    }
    await print([toJsonLine(entry)]);
    return 0;
  }
  let empty = true;
  for await (const page of archivePages(store, stream, range)) {
    empty &&= page.length === 0;
    await print(page.filter((entry) => isWanted(entry.eventType)).map(toJsonLine));
  }
  if (empty) {
    const wanted = flags.from === undefined && flags.to === undefined ? "" : "that range of ";
    console.error(`The archive has nothing of ${wanted}'${stream}'.`);
  }
  return 0;
}

interface VerifyFlags {
  readonly stream: readonly string[];
  readonly from: string | undefined;
  readonly "no-database": boolean;
  readonly json: boolean;
}

async function verify({ store, connect }: Tools, flags: VerifyFlags, databaseUrl: string | undefined): Promise<number> {
  const compare = databaseUrl !== undefined && !flags["no-database"];
  const progress = new Progress(console.error);
  const totals = { streams: 0, events: 0, faults: 0 };
  const verified = verifyArchive({
    store,
    sql: compare ? await connect(databaseUrl) : undefined,
    streams: flags.stream.length > 0 ? [...new Set(flags.stream)] : undefined,
    fromMs: flags.from === undefined ? undefined : Date.parse(flags.from),
    onProgress: (stream, { segments, events }) =>
      progress.tell(() => `${stream}: ${events} events in ${segments} segments so far`),
  });
  for await (const stream of verified) {
    await print(
      flags.json
        ? [JSON.stringify(stream)]
        : [verifiedLine(stream), ...stream.faults.map((fault) => `  ${faultLine(fault)}`)],
    );
    const untold = stream.faultCount - stream.faults.length;
    if (untold > 0 && !flags.json) await print([`  and ${untold} more`]);
    totals.streams++;
    totals.events += stream.events;
    totals.faults += stream.faultCount;
  }
  if (!compare) console.error("Without a database it is not known whether the archive's end is missing.");
  if (!flags.json) {
    await print([
      `${count(totals.streams, "stream")}, ${totals.events} events: ${
        totals.faults === 0 ? "whole" : `${totals.faults} faults`
      }`,
    ]);
  }
  return totals.faults === 0 ? 0 : 1;
}

interface CompactFlags {
  readonly stream: readonly string[];
  readonly date: string | undefined;
  readonly "target-bytes": string | undefined;
}

async function compact({ store, connect }: Tools, flags: CompactFlags, databaseUrl: string): Promise<number> {
  const sql = await connect(databaseUrl);
  const known = [...(await readCheckpoints(sql, "archiver")).keys()];
  const unknown = flags.stream.filter((stream) => !known.includes(stream));
  if (unknown.length > 0) throw new Error(`Cannot compact ${unknown.join(", ")}: no archiver has ever archived it`);
  const progress = new Progress(console.error);
  const tell = (stream: string, { merged, into, superseded }: Compacted): string =>
    `${stream}: ${merged} objects have become ${into}` +
    (superseded > 0 ? `, ${superseded} superseded ones were removed` : "");
  let failures = 0;
  for (const stream of flags.stream.length > 0 ? new Set(flags.stream) : known) {
    try {
      const done = await compactStream({
        ...{ sql, store, stream, date: flags.date, targetBytes: Number(flags["target-bytes"] ?? TARGET_BYTES) },
        onProgress: (done) => progress.tell(() => tell(stream, done)),
      });
      await print([tell(stream, done)]);
      if (flags.date !== undefined && done.days === 0) {
        console.error(`${stream}: ${flags.date} is not over yet, or has no segments`);
      }
    } catch (error) {
      failures++;
      console.error(`${archiveToolsCommand.call} compact: ${describeError(error)}`);
    }
  }
  return failures === 0 ? 0 : 1;
}
