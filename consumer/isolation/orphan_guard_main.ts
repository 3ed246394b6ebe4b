/**
 * Ends the consumers' processes that outlive their supervisor: one that is busy in a loop does not hear that it is alone. The arguments
 * of `orphan_guard_main.ts MILLISECONDS PID…` say which processes there are at first; standard input says so each time that they change, by
 * a line of ids, and by its end that the supervisor is gone. Those that are still there so many milliseconds later are killed.
 *
 * @module
 */
const [graceMs, ...first] = Deno.args.map(Number);
let pids: readonly number[] = first;
let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop()!;
  const last = lines.at(-1);
  if (last !== undefined) pids = last.split(" ").filter((pid) => pid !== "").map(Number);
}

/** Sends a signal. @returns whether the process is there */
function signal(pid: number, name: Deno.Signal): boolean {
  try {
    Deno.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

const deadline = Date.now() + graceMs!;
while (Date.now() < deadline && pids.length > 0) {
  // One that was stopped wakes by it, and can end by itself; any other does not notice.
  pids = pids.filter((pid) => signal(pid, "SIGCONT"));
  await new Promise((resolve) => setTimeout(resolve, 200));
}
for (const pid of pids) signal(pid, "SIGKILL");
