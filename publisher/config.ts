import {
  countSetting,
  databaseUrlSetting,
  logFormatSetting,
  logLevelSetting,
  redisUrlSetting,
  secondsSetting,
} from "@events-pipeline/common/settings";

/** The command line and the environment of `deno task publisher`. */
export const publisherCommand = {
  call: "deno task publisher",
  summary: "Publishes committed events from the PostgreSQL outbox to Redis Streams. Any number may run at once.",
  flags: {
    once: { kind: "boolean", help: "publish what is there, then exit" },
  },
  settings: {
    DATABASE_URL: databaseUrlSetting,
    REDIS_URL: redisUrlSetting,
    PUBLISHER_BATCH_ROWS: countSetting("Events a batch, at most", 1_000),
    PUBLISHER_CONCURRENCY: countSetting("Streams that are published at once", 4),
    PUBLISHER_POLL_SECONDS: secondsSetting("How often the outbox is looked at when nothing wakes the publisher", 1),
    PUBLISHER_VERIFY_SECONDS: secondsSetting("How often streams are compared with the outbox", 5),
    PUBLISHER_IDLE_LIMIT_SECONDS: secondsSetting("How long a paused publisher may hold a stream", 15),
    LOG_LEVEL: logLevelSetting,
    LOG_FORMAT: logFormatSetting,
  },
} as const;
