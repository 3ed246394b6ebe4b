import { describeError } from "./logger.ts";
import type { ServerFinder } from "./redis_connector.ts";
import { askServer } from "./redis_question.ts";
import type { RedisTls } from "./redis_tls.ts";
import type { RedisTarget } from "./redis_url.ts";

/**
 * Finds the primary by asking the Sentinels, one after the other, and takes no server that does not call itself one. Source: Redis's
 * "Guidelines for Sentinel clients".
 */
export function primaryFinder(
  target: RedisTarget & { readonly kind: "sentinel" },
  tls: RedisTls | undefined,
): ServerFinder {
  const { sentinels, sentinelLogin, group } = target;
  /** The Sentinel to begin with. */
  let begin = 0;
  /** The Sentinel that has named the server at hand. */
  let named = 0;
  return {
    async find(signal) {
      const reasons: string[] = [];
      for (let i = 0; i < sentinels.length; i++) {
        named = (begin + i) % sentinels.length;
        const endpoint = sentinels[named]!;
        try {
          const command = ["SENTINEL", "get-master-addr-by-name", group] as const;
          const reply = await askServer({ endpoint, login: sentinelLogin, tls, command, signal });
          if (Array.isArray(reply)) {
            begin = (named + 1) % sentinels.length; // If this leads nowhere, another one may know better.
            return { host: String(reply[0]), port: Number(reply[1]) };
          }
          reasons.push(`${endpoint.host}:${endpoint.port}: it does not know '${group}'`);
        } catch (error) {
          if (signal.aborted) throw error;
          reasons.push(`${endpoint.host}:${endpoint.port}: ${describeError(error)}`);
        }
      }
      throw new Error(`Cannot find the primary of '${group}': ${reasons.join("; ")}`);
    },
    accepts({ role = "master" }) {
      if (role === "master") begin = named;
      return role === "master";
    },
  };
}
