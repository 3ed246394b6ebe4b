import { GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { KMS_KEY_ID } from "@events-pipeline/local";
import { type HttpProxy, startHttpProxy } from "@events-pipeline/local/http_proxy";
import { type TestBucket, testBucket } from "@events-pipeline/local/test_bucket";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type ObjectStore, OtherObjectError } from "./object_store.ts";
import { openS3Store, type S3Options } from "./s3_store.ts";

const BODY = new TextEncoder().encode("the lines, gzipped");
const HEAD = { sha256: "a".repeat(64), count: 3 };
const OTHER = { sha256: "b".repeat(64), count: 1 };
const PART = 5 * 1024 * 1024;

async function withStore(
  options: S3Options,
  work: (store: ObjectStore, bucket: TestBucket, proxy: HttpProxy) => Promise<void>,
): Promise<void> {
  using bucket = await testBucket();
  await using proxy = await startHttpProxy(bucket.endpoint);
  const store = openS3Store(bucket.bucket, "a/prefix", {
    ...{ ...bucket.options, endpoint: proxy.url, connectTimeoutMs: 60_000 },
    ...options,
  });
  try {
    await work(store, bucket, proxy);
  } finally {
    store.close();
  }
}

const stored = async ({ client, bucket }: TestBucket, key: string) =>
  await client.send(new GetObjectCommand({ Bucket: bucket, Key: `a/prefix/${key}` }));

/** A store that takes no notice of the condition, and writes over what is there. */
function ignoresConditions(proxy: HttpProxy, { client, bucket }: TestBucket): void {
  proxy.rule = async ({ method, path, headers, body }) => {
    if (method !== "PUT" || headers["if-none-match"] === undefined) return undefined;
    const Key = decodeURIComponent(new URL(path, "http://s3").pathname).slice(`/${bucket}/`.length);
    const Metadata = { sha256: String(headers["x-amz-meta-sha256"]), count: String(headers["x-amz-meta-count"]) };
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: body, Metadata }));
    return { status: 200 };
  };
}

Deno.test("put() writes once under each key, on the store's own word", async () => {
  await withStore({}, async (store, bucket, proxy) => {
    const first = await store.put("x", BODY, HEAD);
    assertEquals(first, { retries: 0, conditional: true, notes: [] });
    const { ContentType, ContentEncoding, ContentLength, Metadata } = await stored(bucket, "x");
    assertEquals({ ContentType, ContentEncoding, ContentLength, Metadata }, {
      ...{ ContentType: "application/x-ndjson", ContentEncoding: "gzip", ContentLength: BODY.length },
      Metadata: { sha256: HEAD.sha256, count: "3" },
    });
    assertEquals((await store.put("x", BODY, HEAD)).conditional, true);
    const before = proxy.requests.length;
    await store.put("y", BODY, HEAD);
    assertEquals(proxy.requests.slice(before).map(({ method }) => method), ["PUT"]); // It need not look first any more.
    const error = await assertRejects(() => store.put("x", new Uint8Array(1), OTHER), OtherObjectError);
    assert(error.message.includes(HEAD.sha256) && error.message.includes(OTHER.sha256), error.message);
    assertEquals(await (await stored(bucket, "x")).Body!.transformToByteArray(), BODY);
    assert(proxy.requests.every(({ method, headers }) => method !== "PUT" || headers["content-length"] !== undefined));
  });
});

Deno.test("put() lets one of two win that put different objects at once", async () => {
  await withStore({}, async (store) => {
    await store.put("first", BODY, HEAD);
    const ends = await Promise.allSettled([HEAD, OTHER].map((head) => store.put("race", BODY, head)));
    assertEquals(ends.filter(({ status }) => status === "fulfilled").length, 1);
  });
});

for (
  const [what, spoil] of [
    ["ignores conditions", ignoresConditions],
    ["does not know conditions", (proxy: HttpProxy) => {
      proxy.rule = ({ headers }) =>
        headers["if-none-match"] === undefined
          ? undefined
          : { status: 501, body: "<Error><Code>NotImplemented</Code></Error>" };
    }],
  ] as const
) {
  Deno.test(`put() notices a store that ${what}, says so, and looks before it puts`, async () => {
    await withStore({}, async (store, bucket, proxy) => {
      spoil(proxy, bucket);
      const { conditional, notes } = await store.put("x", BODY, HEAD);
      assertEquals(conditional, false);
      assertEquals(notes.length, 1);
      assertEquals((await store.put("y", BODY, HEAD)).notes, notes);
      assert(proxy.requests.at(-1)!.headers["if-none-match"] === undefined);
      await store.put("x", BODY, HEAD);
      await assertRejects(() => store.put("x", BODY, OTHER), OtherObjectError);
      assertEquals((await stored(bucket, "x")).Metadata!["sha256"], HEAD.sha256);
    });
  });
}

Deno.test("put() puts a large object in parts, once, and leaves none behind when it fails", async () => {
  await withStore({ partBytes: PART, attempts: 1 }, async (store, bucket, proxy) => {
    const body = crypto.getRandomValues(new Uint8Array(65_536));
    const large = new Uint8Array(2 * PART + 7).map((_, i) => body[i % body.length]!);
    await store.put("large", large, HEAD);
    const object = await stored(bucket, "large");
    assertEquals([object.ContentType, object.ContentEncoding, object.Metadata!["sha256"]], [
      ...["application/x-ndjson", "gzip", HEAD.sha256],
    ]);
    assertEquals((await object.Body!.transformToByteArray()).length, large.length);
    const parts = () => proxy.requests.filter(({ path }) => path.includes("partNumber=")).length;
    assertEquals(parts(), 3);
    await store.put("large", large, HEAD);
    assertEquals(parts(), 3);
    await assertRejects(() => store.put("large", large, OTHER), OtherObjectError);

    proxy.rule = ({ path }) => path.includes("partNumber=2") ? { status: 500 } : undefined;
    await assertRejects(() => store.put("other", large, HEAD), Error, "HTTP 500");
    const { Uploads } = await bucket.client.send(new ListMultipartUploadsCommand({ Bucket: bucket.bucket }));
    assertEquals(Uploads ?? [], []);
    await assertRejects(() => stored(bucket, "other"));
    proxy.rule = () => undefined;
    await store.put("other", large, HEAD);
  });
});

Deno.test("put() has objects encrypted with the key that it is told, whole or in parts", async () => {
  await withStore({ encryption: "aws:kms", kmsKeyId: KMS_KEY_ID, partBytes: PART }, async (store, bucket) => {
    for (const [key, body] of [["small", BODY], ["large", new Uint8Array(PART + 1)]] as const) {
      assertEquals((await store.put(key, body, HEAD)).notes, []);
      const head = await bucket.client.send(
        new HeadObjectCommand({ Bucket: bucket.bucket, Key: `a/prefix/${key}` }),
      );
      assertEquals([head.ServerSideEncryption, head.SSEKMSKeyId], ["aws:kms", KMS_KEY_ID]);
      assertEquals((await store.get(key)).body.length, body.length);
    }
  });
});

Deno.test("put() asks for a storage class, and says when a store does not confirm that it encrypts", async () => {
  await withStore({ encryption: "AES256", storageClass: "STANDARD" }, async (store, _, proxy) => {
    // This server takes the header, and does nothing about it.
    const { notes } = await store.put("x", BODY, HEAD);
    assertEquals(notes, ["The store does not confirm that it encrypts objects with AES256"]);
    const { headers } = proxy.requests.findLast(({ method }) => method === "PUT")!;
    assertEquals([headers["x-amz-server-side-encryption"], headers["x-amz-storage-class"]], ["AES256", "STANDARD"]);
  });
  await withStore({ storageClass: "NO_SUCH_CLASS" }, async (store) => {
    await assertRejects(() => store.put("x", BODY, HEAD), Error, "HTTP 400");
  });
});
