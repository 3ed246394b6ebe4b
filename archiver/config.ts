import {
  countSetting,
  databaseUrlSetting,
  logFormatSetting,
  logLevelSetting,
  monitorAddressSetting,
  redisTlsSettings,
  redisUrlSetting,
  secondsSetting,
} from "@events-pipeline/common/settings";
import { archiveUrlSetting, gzipLevelSetting, s3PutSettings, storeSettings } from "./store_settings.ts";
import { streamLimitsSetting, streamPatternsSetting } from "./stream_limits_setting.ts";

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
    MONITOR_ADDRESS: monitorAddressSetting,
    ARCHIVE_URL: archiveUrlSetting("the folder archive in the current one"),
    ...storeSettings,
    ...s3PutSettings,
    ARCHIVE_INCLUDE: streamPatternsSetting(
      "Only these streams, such as stream:orders:*,stream:audit:events (default: all)",
    ),
    ARCHIVE_EXCLUDE: streamPatternsSetting("None of these, even if they are included (default: none)"),
    ARCHIVE_SEGMENT_BYTES: countSetting("Bytes of payload and metadata a segment, at most", 8 * 1024 * 1024),
    ARCHIVE_SEGMENT_COUNT: countSetting("Events a segment, at most", 50_000),
    ARCHIVE_SEGMENT_AGE_SECONDS: secondsSetting("How long an event may wait for its segment to fill", 60),
    ARCHIVE_STREAM_LIMITS: streamLimitsSetting,
    ARCHIVE_GZIP_LEVEL: gzipLevelSetting,
    ARCHIVE_CONCURRENCY: countSetting("Streams that are archived at once; each has two segments in memory", 2),
    ARCHIVE_LEASE_SECONDS: secondsSetting("How long a dead archiver keeps its streams", 10),
    ARCHIVE_STALL_SECONDS: secondsSetting("How long a stream that is due may stand still until health turns red", 300),
    LOG_LEVEL: logLevelSetting,
    LOG_FORMAT: logFormatSetting,
  },
} as const;
