import type { RedisRequest } from "./redis_request.ts";
import type { RedisLogin } from "./redis_url.ts";

/**
 * Adds to an error reply what Redis leaves out: what was refused, to whom, and what to do about it. Its code stays in front.
 *
 * @returns the error
 */
export function explainRefusal(error: unknown, { title }: RedisRequest, { username = "default" }: RedisLogin): unknown {
  if (!(error instanceof Error)) return error;
  if (error.message.startsWith("NOPERM")) error.message += `: ${title}, as user '${username}'`;
  if (error.message.startsWith("MOVED ")) {
    error.message +=
      `: ${title}. The server is of a Redis Cluster, which needs a URL that begins with redis+cluster://`;
  }
  return error;
}
