import { ZERO_ENTRY_ID } from "@events-pipeline/common";
import { readCheckpoints, readLease } from "@events-pipeline/common/lease";
import type { Sql } from "postgres";
import { checkArchive } from "./check_archive.ts";
import { checkHandled } from "./check_handled.ts";
import type { CheckOptions, StageCheck } from "./check_options.ts";
import { checkOutbox } from "./check_outbox.ts";
import { checkStream } from "./check_stream.ts";
import { checkVersions } from "./check_versions.ts";
import { type ConsumerState, findConsumer } from "./handled_events.ts";
import { backloggedStreams, countBacklog } from "./outbox_rows.ts";
import { positionOf } from "./stage_entry.ts";
import { FAULTS, StageFindings, type StageReport } from "./stage_report.ts";

/** What was found in one stream. */
export interface StreamReport {
  /** The stream. */
  readonly stream: string;
  /** The publisher's checkpoint when the check began: an entry id. */
  readonly published: string;
  /** Outbox rows that are not published. */
  readonly backlog: number;
  /** Entries of them that are in the stream already. */
  readonly inFlight: number;
  /** What each stage holds. */
  readonly stages: readonly StageReport[];
}

/** What {@linkcode checkPipeline} found. */
export interface PipelineReport {
  /** Whether nothing is wrong. */
  readonly right: boolean;
  /** Each stream by itself. */
  readonly streams: readonly StreamReport[];
}

/** Every stream that has been published to, or that has events to publish, ordered by name. */
export async function listStreams(sql: Sql): Promise<readonly string[]> {
  const published = [...(await readCheckpoints(sql, "publisher")).keys()];
  return [...new Set([...published, ...await backloggedStreams(sql)])].sort();
}

/**
 * Compares what the stages of a pipeline hold with what was sent: what is lost, doubled, out of order, altered, or was never sent. It
 * only reads, and may be run while the pipeline runs: what is on its way is not judged.
 *
 * @throws {Error} a server does not answer, or there is no such table
 *
 * @example
 * ```ts ignore
 * import { checkPipeline } from "@events-pipeline/checker";
 * import { assertEquals } from "@std/assert";
 *
 * const report = await checkPipeline({ sql, redis });
 * assertEquals(report.right, true);
 * ```
 */
export async function checkPipeline(options: CheckOptions): Promise<PipelineReport> {
  const { sql, consumerSql = sql, handled } = options;
  const chosen = options.streams ?? await listStreams(sql);
  const consumers = handled === undefined ? [] : await findConsumer(consumerSql, handled, chosen);
  const streams: StreamReport[] = [];
  for (const stream of new Set(chosen)) {
    streams.push(await checkOneStream(options, stream, consumers.find((consumer) => consumer.stream === stream)));
  }
  const wrong = streams.some(({ stages, backlog }) =>
    (options.complete === true && backlog > 0) || stages.some((stage) => FAULTS.some((fault) => stage[fault] > 0))
  );
  return { right: !wrong, streams };
}

async function checkOneStream(
  options: CheckOptions,
  stream: string,
  consumer: ConsumerState | undefined,
): Promise<StreamReport> {
  const { sql, archive, complete, versions = [], examples = 10, onProgress } = options;
  const stages: StageReport[] = [];
  const run = async (
    stage: string,
    upTo: number,
    act: (check: StageCheck) => Promise<number | void>,
  ): Promise<void> => {
    const findings = new StageFindings(stage, examples);
    const advance = (upTo: number): void => onProgress?.({ stream, stage, done: findings.events, upTo });
    const judged = await act({ ...options, stream, findings, advance });
    stages.push(findings.report(judged ?? upTo));
  };
  const checkpointOf = async (role: string): Promise<string> =>
    (await readLease(sql, { stream, role }))?.checkpoint ?? ZERO_ENTRY_ID;
  // The archiver never overtakes the publisher, so its checkpoint is read first.
  const archived = positionOf(await checkpointOf("archiver"));
  const published = await checkpointOf("publisher");
  const upTo = positionOf(published);
  let inFlight = 0;
  await run("outbox", upTo, (check) => checkOutbox(check, upTo));
  await run("stream", upTo, async (check) => void (inFlight = await checkStream(check, published)));
  if (archive !== undefined) {
    const last = complete === true ? upTo : archived;
    await run("archive", last, (check) => checkArchive(check, last));
  }
  if (consumer !== undefined) await run("handled", 0, (check) => checkHandled(check, consumer.name));
  for (const rule of versions) {
    const stage = `version of ${rule.eventType}.${rule.field}`;
    await run(stage, upTo, (check) => checkVersions(check, rule, upTo));
  }
  return { stream, published, backlog: await countBacklog(sql, stream), inFlight, stages };
}
