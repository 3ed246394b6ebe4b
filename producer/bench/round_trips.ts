import type { Buffer } from "node:buffer";
import { connect, createServer } from "node:net";

/** A way to PostgreSQL on which round trips are counted. */
export interface RoundTrips extends AsyncDisposable {
  /** Where clients connect instead. */
  readonly url: string;
  /** How often a client has sent something after the server had answered it, so far. */
  readonly count: number;
}

/** Counts the round trips of clients to a PostgreSQL: what is sent without waiting for an answer counts once. */
export async function countRoundTrips(databaseUrl: string): Promise<RoundTrips> {
  const target = new URL(databaseUrl);
  let count = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let answered = true;
    client.on("data", (_: Buffer) => {
      if (answered) count++;
      answered = false;
    });
    upstream.on("data", (_: Buffer) => answered = true);
    client.pipe(upstream).pipe(client);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(databaseUrl);
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as { port: number }).port);
  return {
    url: url.href,
    get count() {
      return count;
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
