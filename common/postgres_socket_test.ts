import { startTcpProxy } from "@events-pipeline/local/tcp_proxy";
import { assertEquals } from "@std/assert";
import { PostgresSocket } from "./postgres_socket.ts";

/** A socket to a proxy in front of the test's server, and what it told of its end. */
async function closedSocket(write: (socket: PostgresSocket) => void) {
  await using proxy = await startTcpProxy(Deno.env.get("DATABASE_URL")!);
  const faults: Error[] = [];
  const { promise: closed, resolve } = Promise.withResolvers<boolean>();
  const socket = new PostgresSocket({
    host: "127.0.0.1",
    port: Number(new URL(proxy.url).port),
    directTls: false,
    asksTypes: true,
    onFault: (fault) => faults.push(fault),
  });
  socket.on("close", resolve);
  write(socket);
  const hadError = await closed;
  return { faults, hadError, connections: proxy.connections };
}

Deno.test("PostgresSocket ends without a fault, and without having connected, when the client does not begin", async () => {
  assertEquals(await closedSocket(() => {}), { faults: [], hadError: false, connections: 0 });
});

Deno.test("PostgresSocket throws away what the client meant for its last connection", async () => {
  const query = new Uint8Array([..."Q\0\0\0\x0aSELECT;"].map((char) => char.charCodeAt(0)));
  assertEquals(await closedSocket((socket) => void socket.write(query)), {
    faults: [],
    hadError: false,
    connections: 0,
  });
});
