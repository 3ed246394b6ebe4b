/** Pairs of process and parent, from the files Linux has of them. */
function* linuxProcesses(): Generator<[pid: number, parent: number]> {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      // "pid (name) state parent …", and the name may hold anything
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state !== "Z") yield [Number(name), Number(parent)];
    } catch (error) {
      // Gone in the meantime: ENOENT on opening, ESRCH on reading
      if (!(error instanceof Deno.errors.NotFound) && !`${error}`.includes("os error 3")) {
        throw error;
      }
    }
  }
}

/** The same from `ps`, where there is no /proc. */
function* listedProcesses(): Generator<[pid: number, parent: number]> {
  const { stdout } = new Deno.Command("ps", { args: ["-A", "-o", "pid=,ppid="] }).outputSync();
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    if (pid !== undefined && parent !== undefined) yield [pid, parent];
  }
}

/** Ids of the living children of a process. */
export function childProcesses(parent: number): number[] {
  const all = Deno.build.os === "linux" ? linuxProcesses() : listedProcesses();
  return [...all].filter(([_, itsParent]) => itsParent === parent).map(([pid]) => pid);
}

/** Whether a process is alive; one that has ended and was not yet waited for is not. */
export function isAlive(pid: number): boolean {
  const all = Deno.build.os === "linux" ? linuxProcesses() : listedProcesses();
  for (const [alive] of all) if (alive === pid) return true;
  return false;
}
