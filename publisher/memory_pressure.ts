import type { RedisConnection } from "@events-pipeline/common/redis";
import { sleep } from "@events-pipeline/common/retry";

/** How full Redis is. */
export interface RedisMemory {
  /** Bytes in use. */
  readonly used: number;
  /** Bytes it may use; 0 when it has no limit. */
  readonly limit: number;
  /** What it does when there is no room, such as `noeviction`. */
  readonly policy: string;
}

/** Asks Redis how full it is. Of the primaries of a Cluster the fullest one counts, for a stream does not move to where there is room. */
export async function readMemory(redis: RedisConnection): Promise<RedisMemory> {
  const servers = (await redis.callPrimaries("INFO", "memory")).map((reply) => {
    const figure = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(String(reply))?.[1] ?? 0);
    const policy = /^maxmemory_policy:(\S+)/m.exec(String(reply))?.[1] ?? "noeviction";
    return { used: figure("used_memory"), limit: figure("maxmemory"), policy };
  });
  return servers.reduce((fullest, server) => usedShare(server) > usedShare(fullest) ? server : fullest);
}

/** The share of its limit that Redis uses; 0 when it has no limit. */
export function usedShare({ used, limit }: RedisMemory): number {
  return limit === 0 ? 0 : used / limit;
}

/** Whether Redis makes room by deleting streams. It spares keys that do not expire under every policy but these. */
export function evictsStreams({ limit, policy }: RedisMemory): boolean {
  return limit > 0 && policy.startsWith("allkeys-");
}

/** While Redis is nearly full, so long between two rounds of a stream, in milliseconds. */
const SLOW_MS = 1_000;

/**
 * Slows the publisher down while Redis is nearly full: the backlog waits in PostgreSQL, where there is room, instead of making Redis
 * refuse every write.
 */
export class MemoryPressure {
  #slow = false;

  /** Whether rounds are being held back. */
  get slow(): boolean {
    return this.#slow;
  }

  /** Says whether to hold rounds back. @returns whether that is new */
  set(slow: boolean): boolean {
    const changed = this.#slow !== slow;
    this.#slow = slow;
    return changed;
  }

  /** To be awaited before each round. */
  async admit(signal: AbortSignal): Promise<void> {
    if (this.#slow) await sleep(SLOW_MS, signal);
  }
}
