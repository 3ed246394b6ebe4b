import { type Overview, readOverview } from "@events-pipeline/cli/status/overview";
import type { RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";

/** Where the console reads. */
export interface Sources {
  /** The producers' database. */
  readonly outbox: Sql;
  /** The consumers' database. */
  readonly sql: Sql;
  readonly redis: RedisConnection;
}

/** Reads all that goes on, as `deno task status` does. */
export function overviewOf({ outbox, sql, redis }: Sources): Promise<Overview> {
  return readOverview({ sql: outbox, consumerSql: sql, redis });
}
