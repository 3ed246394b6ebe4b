import {
  databaseUrlSetting,
  logFormatSetting,
  logLevelSetting,
  redisTlsSettings,
  redisUrlSetting,
  secondsSetting,
} from "@events-pipeline/common/settings";
import { archiveUrlSetting, storeSettings } from "./store_settings.ts";

/** The command line and the environment of `deno task archive`. */
export const archiveCommand = {
  call: "deno task archive",
  summary: "Archives every stream as gzipped JSON lines, to S3 or to a folder. Any number may run at once.\n" +
    "With ls, cat, verify or compact as its first word it shows, reads, proves or compacts what is archived: see their --help.",
  flags: {
    once: { kind: "boolean", help: "archive what is published now, then exit" },
  },
  settings: {
    DATABASE_URL: databaseUrlSetting,
    REDIS_URL: redisUrlSetting,
    ...redisTlsSettings,
    ARCHIVE_URL: archiveUrlSetting("the folder archive in the current one"),
    ...storeSettings,
    ARCHIVE_SEGMENT_AGE_SECONDS: secondsSetting("How long an event may wait for its segment to fill", 60),
    ARCHIVE_LEASE_SECONDS: secondsSetting("How long a dead archiver keeps its streams", 10),
    LOG_LEVEL: logLevelSetting,
    LOG_FORMAT: logFormatSetting,
  },
} as const;
