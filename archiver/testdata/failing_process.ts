import type { ArchiveStep } from "../archive_stream.ts";

/** An archiver in a process of its own that stops itself somewhere. */
export interface FailingProcess {
  /** Its process id. */
  readonly pid: number;
  /** Resolves when it has ended, with the signal that ended it. */
  readonly ended: Promise<Deno.Signal | null>;
  /** Sends it a signal, if it lives. */
  kill(signal: Deno.Signal): void;
}

/** Starts an archiver that sends itself a signal when it comes to a step for the n-th time. */
export function startFailing(
  environment: Readonly<Record<string, string>>,
  step: ArchiveStep | "never",
  nth: number,
  signal: Deno.Signal,
): FailingProcess {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", `${import.meta.dirname}/failing_archiver.ts`, step, String(nth), signal],
    env: { ...environment },
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  let lives = true;
  const ended = child.status.then(({ signal }) => {
    lives = false;
    return signal;
  });
  return { pid: child.pid, ended, kill: (name) => void (lives && child.kill(name)) };
}

/** Whether a process is stopped by SIGSTOP. Linux only. */
export async function isStopped(pid: number): Promise<boolean> {
  return /^State:\s+T/m.test(await Deno.readTextFile(`/proc/${pid}/status`));
}
