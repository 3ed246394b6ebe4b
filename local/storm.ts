import type { TcpProxy } from "./tcp_proxy.ts";

/** A random fault of a connection, which has lasted long enough when it resolves. */
type Fault = (proxy: TcpProxy) => Promise<void>;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const upTo = (limit: number) => Math.floor(Math.random() * limit);

const either = <T>(one: T, other: T): T => Math.random() < 0.5 ? one : other;

/** The connection is lost: between two messages, or in the midst of one. */
const cuts: readonly Fault[] = [
  async (proxy) => {
    await wait(upTo(150));
    proxy.cut();
  },
  async (proxy) => {
    const cut = proxy.cutAfterBytes(upTo(3_000), either("toClient", "toServer"));
    await Promise.race([cut, wait(300)]);
  },
  // The first byte of a reply: what was asked for is done, and nobody knows.
  async (proxy) => await Promise.race([proxy.cutAfterBytes(0, "toClient"), wait(300)]),
];

/** The connection is there, or not, and nobody says so. */
const stalls: readonly Fault[] = [
  async (proxy) => {
    proxy.stall();
    await wait(upTo(4_000));
  },
  async (proxy) => {
    await Promise.race([proxy.stallAfterBytes(upTo(3_000), either("toClient", "toServer")), wait(300)]);
    await wait(upTo(4_000));
  },
  async (proxy) => {
    proxy.forget();
    await wait(upTo(3_000));
  },
  async (proxy) => {
    proxy.refuse(either("reset", "hang up"));
    proxy.cut();
    await wait(upTo(3_000));
  },
  async (proxy) => {
    proxy.delay(upTo(200));
    await wait(upTo(3_000));
  },
];

/** How a storm goes. */
export interface StormOptions {
  /** Which faults there are. */
  readonly faults: "cuts" | "all";
  /** What is left of it: asked before each fault. */
  readonly goesOn: (faults: number) => boolean;
}

/** Lets one fault after the other befall the proxies, at random. Afterwards all is well again. */
export async function storm(proxies: readonly TcpProxy[], { faults, goesOn }: StormOptions): Promise<void> {
  const choices = faults === "cuts" ? cuts : [...cuts, ...stalls];
  for (let count = 0; goesOn(count); count++) {
    const proxy = proxies[upTo(proxies.length)]!;
    await choices[upTo(choices.length)]!(proxy);
    await proxy.calm();
  }
}
