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
  streamNameSetting,
  textSetting,
} from "@events-pipeline/common/settings";
import { CANARY_STREAM } from "./canary/canary_consumer.ts";
import { INTERVAL_FAULT, parseInterval } from "./canary/canary_interval.ts";

/** The command line and the environment of `deno task consume`. */
export const consumeCommand = {
  call: "deno task consume",
  summary: "Runs the consumers that handlers files export. Any number of processes may run the same ones.",
  flags: {
    handlers: {
      kind: "texts",
      value: "FILE",
      required: true,
      unless: "canary",
      help: "handlers files: paths or globs",
    },
    only: { kind: "texts", value: "NAME", help: "run this consumer alone; may be given again (default: all of them)" },
    isolate: { kind: "boolean", help: "run each consumer in a process of its own, and start one that ends again" },
    list: { kind: "boolean", help: "print the names of the consumers as JSON, and exit" },
    once: { kind: "boolean", help: "handle what is there, then exit" },
    canary: {
      kind: "text",
      value: "TIME",
      help: "send an event through the whole path every TIME, such as 30s; health is red when it takes longer",
      fault: (text: string) => parseInterval(text) === undefined ? INTERVAL_FAULT : undefined,
      excludes: "once",
    },
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
    CONSUMER_CANARY_STREAM: streamNameSetting("The stream of --canary, one for each outbox", CANARY_STREAM),
    LOG_LEVEL: logLevelSetting,
    LOG_FORMAT: logFormatSetting,
  },
} as const;
