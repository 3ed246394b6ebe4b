import {
  secondsSetting,
  type SettingSchema,
  type SettingsOf,
  switchSetting,
  textSetting,
} from "@events-pipeline/common/settings";
import { z } from "zod";
import type { S3Encryption, S3PutOptions } from "./s3_put.ts";
import type { S3Options } from "./s3_store.ts";

const MEBIBYTE = 1024 * 1024;

const PART_BYTES = "must be a whole number from 5242880 (5 MiB) on";

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

/** How hard segments are compressed: `ARCHIVE_GZIP_LEVEL`. */
export const gzipLevelSetting: SettingSchema<number> = z.preprocess(
  (text) => text === undefined ? 6 : Number(text),
  z.number({ error: "must be 1 to 9" }).int({ error: "must be 1 to 9" }).min(1, { error: "must be 1 to 9" })
    .max(9, { error: "must be 1 to 9" }),
).describe("How hard segments are compressed, 1 to 9 (default: 6)");

const encryptionSetting: SettingSchema<S3Encryption | undefined> = z
  .enum(["AES256", "aws:kms", "aws:kms:dsse"], { error: "must be AES256, aws:kms or aws:kms:dsse" }).optional()
  .describe("AES256, aws:kms or aws:kms:dsse: how S3 encrypts objects (default: as the bucket is set)");

const partBytesSetting: SettingSchema<number> = z.preprocess(
  (text) => text === undefined ? 16 * MEBIBYTE : Number(text),
  z.number({ error: PART_BYTES }).int({ error: PART_BYTES }).min(5 * MEBIBYTE, { error: PART_BYTES })
    .max(5 * 1024 * MEBIBYTE, { error: PART_BYTES }),
).describe("A longer object is put in parts of so many bytes (default: 16777216)");

/** How a program puts objects into S3. */
export const s3PutSettings: {
  /** How S3 encrypts them. */
  readonly ARCHIVE_S3_ENCRYPTION: SettingSchema<S3Encryption | undefined>;
  /** With which key. */
  readonly ARCHIVE_S3_KMS_KEY_ID: SettingSchema<string | undefined>;
  /** Their storage class. */
  readonly ARCHIVE_S3_STORAGE_CLASS: SettingSchema<string | undefined>;
  /** How long a part of an object is. */
  readonly ARCHIVE_S3_PART_BYTES: SettingSchema<number>;
} = {
  ARCHIVE_S3_ENCRYPTION: encryptionSetting,
  ARCHIVE_S3_KMS_KEY_ID: textSetting("The key for aws:kms (default: the account's own)"),
  ARCHIVE_S3_STORAGE_CLASS: textSetting("The storage class of objects, such as STANDARD_IA (default: STANDARD)"),
  ARCHIVE_S3_PART_BYTES: partBytesSetting,
};

/** The values of {@linkcode s3PutSettings}. */
export type S3PutSettings = SettingsOf<typeof s3PutSettings>;

/** What `openStore` makes of these. */
export function s3PutOptionsOf(settings: S3PutSettings): S3PutOptions {
  return {
    encryption: settings.ARCHIVE_S3_ENCRYPTION,
    kmsKeyId: settings.ARCHIVE_S3_KMS_KEY_ID,
    storageClass: settings.ARCHIVE_S3_STORAGE_CLASS,
    partBytes: settings.ARCHIVE_S3_PART_BYTES,
  };
}

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
