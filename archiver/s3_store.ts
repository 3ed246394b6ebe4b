import { HeadObjectCommand, PutObjectCommand, S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import type { ObjectStore } from "./object_store.ts";

/** How an S3 bucket is reached, where the AWS SDK's own settings (`AWS_REGION`, `AWS_ENDPOINT_URL_S3`, …) do not say. */
export interface S3Options {
  /** Where the server is. @default the SDK's setting */
  readonly endpoint?: string;
  /** The region. @default the SDK's setting */
  readonly region?: string;
  /** Who asks. @default the SDK's settings */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Whether the bucket stands in the path and not in the host's name, as most servers but Amazon's want it. @default false */
  readonly pathStyle?: boolean;
  /** How long a request may take, in milliseconds. @default 30000 */
  readonly requestTimeoutMs?: number;
  /** How long a connection may take, in milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number;
}

/** The SDK's tries of one request; the archiver tries again after them, with a longer wait. */
const ATTEMPTS = 3;

/** An S3 bucket as an object store. Objects are only ever created: what is there is never written over. */
export function openS3Store(bucket: string, prefix: string, options: S3Options = {}): ObjectStore {
  const { endpoint, region, credentials, pathStyle = false } = options;
  const client = new S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: pathStyle,
    maxAttempts: ATTEMPTS,
    requestHandler: {
      requestTimeout: options.requestTimeoutMs ?? 30_000,
      throwOnRequestTimeout: true,
      connectionTimeout: options.connectTimeoutMs ?? 5_000,
    },
  });
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
        if (!isRefusedOverwrite(error)) throw explained(error, object);
        const present = await client.send(new HeadObjectCommand(object)).catch((cause) => {
          throw explained(cause, object);
        });
        if (present.Metadata?.["sha256"] === head.sha256) return;
        throw new Error(`Cannot put ${object.Key}: the bucket holds another object under this key`, { cause: error });
      }
    },
    close() {
      client.destroy();
    },
  };
}

function isRefusedOverwrite(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 412;
}

/** The SDK's errors often have no message but a name and a status. */
function explained(error: unknown, { Bucket, Key }: { readonly Bucket: string; readonly Key: string }): Error {
  const status = error instanceof S3ServiceException ? ` (HTTP ${error.$metadata.httpStatusCode})` : "";
  const name = error instanceof Error ? error.name : "error";
  return new Error(`Cannot put ${Key} into the bucket ${Bucket}: ${name}${status}`, { cause: error });
}
