import { assert, assertEquals } from "@std/assert";
import { connect, createServer, type Server, type Socket } from "node:net";
import { startTcpProxy } from "./tcp_proxy.ts";
import { until } from "./until.ts";

/** A server that answers what it hears, and a client of it, for one test. */
interface Echo extends AsyncDisposable {
  readonly url: string;
  /** How many bytes it has heard. */
  readonly heard: number;
}

async function startEcho(): Promise<Echo> {
  const sockets = new Set<Socket>();
  let heard = 0;
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.on("data", (bytes) => heard += bytes.length);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `echo://127.0.0.1:${port}`,
    get heard() {
      return heard;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A client: what it has heard, and how its connection ended. */
class Client {
  readonly socket: Socket;
  readonly ended: Promise<string>;
  bytes = 0;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect(Number(port), hostname);
    this.socket.on("data", (bytes) => this.bytes += bytes.length);
    let fault = "closed";
    this.socket.on("error", (error) => fault = "code" in error ? String(error.code) : error.message);
    this.ended = new Promise((resolve) => this.socket.on("close", () => resolve(fault)));
  }

  async say(count: number): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write(new Uint8Array(count), () => resolve()));
  }
}

Deno.test("startTcpProxy() passes everything on, in both directions, and the end of it", async () => {
  await using echo = await startEcho();
  await using proxy = await startTcpProxy(echo.url);
  const client = new Client(proxy.url);
  await client.say(3_000_000);
  client.socket.end();
  assertEquals(await client.ended, "closed");
  assertEquals(client.bytes, 3_000_000);
  await until("the proxy has let it go", () => proxy.connections === 0);
});

Deno.test("stall() holds bytes back until resume()", async () => {
  await using echo = await startEcho();
  await using proxy = await startTcpProxy(echo.url);
  const client = new Client(proxy.url);
  await client.say(1);
  await until("it is answered", () => client.bytes === 1);
  proxy.stall();
  await client.say(2);
  const late = new Client(proxy.url);
  await late.say(4);
  await until("the proxy has both", () => proxy.connections === 2);
  assertEquals(echo.heard, 1);
  proxy.resume();
  await until("both are answered", () => client.bytes === 3 && late.bytes === 4);
  for (const { socket } of [client, late]) socket.destroy();
});

Deno.test("stall() keeps a sender waiting that sends much", async () => {
  await using echo = await startEcho();
  await using proxy = await startTcpProxy(echo.url);
  const client = new Client(proxy.url);
  await client.say(1);
  await until("it is answered", () => client.bytes === 1);
  proxy.stall();
  let said = false;
  const saying = client.say(64 * 2 ** 20).then(() => said = true);
  const quick = new Client(echo.url);
  await quick.say(10);
  await until("another client has long been answered", () => quick.bytes === 10);
  assert(!said);
  proxy.resume();
  await saying;
  await until("all is answered", () => client.bytes === 64 * 2 ** 20 + 1);
  for (const { socket } of [client, quick]) socket.destroy();
});

Deno.test("forget() leaves open connections with nobody at the other end, and new ones as ever", async () => {
  await using echo = await startEcho();
  await using proxy = await startTcpProxy(echo.url);
  const client = new Client(proxy.url);
  await client.say(1);
  await until("it is answered", () => client.bytes === 1);
  proxy.forget();
  await client.say(1);
  const next = new Client(proxy.url);
  await next.say(1);
  await until("the next one is answered", () => next.bytes === 1);
  assertEquals([client.bytes, echo.heard], [1, 2]);
  for (const { socket } of [client, next]) socket.destroy();
});

Deno.test("cut() resets every connection, and lets new ones be made", async () => {
  await using echo = await startEcho();
  await using proxy = await startTcpProxy(echo.url);
  const clients = [new Client(proxy.url), new Client(proxy.url)];
  for (const client of clients) await client.say(1);
  await until("both are answered", () => clients.every((client) => client.bytes === 1));
  proxy.cut();
  for (const client of clients) assertEquals(await client.ended, "ECONNRESET");
  const next = new Client(proxy.url);
  await next.say(1);
  await until("the next one is answered", () => next.bytes === 1);
  next.socket.destroy();
});

Deno.test("cutAfterBytes() delivers so many bytes and no more", async () => {
  await using echo = await startEcho();
  await using proxy = await startTcpProxy(echo.url);
  const client = new Client(proxy.url);
  const cut = proxy.cutAfterBytes(10, "toClient");
  await client.say(7);
  await until("it is answered", () => client.bytes === 7);
  await client.say(7);
  await cut;
  assertEquals(await client.ended, "ECONNRESET");
  assertEquals([client.bytes, echo.heard], [10, 14]);
});

Deno.test("stallAfterBytes() delivers so many bytes, and the rest after resume()", async () => {
  await using echo = await startEcho();
  await using proxy = await startTcpProxy(echo.url);
  const client = new Client(proxy.url);
  const stalled = proxy.stallAfterBytes(10, "toClient");
  await client.say(14);
  await stalled;
  await until("the first ones are there", () => client.bytes === 10);
  assertEquals(echo.heard, 14);
  proxy.resume();
  await until("the others are there", () => client.bytes === 14);
  client.socket.destroy();
});

Deno.test("delay() keeps bytes on their way, each way", async () => {
  await using echo = await startEcho();
  await using proxy = await startTcpProxy(echo.url);
  proxy.delay(50);
  const client = new Client(proxy.url);
  const begun = performance.now();
  await client.say(1);
  await until("it is answered", () => client.bytes === 1);
  assert(performance.now() - begun >= 100);
  client.socket.destroy();
});

Deno.test("refuse() takes no connections until accept(), and leaves open ones alone", async () => {
  await using echo = await startEcho();
  await using proxy = await startTcpProxy(echo.url);
  const client = new Client(proxy.url);
  await client.say(1);
  await until("it is answered", () => client.bytes === 1);
  proxy.refuse();
  assertEquals(await new Client(proxy.url).ended, "ECONNREFUSED");
  await proxy.accept();
  proxy.refuse("hang up");
  assertEquals(await new Client(proxy.url).ended, "closed");
  await client.say(1);
  await until("the open one goes on", () => client.bytes === 2);
  await proxy.accept();
  const next = new Client(proxy.url);
  await next.say(1);
  await until("the next one is answered", () => next.bytes === 1);
  for (const { socket } of [client, next]) socket.destroy();
});

Deno.test("a proxy resets a client whose server is not there", async () => {
  const echo = await startEcho();
  await using proxy = await startTcpProxy(echo.url);
  await echo[Symbol.asyncDispose]();
  const client = new Client(proxy.url);
  assertEquals(await client.ended, "ECONNRESET");
});
