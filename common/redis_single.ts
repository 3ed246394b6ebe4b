import type { RedisConnection, RedisOptions } from "./redis.ts";
import { RedisClient, type RedisServer } from "./redis_client.ts";
import { oneServer } from "./redis_connector.ts";
import { explainRefusal } from "./redis_refusal.ts";
import { commandRequest, type RedisRequest, scriptRequest } from "./redis_request.ts";
import { primaryFinder } from "./redis_sentinel.ts";
import { tlsOptions } from "./redis_tls.ts";
import type { RedisTarget } from "./redis_url.ts";

/** Connects to one server: the one that the URL names, or the one that its Sentinels name. */
export function connectSingle(
  target: RedisTarget & { readonly kind: "single" | "sentinel" },
  options: RedisOptions,
): RedisConnection {
  const reconnected = new Set<() => void>();
  const client = new RedisClient(serverOf(target, options), {
    ...options,
    server: target.kind === "single"
      ? `${target.server.host}:${target.server.port}`
      : `${target.group} of the Sentinels`,
    onBack: () => reconnected.forEach((callback) => callback()),
  });
  const explained = async <T>(request: RedisRequest, send: (request: RedisRequest) => Promise<T>): Promise<T> => {
    try {
      return await send(request);
    } catch (error) {
      throw explainRefusal(error, request, target.login);
    }
  };
  const ask = (request: RedisRequest): Promise<unknown> => explained(request, (request) => client.request(request));
  return {
    call: (command, ...args) => ask(commandRequest(command, args)),
    callAt: (_key, command, ...args) => ask(commandRequest(command, args)),
    callPrimaries: async (command, ...args) => [await ask(commandRequest(command, args))],
    evaluate: (script, key, args) => explained(scriptRequest(script, key, args), (request) => client.evaluate(request)),
    slotOf: () => 0,
    onReconnect: (callback) => void reconnected.add(callback),
    async close() {
      reconnected.clear();
      await client.close();
    },
  };
}

function serverOf(
  target: RedisTarget & { readonly kind: "single" | "sentinel" },
  options: RedisOptions,
): RedisServer {
  const tls = tlsOptions(target, options.tls ?? {});
  const common = { login: target.login, database: target.database, tls };
  return {
    ...common,
    finder: target.kind === "single" ? oneServer(target.server) : primaryFinder(target, tls),
    // The server was demoted. The Sentinels know which one is the primary now; and one address may lead to another server by now, as
    // behind a load balancer, or by a name that a managed service moves.
    reconnectOnError: nowAndThen((error) => error.message.startsWith("READONLY")),
  };
}

/** How long a server that is the wrong one is kept, in milliseconds: who is back at once with the same one would do nothing else. */
const LOOK_MS = 1_000;

/** What is said of an error, and not again for a while. */
function nowAndThen(applies: (error: Error) => boolean): (error: Error) => boolean {
  let again = 0;
  return (error) => {
    if (!applies(error) || performance.now() < again) return false;
    again = performance.now() + LOOK_MS;
    return true;
  };
}
