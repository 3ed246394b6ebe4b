import { resolve } from "node:path";

/** A daemon that runs as a process of its own. */
export interface DaemonProcess {
  /** Its process id: the daemon itself, no shell around it. */
  readonly pid: number;
  /** Sends it a signal. */
  kill(signal: Deno.Signal): void;
  /** Resolves with its exit code when it has ended. */
  readonly ended: Promise<number>;
}

/** Which daemon to start, and how. */
export interface DaemonOptions {
  /** The arguments after the task's own. */
  readonly args?: readonly string[];
  /** Its environment, besides this program's. */
  readonly environment: Readonly<Record<string, string>>;
  /** Called with what it prints to its output, piece by piece. @default nothing */
  readonly onOutput?: (text: string) => void;
  /** Called with all that it has printed, if it ends with another code than 0 or by a signal. */
  readonly onFailure?: (output: string) => void;
}

const ROOT = resolve(import.meta.dirname!, "..");

/**
 * Starts a task of the root `deno.json` as one process: same program, same permissions, no task runner in between, so that a
 * signal reaches the daemon itself.
 *
 * @param task `publisher`, `consume` or `archive`
 */
export async function startDaemon(task: string, options: DaemonOptions): Promise<DaemonProcess> {
  const child = (await taskCommand(task, options)).spawn();
  const output = Promise.all([textOf(child.stdout, options.onOutput), new Response(child.stderr).text()]);
  const ended = (async (): Promise<number> => {
    const status = await child.status;
    const text = (await output).join("");
    if (status.code !== 0) options.onFailure?.(text);
    return status.code;
  })();
  return { pid: child.pid, kill: (signal) => child.kill(signal), ended };
}

async function textOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onText?: (text: string) => void,
): Promise<string> {
  let all = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    all += text;
    onText?.(text);
  }
  return all;
}

/** What a task printed, and its exit code. */
export interface TaskOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a task of the root `deno.json` as one process until it ends by itself. */
export async function runTask(task: string, options: Pick<DaemonOptions, "args" | "environment">): Promise<TaskOutput> {
  const { code, stdout, stderr } = await (await taskCommand(task, options)).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function taskCommand(task: string, options: Pick<DaemonOptions, "args" | "environment">): Promise<Deno.Command> {
  const { tasks } = JSON.parse(await Deno.readTextFile(resolve(ROOT, "deno.json"))) as {
    tasks: Record<string, string>;
  };
  const [program, ...words] = tasks[task]!.split(" ");
  if (program !== "deno") throw new Error(`Cannot start '${task}': its task does not begin with deno`);
  return new Deno.Command(Deno.execPath(), {
    args: [...words, ...options.args ?? []],
    cwd: ROOT,
    env: { ...options.environment },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}
