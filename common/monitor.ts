/**
 * The HTTP server of a daemon: `/health/live`, `/health/ready` and `/metrics`.
 *
 * @module
 */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { Health } from "./health.ts";
import { describeError, type Logger } from "./logger.ts";
import type { PrometheusMetrics } from "./prometheus.ts";

/** What {@linkcode startMonitor} serves. */
export interface MonitorOptions {
  /** Where it listens. */
  readonly address: MonitorAddress;
  /** What `/health/ready` tells. */
  readonly health: Health;
  /** What `/metrics` tells. */
  readonly metrics: Pick<PrometheusMetrics, "render" | "contentType">;
  /** Told where it listens. */
  readonly logger: Logger;
}

/** Where a monitor listens. */
export interface MonitorAddress {
  /** A host name or address; a loopback one keeps it on this machine. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

/** A running monitor. */
export interface Monitor extends AsyncDisposable {
  /** Where it listens: `http://127.0.0.1:9464`. */
  readonly url: string;
}

/**
 * Serves health and metrics until it is disposed of. `/health/live` answers 200 as long as the process does; `/health/ready` answers
 * 200 when nothing is wrong and 503 otherwise, in both cases with what is wrong, and what else should be known, as JSON; `/metrics` is Prometheus text.
 *
 * @throws {Error} the address cannot be listened on
 *
 * @example
 * ```ts
 * import { Health } from "@events-pipeline/common/health";
 * import { silentLogger } from "@events-pipeline/common/logger";
 * import { startMonitor } from "@events-pipeline/common/monitor";
 * import { prometheusMetrics } from "@events-pipeline/common/prometheus";
 * import { assertEquals } from "@std/assert";
 *
 * const health = new Health();
 * const address = { host: "127.0.0.1", port: 0 };
 * await using monitor = await startMonitor({ address, health, metrics: prometheusMetrics(), logger: silentLogger });
 * health.fail("redis", "away");
 * const response = await fetch(`${monitor.url}/health/ready`);
 * assertEquals(response.status, 503);
 * assertEquals(await response.json(), { ready: false, faults: { redis: "away" } });
 * ```
 */
export async function startMonitor(options: MonitorOptions): Promise<Monitor> {
  const { address, health, metrics, logger } = options;
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://monitor").pathname;
    request.resume();
    if (request.method !== "GET" && request.method !== "HEAD") return reply(response, 405, { error: "only GET" });
    if (path === "/health/live") return reply(response, 200, { live: true });
    if (path === "/health/ready") {
      const faults = Object.fromEntries(health.faults());
      const ready = Object.keys(faults).length === 0;
      const notes = Object.fromEntries(health.notes());
      const noted = Object.keys(notes).length === 0 ? {} : { notes };
      return reply(response, ready ? 200 : 503, { ready, faults, ...noted });
    }
    if (path !== "/metrics") return reply(response, 404, { error: "try /health/live, /health/ready or /metrics" });
    metrics.render().then(
      (text) => response.writeHead(200, { "content-type": metrics.contentType }).end(text),
      (error) => reply(response, 500, { error: describeError(error) }),
    );
  });
  server.requestTimeout = 10_000;
  await listening(server, address);
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
  const url = `http://${address.host.includes(":") ? `[${address.host}]` : address.host}:${port}`;
  logger.info("Serving health and metrics", { url });
  return {
    url,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listening(server: Server, { host, port }: MonitorAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once(
      "error",
      (cause) => reject(new Error(`Cannot listen on ${host}:${port} for health and metrics`, { cause })),
    );
    server.listen(port, host, resolve);
  });
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body) + "\n");
}
