import { testBucket } from "@events-pipeline/local/test_bucket";
import { assertEquals, assertRejects } from "@std/assert";
import { MissingObjectError } from "./object_store.ts";
import { openS3Store } from "./s3_store.ts";

const body = new TextEncoder().encode("the lines, gzipped");
const head = { sha256: "a".repeat(64), count: 3 };

Deno.test("openS3Store() lists what is below a folder, over many pages, and gives it back with what travels with it", async () => {
  using bucket = await testBucket();
  const store = openS3Store(bucket.bucket, "some/prefix", bucket.options);
  const keys = Array.from({ length: 1_100 }, (_, i) => `many/${String(i).padStart(4, "0")}`);
  await store.put("first", body, head); // The store is known from here on.
  const putting = keys[Symbol.iterator]();
  await Promise.all(Array.from({ length: 16 }, async () => {
    for (const key of putting) await store.put(key, body, head);
  }));
  const listed = async (folder: string, after?: string) =>
    (await Array.fromAsync(store.list(folder, after === undefined ? {} : { after }))).map(({ key }) => key);
  assertEquals(await listed("many/"), keys);
  assertEquals(await listed("none/"), []);
  assertEquals(await listed("many/", "many/0040x"), keys.slice(41));
  assertEquals((await Array.fromAsync(store.list("many/", { after: "many/1098" })))[0]?.bytes, body.length);
  assertEquals(await store.get("many/0007"), { body, head });
  for (let i = 0; i < 2; i++) await store.delete("many/1099");
  assertEquals(await listed("many/", "many/1097"), ["many/1098"]);
  await assertRejects(
    () => store.get("many/x"),
    MissingObjectError,
    `Cannot get some/prefix/many/x from the bucket ${bucket.bucket}: NoSuchKey`,
  );
  store.close();
});

Deno.test("openS3Store() says what is wrong with the bucket or the credentials, and no secret", async () => {
  using bucket = await testBucket();
  const missing = openS3Store("nowhere", "", bucket.options);
  await assertRejects(() => missing.put("a", body, head), Error, "into the bucket nowhere: NoSuchBucket (HTTP 404)");
  const credentials = { ...bucket.options.credentials, secretAccessKey: "guess" };
  const wrong = openS3Store(bucket.bucket, "", { ...bucket.options, credentials });
  const error = await assertRejects(() => wrong.put("a", body, head), Error, "HTTP 403");
  assertEquals(error.message.includes("guess"), false);
  missing.close();
  wrong.close();
});
