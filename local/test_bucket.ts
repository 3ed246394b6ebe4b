import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { sharedS3 } from "./shared_s3.ts";

/** A bucket of one test's own, on the S3 server that the tests share. */
export interface TestBucket extends Disposable {
  /** Its name. */
  readonly bucket: string;
  /** The server's endpoint. */
  readonly endpoint: string;
  /** What `openS3Store` takes. */
  readonly options: TestBucketOptions;
  /** The environment of a program that archives into it: `ARCHIVE_URL` is its folder `archive`. */
  readonly environment: Readonly<Record<string, string>>;
  /** A client, to look behind the store. */
  readonly client: S3Client;
}

/** How the server is reached. */
export interface TestBucketOptions {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly pathStyle: true;
}

/** A new bucket. The first one of a run waits until the server has started. */
export async function testBucket(): Promise<TestBucket> {
  const { url: endpoint, accessKeyId, secretAccessKey } = await sharedS3();
  const bucket = `test-${crypto.randomUUID()}`;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region: "us-east-1", credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    bucket,
    endpoint,
    options: { endpoint, region: "us-east-1", credentials, pathStyle: true },
    environment: {
      ARCHIVE_URL: `s3://${bucket}/archive`,
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
    client,
    [Symbol.dispose]: () => client.destroy(),
  };
}
