import {
  consumerDatabaseUrlSetting,
  countSetting,
  databaseUrlSetting,
  logFormatSetting,
  logLevelSetting,
  monitorAddressSetting,
  redisTlsSettings,
  redisUrlSetting,
  secondsSetting,
} from "@events-pipeline/common/settings";

/** The command line and the environment of `deno task consume`. */
export const consumeCommand = {
  call: "deno task consume",
  summary: "Runs the consumers that handlers files export. Any number of processes may run the same ones.",
  flags: {
    handlers: { kind: "texts", value: "FILE", required: true, help: "handlers files: paths or globs" },
    once: { kind: "boolean", help: "handle what is there, then exit" },
  },
  wordsBelongTo: "handlers",
  settings: {
    DATABASE_URL: databaseUrlSetting,
    CONSUMER_DATABASE_URL: consumerDatabaseUrlSetting,
    REDIS_URL: redisUrlSetting,
    ...redisTlsSettings,
    MONITOR_ADDRESS: monitorAddressSetting,
    CONSUMER_CONNECTIONS: countSetting("Connections to the handlers' database, at most", 10),
    CONSUMER_LEASE_SECONDS: secondsSetting("How long a dead process keeps its consumers", 10),
    CONSUMER_KEEP_SECONDS: secondsSetting("How long it is kept which events were handled", 7 * 24 * 3_600),
    CONSUMER_STALL_SECONDS: secondsSetting(
      "How long a consumer that is behind may stand still until health turns red",
      60,
    ),
    LOG_LEVEL: logLevelSetting,
    LOG_FORMAT: logFormatSetting,
  },
} as const;
