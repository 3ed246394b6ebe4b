import { HeadObjectCommand, PutObjectCommand, S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import type { ObjectStore } from "./object_store.ts";

/** An S3 bucket as an object store. Region, endpoint and credentials come from the AWS SDK's own settings. */
export function openS3Store(bucket: string, prefix: string): ObjectStore {
  const client = new S3Client({});
  return {
    async put(key, body, head) {
      const object = { Bucket: bucket, Key: prefix === "" ? key : `${prefix}/${key}` };
      try {
        await client.send(
          new PutObjectCommand({
            ...object,
            Body: body,
            ContentType: "application/x-ndjson",
            ContentEncoding: "gzip",
            Metadata: { sha256: head.sha256, count: String(head.count) },
            IfNoneMatch: "*",
          }),
        );
      } catch (error) {
        if (!(error instanceof S3ServiceException) || error.$metadata.httpStatusCode !== 412) throw error;
        const present = await client.send(new HeadObjectCommand(object));
        if (present.Metadata?.["sha256"] === head.sha256) return;
        throw new Error(`Cannot put ${object.Key}: the bucket holds another object under this key`, { cause: error });
      }
    },
    close() {
      client.destroy();
    },
  };
}
