/** One measured figure. */
export interface Figure {
  /** What was measured: `drain, 200 bytes, 10000 rows`. */
  readonly what: string;
  /** How much. */
  readonly value: number;
  /** In what: `events/s`, `ms`, `MB`, or `` for a ratio. */
  readonly unit: string;
  /** What is asked for, as text: `>= 45000`. */
  readonly goal?: string;
}

/** Prints figures as they come, and all of them as one line of JSON at the end. */
export class BenchReport {
  readonly #name: string;
  readonly #figures: Figure[] = [];

  /** @param name the benchmark's name */
  constructor(name: string) {
    this.#name = name;
  }

  /** Adds a figure, and prints it. */
  add(what: string, value: number, unit: string, goal?: string): void {
    this.#figures.push({ what, value, unit, ...(goal === undefined ? {} : { goal }) });
    const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3;
    const number = value.toLocaleString("en-US", { maximumFractionDigits: digits, minimumFractionDigits: digits });
    console.log(
      `${what.padEnd(64)}${number.padStart(12)} ${unit.padEnd(10)}${goal === undefined ? "" : ` (goal ${goal})`}`,
    );
  }

  /** Prints the line of JSON. */
  end(): void {
    const machine = { cores: navigator.hardwareConcurrency, deno: Deno.version.deno };
    console.log(JSON.stringify({ bench: this.#name, machine, figures: this.#figures }));
  }
}

/** The value below which a share of all values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** The CPU time that a process and its living and reaped children have used so far, in seconds. Linux only. */
export async function cpuSeconds(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const own = Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
  const children = (await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`)).split(" ").filter((id) => id !== "");
  const theirs = await Promise.all(children.map((id) => cpuSeconds(Number(id)).catch(() => 0)));
  return own / 100 + theirs.reduce((sum, seconds) => sum + seconds, 0);
}

/** The memory that a process holds now, in bytes. Linux only. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}
