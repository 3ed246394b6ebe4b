import { createServer, type IncomingMessage, request } from "node:http";
import { Buffer } from "node:buffer";

/** A request that a client has sent through a {@linkcode HttpProxy}. */
export interface ProxiedRequest {
  /** `PUT`, `GET`, … */
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Its headers, by their names in small letters. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Its body. */
  readonly body: Uint8Array;
}

/** What is answered instead of the server. */
export interface ProxyAnswer {
  /** The HTTP status. */
  readonly status: number;
  /** Headers. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. @default empty */
  readonly body?: string;
}

/** Decides about a request: an answer keeps it from the server, `undefined` lets it through. */
export type ProxyRule = (request: ProxiedRequest) => ProxyAnswer | undefined | Promise<ProxyAnswer | undefined>;

/** An HTTP proxy in front of a server, which answers in its place where a rule says so. */
export interface HttpProxy extends AsyncDisposable {
  /** Where clients connect. */
  readonly url: string;
  /** Every request so far, in the order of their ends. */
  readonly requests: readonly ProxiedRequest[];
  /** What it does from now on. */
  rule: ProxyRule;
}

/**
 * Starts a proxy on a free loopback port, which lets everything through at first.
 *
 * @param targetUrl the server's URL, `http://host:port`
 *
 * @example
 * ```ts ignore
 * await using proxy = await startHttpProxy("http://127.0.0.1:7480");
 * proxy.rule = () => ({ status: 503 });
 * ```
 */
export async function startHttpProxy(targetUrl: string): Promise<HttpProxy> {
  const target = new URL(targetUrl);
  const requests: ProxiedRequest[] = [];
  const proxy = { rule: (() => undefined) as ProxyRule };
  const server = createServer(async (incoming, response) => {
    try {
      const { method = "GET", url: path = "/", headers } = incoming;
      const taken: ProxiedRequest = { method, path, headers, body: await bodyOf(incoming) };
      requests.push(taken);
      const answer = await proxy.rule(taken);
      if (answer !== undefined) return response.writeHead(answer.status, answer.headers).end(answer.body);
      const passed = request({ host: target.hostname, port: target.port, method, path, headers }, (reply) => {
        response.writeHead(reply.statusCode!, reply.headers);
        reply.pipe(response);
      });
      passed.on("error", () => response.destroy());
      passed.end(taken.body);
    } catch {
      response.destroy(); // One of the two ends is gone.
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return Object.assign(proxy, {
    url: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  });
}

async function bodyOf(incoming: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}
