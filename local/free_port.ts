const FIRST = 20_000;
const COUNT = 10_000;

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

/**
 * A loopback port nobody listens on at the moment, chosen at random: whoever uses it must be
 * ready to find it taken by then.
 *
 * It lies between 20,000 and 29,999, below the ports that Linux and macOS give to outgoing
 * connections: while a server is down for a restart, no client can take its port, and a client
 * that keeps trying cannot connect to itself.
 */
export function freePort(): number {
  for (let tries = 0; tries < 1_000; tries++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (isFree(port)) return port;
  }
  throw new Error(`Cannot find a free port: ${FIRST} to ${FIRST + COUNT - 1} are taken`);
}
