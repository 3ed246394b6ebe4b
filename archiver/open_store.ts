import { fileURLToPath } from "node:url";
import { openFileStore } from "./file_store.ts";
import type { ObjectStore } from "./object_store.ts";
import type { S3Options } from "./s3_store.ts";

/**
 * Opens the store that a URL names. The AWS SDK is loaded only for S3.
 *
 * @param url `file:///folder` or `s3://bucket/prefix`
 * @param s3 how S3 is reached, where the AWS SDK's own settings do not say
 * @throws {TypeError} the URL has another form
 */
export async function openStore(url: string, s3: S3Options = {}): Promise<ObjectStore> {
  const parsed = URL.parse(url);
  if (parsed?.protocol === "file:") return openFileStore(fileURLToPath(parsed));
  if (parsed?.protocol === "s3:" && parsed.hostname !== "") {
    const { openS3Store } = await import("./s3_store.ts");
    return openS3Store(parsed.hostname, parsed.pathname.replace(/^\/+|\/+$/g, ""), s3);
  }
  throw new TypeError("Cannot open the archive: its URL must be file:///folder or s3://bucket/prefix");
}
