import {
  consumerDatabaseUrlSetting,
  countSetting,
  databaseUrlSetting,
  logFormatSetting,
  logLevelSetting,
  monitorAddressSetting,
  optionalCountSetting,
  redisUrlSetting,
  secondsSetting,
  shareSetting,
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
    CONSUMER_DATABASE_URL: consumerDatabaseUrlSetting,
    REDIS_URL: redisUrlSetting,
    MONITOR_ADDRESS: monitorAddressSetting,
    PUBLISHER_BATCH_ROWS: countSetting("Events a batch, at most", 1_000),
    PUBLISHER_MAX_EVENT_BYTES: countSetting(
      "The longest payload that Redis is asked to take, in bytes",
      32 * 1024 * 1024,
    ),
    PUBLISHER_CONCURRENCY: countSetting("Streams that are published at once", 4),
    PUBLISHER_POLL_SECONDS: secondsSetting("How often the outbox is looked at when nothing wakes the publisher", 1),
    PUBLISHER_VERIFY_SECONDS: secondsSetting("How often streams are compared with the outbox", 5),
    PUBLISHER_WAIT_REPLICAS: optionalCountSetting("Replicas that must have an append before it counts"),
    PUBLISHER_WAIT_SECONDS: secondsSetting("How long to wait for them", 2),
    PUBLISHER_IDLE_LIMIT_SECONDS: secondsSetting("How long a paused publisher may hold a stream", 15),
    PUBLISHER_DATABASE_ANSWER_SECONDS: secondsSetting("How long PostgreSQL may take for a statement", 30),
    PUBLISHER_REDIS_ANSWER_SECONDS: secondsSetting("How long Redis may take for a command", 10),
    PUBLISHER_STALL_SECONDS: secondsSetting("How long nothing may move in a backlog until health turns red", 60),
    PUBLISHER_KEEP_SECONDS: secondsSetting("How long a published row stays in the outbox", 7 * 24 * 3_600),
    PUBLISHER_CLEAN_SECONDS: secondsSetting("How often the outbox is cleaned", 300),
    PUBLISHER_CLEAN_ROWS: countSetting("Rows a batch of the clean-up", 1_000),
    PUBLISHER_RETENTION_SECONDS: secondsSetting("How long an entry stays in Redis at least", 24 * 3_600),
    PUBLISHER_TRIM_SECONDS: secondsSetting("How often streams are trimmed", 30),
    PUBLISHER_MEMORY_SHARE: shareSetting("The share of maxmemory above which Redis counts as nearly full", 0.8),
    LOG_LEVEL: logLevelSetting,
    LOG_FORMAT: logFormatSetting,
  },
} as const;
