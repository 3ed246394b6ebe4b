import { connect, createServer } from "node:net";
import { MessageReader } from "../../common/postgres_messages.ts";

/** A way to PostgreSQL on which statements are counted. */
export interface StatementCount extends AsyncDisposable {
  /** Where clients connect instead. */
  readonly url: string;
  /** Statements that clients have sent so far. */
  readonly statements: number;
}

/** What asks the server for something: a simple query, or the execution of a prepared one. */
const ASKS: ReadonlySet<string> = new Set(["Q", "E"]);

/** Counts what clients ask of a PostgreSQL, whatever else goes on in it: autovacuum commits too, in every database. */
export async function countStatements(databaseUrl: string): Promise<StatementCount> {
  const target = new URL(databaseUrl);
  let statements = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const reader = new MessageReader();
    // The first message has no type, only its length.
    let greeting: number | undefined;
    client.on("data", (bytes) => {
      greeting ??= bytes.readUInt32BE(0);
      const skipped = Math.min(greeting, bytes.length);
      greeting -= skipped;
      reader.read(bytes.subarray(skipped), (type) => statements += ASKS.has(type) ? 1 : 0);
    });
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
    get statements() {
      return statements;
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
