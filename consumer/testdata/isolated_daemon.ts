import type { Event } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type DaemonProcess, startDaemon } from "@events-pipeline/local/daemon_process";
import { freePort } from "@events-pipeline/local/free_port";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvents } from "@events-pipeline/producer";

/** A pipeline for `isolated_handlers.ts`. */
export interface HarmfulPipeline extends TestPipeline {
  /** Sends widgets of these names, and publishes them. */
  send(...widgets: readonly string[]): Promise<void>;
  /** How many events a consumer has handled. */
  handled(consumer: string): Promise<number>;
}

/** Sets it up. */
export async function harmfulPipeline(): Promise<HarmfulPipeline> {
  const pipeline = await testPipeline();
  const { sql, stream, publish } = pipeline;
  await sql`CREATE TABLE public.cure (id int)`;
  await sql`
    CREATE TABLE public.effect (
      id bigint GENERATED ALWAYS AS IDENTITY, consumer text, event_id uuid, pid int, run_permission text,
      PRIMARY KEY (consumer, event_id))`;
  return {
    ...pipeline,
    async send(...widgets) {
      const events = widgets.map((widget_id): Event => WidgetCreated.create({ widget_id, owner_id: "o" }));
      await sql.begin((tx) => sendEvents(tx, { stream, events }));
      await publish();
    },
    async handled(consumer) {
      return (await sql`SELECT FROM public.effect WHERE consumer = ${consumer}`).length;
    },
    [Symbol.asyncDispose]: () => pipeline[Symbol.asyncDispose](),
  };
}

/** A consumer daemon with a monitor. */
export interface MonitoredDaemon extends DaemonProcess, AsyncDisposable {
  /** What it says is wrong, by part; `undefined` when it does not answer. */
  faults(): Promise<Record<string, string> | undefined>;
  /** Its figures. */
  metrics(): Promise<string>;
  /** All that it has printed, once it has ended with another code than 0. */
  readonly output: string;
}

/** Starts `deno task consume` on `isolated_handlers.ts`. Disposing of it kills it, if it is still there. */
export async function harmfulConsumers(
  { databaseUrl, redisUrl, stream }: TestPipeline,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<MonitoredDaemon> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  let output = "";
  let over = false;
  const daemon = await startDaemon("consume", {
    args: ["--handlers", "consumer/testdata/isolated_handlers.ts", ...args],
    environment: {
      ...{ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, TEST_STREAM: stream, MONITOR_ADDRESS: String(port) },
      ...{ CONSUMER_LEASE_SECONDS: "1", CONSUMER_STOP_SECONDS: "1", ...environment },
    },
    onFailure: (text) => output = text,
  });
  daemon.ended.then(() => over = true);
  return {
    ...daemon,
    async faults() {
      const response = await fetch(`${url}/health/ready`).catch(() => undefined);
      return (await response?.json())?.faults;
    },
    metrics: async () => await (await fetch(`${url}/metrics`)).text(),
    get output() {
      return output;
    },
    async [Symbol.asyncDispose]() {
      if (!over) daemon.kill("SIGKILL");
      await daemon.ended;
    },
  };
}
