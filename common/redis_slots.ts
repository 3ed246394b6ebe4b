import { Command } from "ioredis";
import type { RedisEndpoint } from "./redis_url.ts";

/** The slots of a Redis Cluster. Source: Redis Cluster Specification, "Key distribution model". */
const SLOTS = 16_384;

/** A range of slots in the reply to CLUSTER SLOTS: the primary comes first, then its replicas. */
type SlotRange = [first: number, last: number, ...nodes: [host: string | null, port: number, ...rest: unknown[]][]];

/** Where a node sends a client to. */
export interface Redirection {
  /** `MOVED` for good, `ASK` for this one request. */
  readonly kind: "MOVED" | "ASK";
  /** The slot. */
  readonly slot: number;
  /** The node to go to. */
  readonly to: RedisEndpoint;
}

/** The slot of a key; only what is in braces counts, if there are any. */
export function slotOfKey(key: string): number {
  return new Command("GET", [key]).getSlot()!;
}

/** The first key that a command names; `undefined` when it names none. */
export function keyOfCommand(command: string, args: readonly (string | number)[]): string | undefined {
  const [key] = new Command(command, [...args]).getKeys();
  return key === undefined ? undefined : String(key);
}

/** An endpoint as text: `host:port`. */
export function addressOf({ host, port }: RedisEndpoint): string {
  return `${host}:${port}`;
}

/** Which node of a Redis Cluster has which slot. */
export class SlotMap {
  readonly #primaries: (RedisEndpoint | undefined)[] = new Array(SLOTS).fill(undefined);
  /** All nodes, replicas too. */
  readonly nodes: readonly RedisEndpoint[];

  /**
   * Reads the reply to CLUSTER SLOTS.
   *
   * @param from the node that gave it
   */
  constructor(reply: unknown, from: RedisEndpoint) {
    const nodes = new Map<string, RedisEndpoint>();
    for (const [first, last, ...servers] of reply as SlotRange[]) {
      const endpoints = servers.map(([host, port]) => endpointOf(host ?? "", port, from));
      for (const endpoint of endpoints) nodes.set(addressOf(endpoint), endpoint);
      this.#primaries.fill(endpoints[0], first, last + 1);
    }
    this.nodes = [...nodes.values()];
  }

  /** The primary of a slot; `undefined` when no node has the slot. */
  primaryOf(slot: number): RedisEndpoint | undefined {
    return this.#primaries[slot];
  }

  /** Every primary that has slots, once. */
  primaries(): readonly RedisEndpoint[] {
    return [...new Map(this.#primaries.flatMap((node) => node ? [[addressOf(node), node]] : [])).values()];
  }

  /** Notes that a slot was found at another node. */
  move(slot: number, to: RedisEndpoint): void {
    this.#primaries[slot] = to;
  }

  /** Whether each slot has the same primary in both. */
  equals(other: SlotMap): boolean {
    return this.#primaries.every((node, slot) => sameEndpoint(node, other.#primaries[slot]));
  }
}

function sameEndpoint(a: RedisEndpoint | undefined, b: RedisEndpoint | undefined): boolean {
  return a === b || (a !== undefined && a.host === b?.host && a.port === b.port);
}

/**
 * Reads an error reply that sends the client to another node.
 *
 * @param from the node that gave it
 */
export function readRedirection(error: unknown, from: RedisEndpoint): Redirection | undefined {
  const match = error instanceof Error ? /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(error.message) : null;
  if (match === null) return undefined;
  const [, kind, slot, host, port] = match;
  return { kind: kind as "MOVED" | "ASK", slot: Number(slot), to: endpointOf(host!, port!, from) };
}

/** A node that a node names. One whose host is not known has the host of the node that was asked. */
function endpointOf(host: string, port: string | number, from: RedisEndpoint): RedisEndpoint {
  return { host: host === "" || host === "?" ? from.host : host, port: Number(port) };
}
