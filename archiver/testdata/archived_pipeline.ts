import { assertRight, checkPipeline } from "@events-pipeline/checker";
import type { Event, StreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { readLease } from "@events-pipeline/common/lease";
import { type TestPipeline, testPipeline, type TestServers } from "@events-pipeline/local/test_pipeline";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import { pathToFileURL } from "node:url";
import { type ArchiverOptions, runArchiver } from "../archiver.ts";
import type { ObjectStore } from "../object_store.ts";
import { openStore } from "../open_store.ts";

/** A pipeline with an archive, for one test. */
export interface ArchivedPipeline extends TestPipeline {
  /** The archive: a folder, if it was not given. */
  readonly store: ObjectStore;
  /** The archive's URL, when it is a folder. */
  readonly archiveUrl: string;
  /** The ids of the events that were sent to the pipeline's stream, in order. */
  readonly sent: readonly string[];
  /** Sends so many events, and publishes them. */
  send(count: number, stream?: StreamName): Promise<void>;
  /** Archives what is published. */
  archive(options?: Partial<ArchiverOptions>): Promise<void>;
  /** The keys of all objects. */
  keys(): Promise<string[]>;
  /** How many entries of the stream are archived. */
  archived(stream?: string): Promise<number>;
  /** Asserts that the archive holds all that was sent to the stream: each once, in order, unchanged. */
  assertArchived(): Promise<void>;
}

/** Widgets to be sent. */
export function widgets(count: number, owner: string = "o"): Event[] {
  return Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: owner }));
}

/** Sets it up. */
export async function archivedPipeline(
  servers: TestServers & { readonly store?: ObjectStore } = {},
): Promise<ArchivedPipeline> {
  await using cleanUp = new AsyncDisposableStack();
  const pipeline = cleanUp.use(await testPipeline(servers));
  const { sql, redis, stream } = pipeline;
  const folder = await Deno.makeTempDir();
  cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
  const archiveUrl = pathToFileURL(folder).href;
  const store = servers.store ?? await openStore(archiveUrl);
  const sent: string[] = [];
  const owned = cleanUp.move();
  return {
    ...{ ...pipeline, store, archiveUrl, sent },
    async send(count, to = stream) {
      const ids = await sql.begin((tx) => sendEvents(tx, { stream: to, events: widgets(count) }));
      if (to === stream) sent.push(...ids);
      await pipeline.publish();
    },
    async archive(options = {}) {
      const signal = AbortSignal.timeout(60_000);
      const backoff = { baseMs: 20, maxMs: 100 };
      await runArchiver({ sql, redis, store, once: true, segmentCount: 100, pollMs: 50, signal, backoff, ...options });
    },
    keys: async () => (await Array.fromAsync(store.list(""))).map(({ key }) => key),
    async archived(of = stream) {
      const state = await readLease(sql, { stream: of, role: "archiver" });
      return Number(state?.checkpoint.split("-")[1] ?? 0);
    },
    async assertArchived() {
      const truth = new Map([[stream, sent]]);
      const options = { sql, redis, archive: store, streams: [stream], sent: truth, complete: true };
      const report = await checkPipeline(options);
      assertRight(report);
      const archive = report.streams[0]!.stages.find(({ stage }) => stage === "archive");
      assertEquals(archive?.events, sent.length);
      const state = await readLease(sql, { stream, role: "archiver" });
      assertEquals(state?.pendingSegment, null);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
