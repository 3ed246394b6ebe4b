import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./free_port.ts";
import { type Direction, TcpLane, type Weather } from "./tcp_lane.ts";

/** A TCP proxy in front of a server, to spoil the connection between it and its clients. */
export interface TcpProxy extends AsyncDisposable {
  /** Where clients connect: the server's URL with the proxy's address. */
  readonly url: string;
  /** How many connections are open. */
  readonly connections: number;
  /** Lets nothing pass in either direction; nobody is told. New connections are made, and hear nothing. */
  stall(): void;
  /** Delivers what was held back, and lets everything pass again. */
  resume(): void;
  /** Lets nothing pass over the open connections for ever, and new ones be as ever: as a firewall that has lost its state. */
  forget(): void;
  /** Resets all open connections; what is on its way is lost. */
  cut(): void;
  /** Lets bytes be on their way for so many milliseconds, in each direction. */
  delay(ms: number): void;
  /**
   * Resets the connection over which the bytes after the next `count` go, instead of delivering them.
   *
   * @param count counted over all connections, from now on
   * @returns resolves when that has happened
   */
  cutAfterBytes(count: number, direction: Direction): Promise<void>;
  /** Stalls when the next `count` bytes have gone in a direction. @returns resolves when that has happened */
  stallAfterBytes(count: number, direction: Direction): Promise<void>;
  /**
   * Takes no new connections; open ones stay. `"reset"` is how a machine answers on which nothing listens, `"hang up"` how a load
   * balancer does that has nobody behind it: it accepts, and closes.
   */
  refuse(how?: "reset" | "hang up"): void;
  /** Takes new connections again. */
  accept(): Promise<void>;
  /** Ends every fault, and those that are to come. */
  calm(): Promise<void>;
}

/**
 * Starts a proxy on a free loopback port.
 *
 * @param targetUrl the server's URL: any scheme, with a port
 *
 * @example
 * ```ts
 * import { startTcpProxy } from "@events-pipeline/local/tcp_proxy";
 *
 * await using proxy = await startTcpProxy(Deno.env.get("DATABASE_URL")!);
 * proxy.delay(100);
 * ```
 */
export async function startTcpProxy(targetUrl: string): Promise<TcpProxy> {
  for (let tries = 1;; tries++) {
    const proxy = new LocalProxy(new URL(targetUrl), freePort());
    try {
      await proxy.accept();
      return proxy;
    } catch (error) {
      if (tries === 10) throw error;
    }
  }
}

/** A connection's two sockets, and what goes between them. */
interface Link {
  readonly sockets: readonly Socket[];
  readonly lanes: readonly TcpLane[];
  forgotten: boolean;
}

/** A cut or a stall that is to come. */
interface Fuse {
  left: number;
  readonly direction: Direction;
  readonly burnt: () => void;
}

class LocalProxy implements TcpProxy {
  readonly url: string;
  readonly #target: URL;
  readonly #port: number;
  readonly #links = new Set<Link>();
  #server: Server | undefined;
  #hangUp = false;
  #fuse: Fuse | undefined;
  #emptied: (() => void) | undefined;
  #stalled = false;
  #delayMs = 0;

  constructor(target: URL, port: number) {
    this.#target = target;
    this.#port = port;
    const url = new URL(target);
    url.hostname = "127.0.0.1";
    url.port = String(port);
    this.url = url.href;
  }

  get connections(): number {
    return this.#links.size;
  }

  stall(): void {
    this.#stalled = true;
  }

  resume(): void {
    this.#stalled = false;
    this.#deliver();
  }

  delay(ms: number): void {
    this.#delayMs = ms;
    this.#deliver();
  }

  forget(): void {
    for (const link of this.#links) link.forgotten = true;
  }

  cut(): void {
    for (const link of this.#links) cutLink(link);
  }

  async cutAfterBytes(count: number, direction: Direction): Promise<void> {
    await this.#afterBytes(count, direction);
  }

  async stallAfterBytes(count: number, direction: Direction): Promise<void> {
    await this.#afterBytes(count, direction, () => this.stall());
  }

  refuse(how: "reset" | "hang up" = "reset"): void {
    this.#hangUp = how === "hang up";
    if (this.#hangUp) return;
    this.#server?.close();
    this.#server = undefined;
  }

  async accept(): Promise<void> {
    this.#hangUp = false;
    if (this.#server !== undefined) return;
    const server = createServer({ allowHalfOpen: true }, (client) => this.#connected(client));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#server = server;
  }

  async calm(): Promise<void> {
    this.#fuse = undefined;
    this.#delayMs = 0;
    this.resume();
    await this.accept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.refuse();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#emptied = resolve;
    this.cut();
    if (this.#links.size > 0) await promise;
  }

  #connected(client: Socket): void {
    if (this.#hangUp) {
      client.on("error", () => {});
      client.end();
      client.resume();
      return;
    }
    const server = connect({
      host: this.#target.hostname,
      port: Number(this.#target.port),
      allowHalfOpen: true,
      noDelay: true,
    });
    const sockets = [client, server];
    const lanes: TcpLane[] = [];
    const link: Link = { sockets, lanes, forgotten: false };
    const weather = this.#weatherOf(link);
    const cut = (): void => cutLink(link);
    lanes.push(new TcpLane(client, server, "toServer", weather, cut));
    lanes.push(new TcpLane(server, client, "toClient", weather, cut));
    let open = sockets.length;
    for (const socket of sockets) {
      socket.on("close", () => {
        if (--open > 0) return;
        for (const lane of lanes) lane.clear();
        this.#links.delete(link);
        if (this.#links.size === 0) this.#emptied?.();
      });
    }
    this.#links.add(link);
  }

  #weatherOf(link: Link): Weather {
    const stalled = (): boolean => this.#stalled || link.forgotten;
    const delayMs = (): number => this.#delayMs;
    return {
      get stalled() {
        return stalled();
      },
      get delayMs() {
        return delayMs();
      },
      admit: (direction, bytes) => this.#admit(direction, bytes),
    };
  }

  #admit(direction: Direction, bytes: number): number {
    const fuse = this.#fuse;
    if (fuse === undefined || fuse.direction !== direction) return bytes;
    if (bytes <= fuse.left) {
      fuse.left -= bytes;
      return bytes;
    }
    this.#fuse = undefined;
    fuse.burnt();
    return fuse.left;
  }

  #afterBytes(left: number, direction: Direction, act: () => void = () => {}): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const burnt = (): void => {
      act();
      resolve();
    };
    this.#fuse = { left, direction, burnt };
    return promise;
  }

  #deliver(): void {
    for (const { lanes } of this.#links) for (const lane of lanes) lane.deliver();
  }
}

function cutLink({ sockets, lanes }: Link): void {
  for (const lane of lanes) lane.clear();
  for (const socket of sockets) socket.resetAndDestroy();
}
