/**
 * PostgreSQL and Redis for tests and for trying things out: from the environment, from binaries
 * on this machine, from a Docker engine, or installed with apt-get, in that order.
 *
 * ```ts
 * import { startStack } from "@events-pipeline/local";
 *
 * await using stack = await startStack();
 * console.log(stack.databaseUrl, stack.redisUrl);
 * ```
 *
 * @module
 */
export * from "./certificates.ts";
export * from "./database.ts";
export * from "./postgres.ts";
export * from "./redis.ts";
export * from "./redis_cluster.ts";
export * from "./redis_sentinel.ts";
export * from "./s3.ts";
export * from "./shared_s3.ts";
export * from "./server.ts";
export * from "./stack.ts";
