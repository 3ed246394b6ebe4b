import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { MissingObjectError, type ObjectHead, type ObjectStore } from "./object_store.ts";
import { explained, isMissing } from "./s3_error.ts";
import { type S3PutOptions, S3Writer } from "./s3_put.ts";

/** How an S3 bucket is reached, where the AWS SDK's own settings (`AWS_REGION`, `AWS_ENDPOINT_URL_S3`, …) do not say. */
export interface S3Options extends S3PutOptions {
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
  /** How often a request is sent that fails, with growing waits in between, until whoever asked is told. @default 3 */
  readonly attempts?: number;
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
    maxAttempts: options.attempts ?? ATTEMPTS,
    // The header makes the client wait, and a server that refuses answers soon enough without it.
    expectContinueHeader: false,
    requestHandler: {
      requestTimeout: options.requestTimeoutMs ?? 30_000,
      throwOnRequestTimeout: true,
      connectionTimeout: options.connectTimeoutMs ?? 5_000,
    },
  });
  const writer = new S3Writer(client, options);
  const root = prefix === "" ? "" : `${prefix}/`;
  return {
    put(key, body, head, options) {
      return writer.put({ Bucket: bucket, Key: root + key }, body, head, options);
    },
    async *list(folder, { after } = {}) {
      const range = { Prefix: root + folder, ...(after === undefined ? {} : { StartAfter: root + after }) };
      let next: string | undefined;
      do {
        const page = await client.send(
          new ListObjectsV2Command({ Bucket: bucket, ...range, ContinuationToken: next }),
        ).catch((error) => {
          throw explained(error, `list ${root + folder} of the bucket ${bucket}`);
        });
        for (const { Key, Size = 0, LastModified } of page.Contents ?? []) {
          if (Key !== undefined) yield { key: Key.slice(root.length), bytes: Size, writtenAt: LastModified };
        }
        next = page.NextContinuationToken;
      } while (next !== undefined);
    },
    async get(key) {
      try {
        const object = await client.send(new GetObjectCommand({ Bucket: bucket, Key: root + key }));
        const body = await object.Body!.transformToByteArray();
        return { body: new Uint8Array(body), head: toHead(object.Metadata) };
      } catch (error) {
        const act = `get ${root + key} from the bucket ${bucket}`;
        throw isMissing(error)
          ? new MissingObjectError(explained(error, act).message, { cause: error })
          : explained(error, act);
      }
    },
    async delete(key) {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: root + key })).catch((error) => {
        throw explained(error, `delete ${root + key} from the bucket ${bucket}`);
      });
    },
    close() {
      client.destroy();
    },
  };
}

/** What the object was put with; `undefined` when something else put it. */
function toHead(metadata: Record<string, string> | undefined): ObjectHead | undefined {
  const sha256 = metadata?.["sha256"];
  const count = Number(metadata?.["count"]);
  return sha256 === undefined || !Number.isSafeInteger(count) ? undefined : { sha256, count };
}
