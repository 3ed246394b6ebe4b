import {
  databaseUrlSetting,
  logFormatSetting,
  logLevelSetting,
  redisTlsSettings,
  redisUrlSetting,
  secondsSetting,
  type SettingSchema,
  switchSetting,
  textSetting,
} from "@events-pipeline/common/settings";
import { z } from "zod";

const archiveUrlSetting: SettingSchema<string | undefined> = z.string()
  .regex(/^(?:file:\/\/\/|s3:\/\/[^/])/, { error: "must be file:///folder or s3://bucket/prefix" })
  .optional().describe("file:///folder or s3://bucket/prefix (default: the folder archive in the current one)");

const endpointSetting: SettingSchema<string | undefined> = z.url({ error: "must be a URL" }).optional()
  .describe("An S3 server that is not Amazon's (default: Amazon's)");

/** The command line and the environment of `deno task archive`. */
export const archiveCommand = {
  call: "deno task archive",
  summary: "Archives every stream as gzipped JSON lines, to S3 or to a folder. Any number may run at once.",
  flags: {
    once: { kind: "boolean", help: "archive what is published now, then exit" },
  },
  settings: {
    DATABASE_URL: databaseUrlSetting,
    REDIS_URL: redisUrlSetting,
    ...redisTlsSettings,
    ARCHIVE_URL: archiveUrlSetting,
    AWS_ENDPOINT_URL_S3: endpointSetting,
    AWS_REGION: textSetting("The region of the bucket (default: us-east-1 where AWS_ENDPOINT_URL_S3 is set)"),
    ARCHIVE_S3_PATH_STYLE: switchSetting(
      "on puts the bucket into the path (default: on where AWS_ENDPOINT_URL_S3 is set)",
    ),
    ARCHIVE_S3_TIMEOUT_SECONDS: secondsSetting("How long a request to S3 may take", 30),
    ARCHIVE_SEGMENT_AGE_SECONDS: secondsSetting("How long an event may wait for its segment to fill", 60),
    ARCHIVE_LEASE_SECONDS: secondsSetting("How long a dead archiver keeps its streams", 10),
    LOG_LEVEL: logLevelSetting,
    LOG_FORMAT: logFormatSetting,
  },
} as const;
