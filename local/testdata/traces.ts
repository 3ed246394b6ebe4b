import { assertEquals } from "@std/assert";
import { childProcesses, isAlive } from "../child_processes.ts";
import type { OwnedServer } from "../server.ts";
import { until } from "../until.ts";

/** What a server is made of while it runs. */
export interface Traces {
  readonly pids: readonly number[];
  readonly folder: string;
}

/** The processes and the folder of a running server. */
export function tracesOf({ pid, folder }: OwnedServer): Traces {
  return { pids: [pid, ...childProcesses(pid)], folder };
}

/** Whether there is such a file or folder. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Asserts that no process and no folder is left, at this moment. */
export async function assertGone({ pids, folder }: Traces): Promise<void> {
  assertEquals(pids.filter(isAlive), []);
  assertEquals(await exists(folder), false);
}

/** Waits until no process and no folder is left. */
export async function untilGone({ pids, folder }: Traces): Promise<void> {
  await until(`processes ${pids} are gone`, () => !pids.some(isAlive));
  await until(`folder ${folder} is gone`, async () => !await exists(folder));
}
