import type { MonitorAddress } from "@events-pipeline/common/monitor";
import { consoleApp, type ConsoleOptions } from "./console_app.ts";
import { isLoopback } from "./access.ts";
import { watchedRedis, watchedStore } from "./trouble.ts";

/** A console that listens. */
export interface RunningConsole extends AsyncDisposable {
  /** Where: `http://127.0.0.1:9480`. */
  readonly url: string;
}

/** Starts a console. Once disposed, it ends what is live, and answers what it has begun with. */
export function startConsole(
  address: MonitorAddress,
  options: Omit<ConsoleOptions, "loopback" | "signal">,
): RunningConsole {
  const live = new AbortController();
  const app = consoleApp({
    ...options,
    redis: watchedRedis(options.redis),
    store: options.store && watchedStore(options.store),
    loopback: isLoopback(address.host),
    signal: live.signal,
  });
  const server = Deno.serve(
    { hostname: address.host, port: address.port, onListen() {} },
    (request) => app.fetch(request),
  );
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return {
    url: `http://${host}:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      live.abort();
      await server.shutdown();
    },
  };
}
