import { archiveUrlSetting, storeSettings } from "@events-pipeline/archiver";
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
  textSetting,
} from "@events-pipeline/common/settings";

/** The command line and the environment of `deno task consume`. */
export const consumeCommand = {
  call: "deno task consume",
  summary: "Runs the consumers that handlers files export. Any number of processes may run the same ones.",
  flags: {
    handlers: { kind: "texts", value: "FILE", required: true, help: "handlers files: paths or globs" },
    only: { kind: "texts", value: "NAME", help: "run this consumer alone; may be given again (default: all of them)" },
    isolate: { kind: "boolean", help: "run each consumer in a process of its own, and start one that ends again" },
    list: { kind: "boolean", help: "print the names of the consumers as JSON, and exit" },
    once: { kind: "boolean", help: "handle what is there, then exit" },
  },
  wordsBelongTo: "handlers",
  settings: {
    DATABASE_URL: databaseUrlSetting,
    CONSUMER_DATABASE_URL: consumerDatabaseUrlSetting,
    REDIS_URL: redisUrlSetting,
    ...redisTlsSettings,
    MONITOR_ADDRESS: monitorAddressSetting,
    ARCHIVE_URL: archiveUrlSetting("what neither Redis nor the outbox has is not found"),
    ...storeSettings,
    CONSUMER_CONNECTIONS: countSetting("Connections to the database for handlers, at most; one more is for leases", 10),
    CONSUMER_LEASE_SECONDS: secondsSetting("How long a dead process keeps its consumers", 10),
    CONSUMER_KEEP_SECONDS: secondsSetting("How long it is kept which events were handled", 7 * 24 * 3_600),
    CONSUMER_STALL_SECONDS: secondsSetting(
      "How long a consumer that is behind may stand still until health turns red",
      60,
    ),
    CONSUMER_STOP_SECONDS: secondsSetting(
      "How long a process of --isolate may take to stop, before it is cancelled",
      25,
    ),
    CONSUMER_ISOLATE_FLAGS: textSetting(
      "Flags of deno run for a process of --isolate (default: this one's permissions)",
    ),
    LOG_LEVEL: logLevelSetting,
    LOG_FORMAT: logFormatSetting,
  },
} as const;
