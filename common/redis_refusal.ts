import type { RedisRequest } from "./redis_request.ts";
import type { RedisLogin } from "./redis_url.ts";

/** How Redis refuses a command that the user has no right to; inside of a script it has other words. */
const NO_PERMISSION = /^(?:NOPERM|ERR The user executing the script can't) /;

/**
 * Adds to an error reply what Redis leaves out: what was refused, to whom, and what to do about it. Its code stays in front.
 *
 * @returns the error
 */
export function explainRefusal(error: unknown, request: RedisRequest, { username = "default" }: RedisLogin): unknown {
  if (!(error instanceof Error)) return error;
  if (NO_PERMISSION.test(error.message)) error.message += `: ${request.title()}, as user '${username}'`;
  if (error.message.startsWith("MOVED ")) {
    error.message +=
      `: ${request.title()}. The server is of a Redis Cluster, which needs a URL that begins with redis+cluster://`;
  }
  return error;
}
