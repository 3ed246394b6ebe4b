import {
  countSetting,
  databaseUrlSetting,
  logFormatSetting,
  logLevelSetting,
  monitorAddressSetting,
  optionalCountSetting,
  redisUrlSetting,
  secondsSetting,
} from "@events-pipeline/common/settings";

/** The command line and the environment of `deno task publisher`. */
export const publisherCommand = {
  call: "deno task publisher",
  summary: "Publishes committed events from the PostgreSQL outbox to Redis Streams. Any number may run at once.",
  flags: {
    once: { kind: "boolean", help: "publish what is there, then exit" },
    "accept-foreign": {
      kind: "text",
      value: "STREAM",
      help: "after a restored backup: take the stream's entries that the outbox lacks as they are, then exit",
    },
  },
  settings: {
    DATABASE_URL: databaseUrlSetting,
    REDIS_URL: redisUrlSetting,
    MONITOR_ADDRESS: monitorAddressSetting,
    PUBLISHER_BATCH_ROWS: countSetting("Events a batch, at most", 1_000),
    PUBLISHER_CONCURRENCY: countSetting("Streams that are published at once", 4),
    PUBLISHER_POLL_SECONDS: secondsSetting("How often the outbox is looked at when nothing wakes the publisher", 1),
    PUBLISHER_VERIFY_SECONDS: secondsSetting("How often streams are compared with the outbox", 5),
    PUBLISHER_WAIT_REPLICAS: optionalCountSetting("Replicas that must have an append before it counts"),
    PUBLISHER_WAIT_SECONDS: secondsSetting("How long to wait for them", 2),
    PUBLISHER_IDLE_LIMIT_SECONDS: secondsSetting("How long a paused publisher may hold a stream", 15),
    LOG_LEVEL: logLevelSetting,
    LOG_FORMAT: logFormatSetting,
  },
} as const;
