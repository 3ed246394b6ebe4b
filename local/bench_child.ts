import { cpuSeconds } from "./bench_report.ts";

/** A process that is ready for what is to be measured, and waits to be told to begin. */
export interface BenchChild extends AsyncDisposable {
  /** Its process id. */
  readonly pid: number;
  /** Tells it to begin. */
  go(): Promise<void>;
  /** What it prints when it has done its work, if it ends by itself. */
  readonly result: Promise<unknown>;
  /** CPU time since it was ready, in seconds; until its end, if it has ended. */
  cpuSeconds(): Promise<number>;
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>;
}

const ROOT = `${import.meta.dirname}/..`;

/**
 * Starts a program that measures with {@linkcode whenTold}, so that its own start is no part of what is measured.
 *
 * @param file from the root of the repository
 * @param environment what its environment holds beside this program's @default nothing
 * @param task the task of `deno.json` that it stands for: it gets the same limits on V8's memory
 */
export async function startBenchChild(
  file: string,
  task: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<BenchChild> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", ...await v8Flags(task), `${ROOT}/${file}`, ...args],
    env: { ...environment },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  const line = async (): Promise<string> => {
    const { value } = await output.read();
    if (value === undefined) throw new Error(`Cannot measure: ${file} has ended before its time`);
    return value;
  };
  await line();
  const before = await cpuSeconds(child.pid);
  const result = Promise.withResolvers<unknown>();
  result.promise.catch(() => {}); // Nobody may wait for it.
  let ended: number | undefined;
  const stop = async (): Promise<void> => {
    await input.close().catch(() => {});
    await child.status;
  };
  return {
    pid: child.pid,
    async go() {
      await input.write(new TextEncoder().encode("go\n"));
      line().then(async (text) => {
        ended = await cpuSeconds(child.pid).catch(() => undefined);
        result.resolve(JSON.parse(text));
      }).catch(result.reject);
    },
    result: result.promise,
    cpuSeconds: async () => (ended ?? await cpuSeconds(child.pid)) - before,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      output.releaseLock();
      await child.stdout.cancel().catch(() => {});
    },
  };
}

/**
 * In the child: says that it is ready, waits to be told to begin, does its work and prints what came of it. The signal fires when the
 * work is to end.
 */
export async function whenTold(act: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const input = Deno.stdin.readable.getReader();
  console.log("ready");
  await input.read();
  const over = new AbortController();
  const closed = (async () => {
    while (!(await input.read()).done);
    over.abort();
  })();
  console.log(JSON.stringify(await act(over.signal)));
  await closed;
}

/** The most memory that this process has had at once, in bytes. Linux only. */
export async function peakBytes(): Promise<number> {
  const status = await Deno.readTextFile("/proc/self/status");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

async function v8Flags(task: string): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`)) as { tasks: Record<string, string> };
  return tasks[task]!.split(" ").filter((word) => word.startsWith("--v8-flags="));
}
