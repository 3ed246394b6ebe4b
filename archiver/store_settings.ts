import {
  secondsSetting,
  type SettingSchema,
  type SettingsOf,
  switchSetting,
  textSetting,
} from "@events-pipeline/common/settings";
import { z } from "zod";
import type { S3Options } from "./s3_store.ts";

/**
 * Where the archive is: `ARCHIVE_URL`.
 *
 * @param byDefault what holds when it is not set, for `--help`
 */
export function archiveUrlSetting(byDefault: string): SettingSchema<string | undefined> {
  return z.string().refine(isArchiveUrl, { error: "must be file:///folder or s3://bucket/prefix" })
    .optional().describe(`file:///folder or s3://bucket/prefix (default: ${byDefault})`);
}

/** Whether a text is the URL of an archive, as `openStore` takes it. */
export function isArchiveUrl(text: string): boolean {
  return /^(?:file:\/\/\/|s3:\/\/[^/])/.test(text);
}

const endpointSetting: SettingSchema<string | undefined> = z.url({ error: "must be a URL" }).optional()
  .describe("An S3 server that is not Amazon's (default: Amazon's)");

/** How a program reaches an archive in S3, beside the AWS SDK's own settings. */
export const storeSettings: {
  /** The server, if it is not Amazon's. */
  readonly AWS_ENDPOINT_URL_S3: SettingSchema<string | undefined>;
  /** The region of the bucket. */
  readonly AWS_REGION: SettingSchema<string | undefined>;
  /** Whether the bucket stands in the path. */
  readonly ARCHIVE_S3_PATH_STYLE: SettingSchema<boolean | undefined>;
  /** How long a request may take, in milliseconds. */
  readonly ARCHIVE_S3_TIMEOUT_SECONDS: SettingSchema<number>;
} = {
  AWS_ENDPOINT_URL_S3: endpointSetting,
  AWS_REGION: textSetting("The region of the bucket (default: us-east-1 where AWS_ENDPOINT_URL_S3 is set)"),
  ARCHIVE_S3_PATH_STYLE: switchSetting(
    "on puts the bucket into the path (default: on where AWS_ENDPOINT_URL_S3 is set)",
  ),
  ARCHIVE_S3_TIMEOUT_SECONDS: secondsSetting("How long a request to S3 may take", 30),
};

/** The values of {@linkcode storeSettings}. */
export type StoreSettings = SettingsOf<typeof storeSettings>;

/** What `openStore` makes of the settings. */
export function s3OptionsOf(settings: StoreSettings): S3Options {
  const ownEndpoint = settings.AWS_ENDPOINT_URL_S3 !== undefined;
  return {
    // Servers that are not Amazon's rarely know of regions, or of a host name for each bucket.
    ...(ownEndpoint && settings.AWS_REGION === undefined ? { region: "us-east-1" } : {}),
    pathStyle: settings.ARCHIVE_S3_PATH_STYLE ?? ownEndpoint,
    requestTimeoutMs: settings.ARCHIVE_S3_TIMEOUT_SECONDS,
  };
}
