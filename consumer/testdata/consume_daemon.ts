import { childProcesses, isAlive } from "@events-pipeline/local/child_processes";
import { type DaemonProcess, startDaemon } from "@events-pipeline/local/daemon_process";
import { freePort } from "@events-pipeline/local/free_port";
import type { TestPipeline } from "@events-pipeline/local/test_pipeline";

/** `deno task consume` with a monitor. Disposing of it kills it and its children, if they are still there. */
export interface ConsumeDaemon extends DaemonProcess, AsyncDisposable {
  /** What it says is wrong, by part; `undefined` when it does not answer. */
  faults(): Promise<Record<string, string> | undefined>;
  /** Its figures. */
  metrics(): Promise<string>;
  /** All that it has printed, once it has ended with another code than 0. */
  readonly output: string;
}

/** How it is started. */
export interface ConsumeOptions {
  /** A handlers file of this folder, for the stream `TEST_STREAM`. @default none */
  readonly handlers?: string;
  /** Further arguments. @default none */
  readonly args?: readonly string[];
  /** Further environment. @default a lease of a second */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts it on a pipeline. */
export async function startConsume(
  { databaseUrl, redisUrl, stream }: Pick<TestPipeline, "databaseUrl" | "redisUrl" | "stream">,
  { handlers, args = [], environment = {} }: ConsumeOptions,
): Promise<ConsumeDaemon> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  let output = "";
  const daemon = await startDaemon("consume", {
    args: [...(handlers === undefined ? [] : ["--handlers", `consumer/testdata/${handlers}`]), ...args],
    environment: {
      ...{ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, TEST_STREAM: stream, MONITOR_ADDRESS: String(port) },
      ...{ CONSUMER_LEASE_SECONDS: "1", ...environment },
    },
    onFailure: (text) => output = text,
  });
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
      // Those that a supervisor has started: nothing else might end them, if it is that which fails.
      for (const pid of [daemon.pid, ...childProcesses(daemon.pid)]) if (isAlive(pid)) Deno.kill(pid, "SIGKILL");
      await daemon.ended;
    },
  };
}
