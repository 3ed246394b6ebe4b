import { listSegments, type ObjectStore, openStore, readSegment } from "@events-pipeline/archiver";
import { checkPipeline, type PipelineReport } from "@events-pipeline/checker";
import { pipelineMigrations } from "@events-pipeline/cli";
import { parseEntryId, StreamName, toJsonLine, ZERO_ENTRY_ID } from "@events-pipeline/common";
import { readCheckpoints, readLease } from "@events-pipeline/common/lease";
import { migrate } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis, type RedisTls } from "@events-pipeline/common/redis";
import { sleep } from "@events-pipeline/common/retry";
import { createWidget, createWidgetTables } from "@events-pipeline/example-widgets";
import { pathToFileURL } from "node:url";
import type { Sql } from "postgres";
import { type DaemonProcess, startDaemon } from "./daemon_process.ts";

/** What {@linkcode runDemo} works with. */
export interface DemoOptions {
  /** A database of the demo's own. */
  readonly databaseUrl: string;
  /** The Redis; the demo's stream is deleted first. */
  readonly redisUrl: string;
  /** Certificates for its own connection to Redis. @default none */
  readonly redisTls?: RedisTls;
  /** Further environment of a daemon, by task: another user of Redis, say. @default none */
  readonly environmentOf?: (task: string) => Readonly<Record<string, string>>;
  /** An empty folder for the archive. */
  readonly archiveFolder: string;
  /** How many times a widget is created. */
  readonly count: number;
  /** Ends the demo early. */
  readonly signal: AbortSignal;
  /** Called as it goes on, with a line of progress. */
  readonly onProgress?: (line: string) => void;
  /** Called with what came out, while everything is still running. */
  readonly onResult?: (result: DemoResult) => Promise<void>;
  /** Called when the load is half done, with the running daemons by task; a test kills some of them here. */
  readonly onHalfWay?: (daemons: Map<string, DaemonProcess>, restart: (task: string) => Promise<void>) => Promise<void>;
}

/** What came out. */
export interface DemoResult {
  readonly committed: number;
  readonly rolledBack: number;
  /** What the checker found. */
  readonly report: PipelineReport;
  /** From the insert, just before the commit, to the handler, in milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly archivedLine: string;
}

const STREAM = StreamName.WIDGETS;

/** How many widgets a second the demo creates. */
const RATE = 250;

/** How long the stages may take after the last widget, in milliseconds. */
const SETTLE_MS = 60_000;

/** Runs the tutorial on real daemons, each a process of its own, and checks every stage. */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  await using cleanUp = new AsyncDisposableStack();
  const sql = connectPostgres(options.databaseUrl, { applicationName: "demo" });
  cleanUp.defer(() => closePostgres(sql));
  const redis = connectRedis(options.redisUrl, { clientName: "demo", tls: options.redisTls ?? {} });
  cleanUp.defer(() => redis.close());
  await migrate(sql, pipelineMigrations);
  await createWidgetTables(sql);
  await redis.call("DEL", STREAM);
  const archiveUrl = pathToFileURL(options.archiveFolder).href;
  const archive = await openStore(archiveUrl);
  cleanUp.defer(() => archive.close());
  const daemons = new Map<string, DaemonProcess>();
  cleanUp.defer(() => stopAll(daemons));
  const start = async (task: string): Promise<void> => {
    const args = task === "consume" ? ["--handlers", "examples/widgets/handlers.ts"] : [];
    const environment = {
      DATABASE_URL: options.databaseUrl,
      REDIS_URL: options.redisUrl,
      ARCHIVE_URL: archiveUrl,
      ARCHIVE_SEGMENT_AGE_SECONDS: "1",
      ARCHIVE_LEASE_SECONDS: "3",
      CONSUMER_LEASE_SECONDS: "3",
      ...options.environmentOf?.(task),
    };
    const onFailure = (output: string) => {
      if (daemons.get(task)?.pid === pid) options.onProgress?.(`${task} failed:\n${output}\n`);
    };
    const daemon = await startDaemon(task, { args, environment, onFailure });
    const pid = daemon.pid;
    daemons.set(task, daemon);
  };
  for (const task of ["publisher", "consume", "archive"]) await start(task);
  const sent: string[] = [];
  let rolledBack = 0;
  const progress = async (): Promise<boolean> => {
    const [row] = await sql<{ handled: number }[]>`SELECT count(*)::int AS handled FROM widgets.notification`;
    const archiver = await readLease(sql, { stream: STREAM, role: "archiver" });
    const archived = parseEntryId(archiver?.checkpoint ?? ZERO_ENTRY_ID).position;
    options.onProgress?.(
      `committed ${sent.length}, rolled back ${rolledBack}, handled ${row!.handled}, archived ${archived}`,
    );
    return row!.handled >= sent.length && archived >= sent.length;
  };
  // The consumer has begun when it holds its lease, and the publisher when it holds the wake-up lock: the latency shall not count
  // their start.
  await until(async () => {
    const asleep = await sql`
      SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND datname = current_database()`;
    return asleep.length > 0 && (await readCheckpoints(sql, "consumer:widgets:notify_owner")).size > 0;
  }, options.signal);
  const begun = Date.now();
  for (let i = 0; i < options.count && !options.signal.aborted; i++) {
    if (i % 10 === 9) {
      await createAndRollBack(sql, i);
      rolledBack++;
    } else {
      const widget = { widget_id: `widget-${i}`, owner_id: `owner-${i % 7}` };
      sent.push(await sql.begin((tx) => createWidget(tx, widget)));
    }
    if (i === Math.floor(options.count / 2)) await options.onHalfWay?.(daemons, start);
    if (i % 50 === 49) await progress();
    await sleep(begun + (i + 1) * 1_000 / RATE - Date.now(), options.signal);
  }
  await until(progress, options.signal);
  const report = await checkPipeline({
    ...{ sql, redis, archive, streams: [STREAM], complete: true },
    sent: new Map([[STREAM, sent]]),
    handled: { table: "widgets.notification" },
  });
  const [latency] = await sql<{ p50: number; p99: number }[]>`
    SELECT coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), 0)::float8 AS p50,
           coalesce(percentile_cont(0.99) WITHIN GROUP (ORDER BY ms), 0)::float8 AS p99
    FROM (SELECT extract(epoch FROM n.handled_at - o.created_at) * 1000 AS ms
          FROM widgets.notification n JOIN events.outbox_event o USING (event_id)) AS latency`;
  const result: DemoResult = {
    committed: sent.length,
    rolledBack,
    report,
    latency: latency!,
    archivedLine: await firstArchivedLine(archive),
  };
  await options.onResult?.(result);
  return result;
}

async function firstArchivedLine(archive: ObjectStore): Promise<string> {
  for await (const segment of listSegments(archive, STREAM)) {
    const [first] = await readSegment(archive, STREAM, segment);
    if (first !== undefined) return toJsonLine(first);
  }
  return "";
}

async function createAndRollBack(sql: Sql, i: number): Promise<void> {
  const changedMind = new Error("changed its mind");
  try {
    await sql.begin(async (tx) => {
      await createWidget(tx, { widget_id: `widget-${i}`, owner_id: "nobody" });
      throw changedMind;
    });
  } catch (error) {
    if (error !== changedMind) throw error;
  }
}

/** Waits until the check holds, and at most for a while: what is missing then is counted as lost. */
async function until(check: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + SETTLE_MS;
  while (!signal.aborted && Date.now() < deadline) {
    if (await check()) return;
    await sleep(100, signal);
  }
}

async function stopAll(daemons: Map<string, DaemonProcess>): Promise<void> {
  await Promise.all([...daemons.values()].map(async (daemon) => {
    try {
      daemon.kill("SIGTERM");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // It has ended already.
    }
    const stuck = setTimeout(() => daemon.kill("SIGKILL"), 15_000);
    try {
      await daemon.ended;
    } finally {
      clearTimeout(stuck);
    }
  }));
}
