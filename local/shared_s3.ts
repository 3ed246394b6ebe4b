import { createServer } from "node:http";
import { type S3Server, startS3 } from "./s3.ts";

/** What a test needs to know of the S3 server that all tests of a run share. */
export interface SharedS3 {
  /** Its endpoint, `http://127.0.0.1:port`. */
  readonly url: string;
  /** The access key id of its only user. */
  readonly accessKeyId: string;
  /** The user's secret key. */
  readonly secretAccessKey: string;
}

/** An S3 server that is started when somebody first asks for it. */
export interface S3Offer extends AsyncDisposable {
  /** Where to ask: what tests find in `S3_TEST_URL`. Nobody else can guess it. */
  readonly url: string;
}

/**
 * Offers an S3 server to child processes. It takes a while to start and much memory, and most runs need none, so it is started when
 * the first one asks, and once for all.
 *
 * @param say is told of steps that a person should know of
 */
export async function offerS3(say: (line: string) => void): Promise<S3Offer> {
  const path = `/${crypto.randomUUID()}`;
  const stopping = new AbortController();
  let starting: Promise<S3Server> | undefined;
  const start = (): Promise<S3Server> => {
    say("Starting an S3 server");
    const server = startS3({ say, signal: stopping.signal });
    server.catch(() => starting = undefined); // The next one who asks tries again.
    return server;
  };
  const answers = createServer((request, response) => {
    if (request.url !== path) return response.writeHead(404).end();
    (starting ??= start()).then(
      ({ url, accessKeyId, secretAccessKey }) => response.end(JSON.stringify({ url, accessKeyId, secretAccessKey })),
      (error) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    );
  });
  await new Promise<void>((resolve) => answers.listen(0, "127.0.0.1", resolve));
  const { port } = answers.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}${path}`,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      const closed = new Promise((resolve) => answers.close(resolve));
      answers.closeAllConnections();
      await closed;
      await (await starting?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}

/**
 * The S3 server that the tests of this run share. The first one who asks waits until it has started.
 *
 * @throws {Error} `S3_TEST_URL` is not set, or the server cannot be started
 */
export async function sharedS3(): Promise<SharedS3> {
  const url = Deno.env.get("S3_TEST_URL");
  if (!url) {
    throw new Error("Cannot test without an S3 server: run 'deno task test', which starts one when it is needed");
  }
  const response = await fetch(url);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return JSON.parse(text);
}
