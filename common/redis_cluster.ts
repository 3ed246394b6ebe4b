import { describeError } from "./logger.ts";
import type { Evaluation, RedisConnection, RedisOptions } from "./redis.ts";
import { RedisClient, timeOut } from "./redis_client.ts";
import { oneServer } from "./redis_connector.ts";
import { askServer } from "./redis_question.ts";
import { explainRefusal } from "./redis_refusal.ts";
import { askingRequest, commandRequest, type RedisRequest, scriptRequest } from "./redis_request.ts";
import { addressOf, keyOfCommand, readRedirection, SlotMap, slotOfKey } from "./redis_slots.ts";
import { type RedisTls, tlsOptions } from "./redis_tls.ts";
import type { RedisEndpoint, RedisTarget } from "./redis_url.ts";
import { backoffMs, isConnectionLoss, sleep } from "./retry.ts";

/** How long requests wait for a node that is away, in milliseconds: those for other nodes may wait behind them. */
const AWAY_MS = 1_000;

/** How often a request is sent on to another node, at most. */
const REDIRECTIONS = 8;

/** Between two looks at who has which slot, in milliseconds. */
const LOOK_MS = 100;

/** A connection to a node. */
interface Node {
  readonly endpoint: RedisEndpoint;
  /** The one slot that it is for; `undefined` for all slots of the node. */
  readonly slot: number | undefined;
  readonly client: RedisClient;
}

/** Sends a request on a connection, within so many milliseconds. */
type Send<T> = (client: RedisClient, request: RedisRequest, limitMs: number) => Promise<T>;

/** Connects to a Redis Cluster. */
export function connectCluster(
  target: RedisTarget & { readonly kind: "cluster" },
  options: RedisOptions,
): RedisConnection {
  const cluster = new ClusterConnection(target, options);
  return {
    call: async (command, ...args) => {
      const key = keyOfCommand(command, args);
      if (key !== undefined) return await cluster.ask(key, commandRequest(command, args));
      throw new TypeError(`Cannot send ${command} to a Redis Cluster: it names no key, so no node is the one to ask`);
    },
    callAt: (key, command, ...args) => cluster.ask(key, commandRequest(command, args)),
    callPrimaries: (command, ...args) => cluster.askPrimaries(commandRequest(command, args)),
    evaluate: (script, key, args) => cluster.evaluate(key, scriptRequest(script, key, args)),
    slotOf: slotOfKey,
    onReconnect: (callback) => cluster.onReconnect(callback),
    close: () => cluster.close(),
  };
}

/**
 * Routes requests to the nodes that have their keys. ioredis's own Cluster is not used, for a WAIT must follow its write on one
 * connection, a read that blocks must hold up nobody, and a node that is away must be told by those requests alone that need it.
 */
class ClusterConnection {
  readonly #target: RedisTarget & { readonly kind: "cluster" };
  readonly #options: RedisOptions;
  readonly #tls: RedisTls | undefined;
  readonly #limitMs: number;
  readonly #nodes = new Map<string, Node>();
  /** Connections that are being ended. */
  readonly #ending = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #reconnected: (() => void)[] = [];
  #map: SlotMap | undefined;
  #look: Promise<void> | undefined;
  #lookAt = 0;

  constructor(target: RedisTarget & { readonly kind: "cluster" }, options: RedisOptions) {
    this.#target = target;
    this.#options = options;
    this.#tls = tlsOptions(target, options.tls ?? {});
    this.#limitMs = options.commandTimeoutMs ?? 10_000;
    this.#lookSoon();
  }

  /** Sends a request to the node that has a key. */
  async ask(key: string, request: RedisRequest): Promise<unknown> {
    return await this.#route(key, request, (client, request, limitMs) => client.request(request, limitMs));
  }

  /** Sends a request that writes to the node that has a key. */
  async evaluate(key: string, request: RedisRequest): Promise<Evaluation> {
    return await this.#route(key, request, (client, request, limitMs) => client.evaluate(request, limitMs));
  }

  /** Sends a request to every primary. @returns what those reply that answer */
  async askPrimaries(request: RedisRequest): Promise<readonly unknown[]> {
    const map = await this.#knownMap(performance.now() + this.#limitMs);
    const answers = await Promise.allSettled(
      map.primaries().map((endpoint) => this.#nodeAt(endpoint, undefined).client.request(request)),
    );
    const replies = answers.flatMap((answer) => answer.status === "fulfilled" ? [answer.value] : []);
    if (replies.length > 0) return replies;
    const [reason] = answers.map((answer) => (answer as PromiseRejectedResult).reason);
    throw explainRefusal(reason, request, this.#target.login);
  }

  onReconnect(callback: () => void): void {
    this.#reconnected.push(callback);
  }

  async close(): Promise<void> {
    this.#reconnected = [];
    this.#closing.abort(new Error("Connection is closed"));
    for (const node of this.#nodes.values()) this.#drop(node);
    await Promise.allSettled([this.#look, ...this.#ending]);
  }

  /** Sends a request to the node that has a key, and on to whichever node it is sent to from there. */
  async #route<T>(key: string, request: RedisRequest, send: Send<T>): Promise<T> {
    const deadline = performance.now() + this.#limitMs;
    const slot = slotOfKey(key);
    let node = await this.#nodeOf(slot, deadline);
    let asking = false;
    for (let redirections = 0;; redirections++) {
      try {
        return await send(node.client, asking ? askingRequest(request) : request, deadline - performance.now());
      } catch (error) {
        this.#closing.signal.throwIfAborted();
        const redirection = readRedirection(error, node.endpoint);
        if (redirection === undefined && !this.#isGone(node)) {
          if (error instanceof Error && (isConnectionLoss(error) || /^CLUSTERDOWN/.test(error.message))) {
            this.#lookSoon();
          }
          throw explainRefusal(error, request, this.#target.login);
        }
        if (redirections === REDIRECTIONS || performance.now() > deadline) {
          throw timeOut(`${request.title()} was sent from node to node ${redirections + 1} times`, error);
        }
        asking = redirection?.kind === "ASK";
        if (redirection?.kind === "MOVED") this.#move(redirection.slot, redirection.to);
        node = asking ? this.#nodeAt(redirection!.to, slot) : await this.#nodeOf(slot, deadline);
      }
    }
  }

  /** @throws {Error} no node has the slot, or none answers */
  async #nodeOf(slot: number, deadline: number): Promise<Node> {
    const primary = (await this.#knownMap(deadline)).primaryOf(slot);
    if (primary !== undefined) return this.#nodeAt(primary, slot);
    this.#lookSoon();
    throw new Error(`CLUSTERDOWN Hash slot ${slot} is not served by any node`);
  }

  /** The connection to a node. */
  #nodeAt(endpoint: RedisEndpoint, slot: number | undefined): Node {
    this.#closing.signal.throwIfAborted();
    const own = this.#options.connectionPerSlot ? slot : undefined;
    const name = nameOf({ endpoint, slot: own });
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const client = new RedisClient({ finder: oneServer(endpoint), login: this.#target.login, tls: this.#tls }, {
      ...this.#options,
      connectTimeoutMs: 2 * AWAY_MS,
      server: addressOf(endpoint),
      awayLimitMs: AWAY_MS,
      // Another node may take its slots over.
      onAway: () => this.#lookSoon(),
      onBack: () => this.#changed(),
    });
    const node = { endpoint, slot: own, client };
    this.#nodes.set(name, node);
    return node;
  }

  /** Ends the connection to a node. What waits on it fails, and looks for another node. */
  #drop(node: Node): void {
    this.#nodes.delete(nameOf(node));
    const ending = node.client.close().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  #isGone(node: Node): boolean {
    return this.#nodes.get(nameOf(node)) !== node;
  }

  #changed(): void {
    for (const callback of this.#reconnected) callback();
  }

  #move(slot: number, to: RedisEndpoint): void {
    this.#map?.move(slot, to);
    this.#changed();
    this.#lookSoon(); // Where one slot has gone, others may have followed.
  }

  /** Who has which slot. The first look may take a while, when all nodes are just starting. */
  async #knownMap(deadline: number): Promise<SlotMap> {
    const end = Math.min(deadline, performance.now() + AWAY_MS);
    for (let failures = 1; this.#map === undefined; failures++) {
      this.#closing.signal.throwIfAborted();
      try {
        await this.#lookNow();
      } catch (error) {
        this.#closing.signal.throwIfAborted();
        if (performance.now() > end) throw timeOut("no node of the Cluster says who has which slot", error);
        await sleep(backoffMs(failures, { baseMs: 50, maxMs: 250 }), this.#closing.signal);
      }
    }
    return this.#map;
  }

  /** Looks who has which slot, unless somebody is looking, or has just looked. */
  #lookSoon(): void {
    if (this.#closing.signal.aborted || performance.now() < this.#lookAt) return;
    this.#lookNow().catch((error) => {
      if (this.#closing.signal.aborted) return;
      this.#options.logger?.warn("Cannot look who has which slot", { error: describeError(error) });
    });
  }

  #lookNow(): Promise<void> {
    this.#look ??= this.#takeMap().finally(() => {
      this.#look = undefined;
      this.#lookAt = performance.now() + LOOK_MS;
    });
    return this.#look;
  }

  /** Asks one node after the other, those that are known from the last map first. */
  async #takeMap(): Promise<void> {
    const endpoints = new Map<string, RedisEndpoint>();
    for (const endpoint of [...shuffled(this.#map?.nodes ?? []), ...this.#target.nodes]) {
      endpoints.set(addressOf(endpoint), endpoint);
    }
    const reasons: string[] = [];
    for (const [address, endpoint] of endpoints) {
      this.#closing.signal.throwIfAborted();
      try {
        const reply = await askServer({
          endpoint,
          login: this.#target.login,
          tls: this.#tls,
          command: ["CLUSTER", "SLOTS"],
          signal: this.#closing.signal,
        });
        if (Array.isArray(reply) && reply.length > 0) return this.#useMap(new SlotMap(reply, endpoint));
        reasons.push(`${address}: it knows of no slots`);
      } catch (error) {
        reasons.push(`${address}: ${describeError(error)}`);
      }
    }
    throw Object.assign(new Error(`Cannot learn who has which slot: ${reasons.join("; ")}`), { code: "ECONNREFUSED" });
  }

  #useMap(map: SlotMap): void {
    const before = this.#map;
    this.#map = map;
    const primaries = new Set(map.primaries().map(addressOf));
    for (const node of this.#nodes.values()) {
      const owner = node.slot === undefined ? undefined : map.primaryOf(node.slot);
      const wanted = node.slot === undefined
        ? primaries.has(addressOf(node.endpoint))
        : owner !== undefined && addressOf(owner) === addressOf(node.endpoint);
      if (!wanted) this.#drop(node);
    }
    if (before !== undefined && !map.equals(before)) this.#changed();
  }
}

function nameOf({ endpoint, slot }: Pick<Node, "endpoint" | "slot">): string {
  return slot === undefined ? addressOf(endpoint) : `${addressOf(endpoint)} for slot ${slot}`;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items.map((item) => ({ item, at: Math.random() })).sort((a, b) => a.at - b.at).map(({ item }) => item);
}
