import { type Overview, readOverview } from "@events-pipeline/cli/status/overview";
import type { RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";
import type { Mask } from "./mask.ts";

/** Where the console reads. */
export interface Sources {
  /** The producers' database. */
  readonly outbox: Sql;
  /** The consumers' database. */
  readonly sql: Sql;
  readonly redis: RedisConnection;
  readonly mask: Mask;
}

/** Reads all that goes on, as `deno task status` does. Where fields are masked, the errors of handlers are not told: they may have them. */
export async function overviewOf({ outbox, sql, redis, mask }: Sources): Promise<Overview> {
  const overview = await readOverview({ sql: outbox, consumerSql: sql, redis });
  if (!mask.hidesFields) return overview;
  const error = "The error is not shown: fields are masked";
  return {
    ...overview,
    consumers: overview.consumers.map((consumer) =>
      consumer.failing === undefined ? consumer : { ...consumer, failing: { ...consumer.failing, error } }
    ),
  };
}
