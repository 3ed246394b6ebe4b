import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { startS3 } from "@events-pipeline/local";
import { runTask } from "@events-pipeline/local/daemon_process";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvent } from "@events-pipeline/producer";
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { MissingObjectError } from "./object_store.ts";
import { openS3Store, type S3Options } from "./s3_store.ts";

Deno.test("openS3Store() on a real S3 server", async (t) => {
  await using server = await startS3({ say: console.error });
  const credentials = { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey };
  const options: S3Options = { endpoint: server.url, region: "us-east-1", credentials, pathStyle: true };
  const client = new S3Client({ endpoint: server.url, region: "us-east-1", credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: "events" }));
  const store = openS3Store("events", "some/prefix", options);
  const body = new TextEncoder().encode("the lines, gzipped");
  const head = { sha256: "a".repeat(64), count: 3 };
  const stored = async (key: string) => {
    const object = await client.send(new GetObjectCommand({ Bucket: "events", Key: `some/prefix/${key}` }));
    return {
      text: await object.Body!.transformToString(),
      metadata: object.Metadata,
      encoding: object.ContentEncoding,
    };
  };

  await t.step("puts an object with what travels with it", async () => {
    await store.put("a", body, head);
    assertEquals(await stored("a"), {
      text: "the lines, gzipped",
      metadata: { sha256: head.sha256, count: "3" },
      encoding: "gzip",
    });
  });
  await t.step("takes the same object again for done", async () => {
    await store.put("a", body, head);
  });
  await t.step("refuses another object under the same key, and leaves the first", async () => {
    const other = { sha256: "b".repeat(64), count: 1 };
    await assertRejects(() => store.put("a", new Uint8Array(1), other), Error, "holds another object under this key");
    assertEquals((await stored("a")).text, "the lines, gzipped");
  });
  await t.step("lets one of two win that put different objects at once", async () => {
    const heads = ["c", "d"].map((letter) => ({ sha256: letter.repeat(64), count: 1 }));
    const ends = await Promise.allSettled(heads.map((head) => store.put("race", body, head)));
    assertEquals(ends.filter((end) => end.status === "fulfilled").length, 1);
  });
  await t.step(
    "lists what is below a folder, over many pages, and gives it back with what travels with it",
    async () => {
      const keys = Array.from({ length: 1_100 }, (_, i) => `many/${String(i).padStart(4, "0")}`);
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
        "Cannot get some/prefix/many/x from the bucket events: NoSuchKey",
      );
    },
  );
  await t.step("says what is wrong with the bucket or the credentials, and no secret", async () => {
    const missing = openS3Store("nowhere", "", options);
    await assertRejects(() => missing.put("a", body, head), Error, "into the bucket nowhere: NoSuchBucket (HTTP 404)");
    const wrong = openS3Store("events", "", { ...options, credentials: { ...credentials, secretAccessKey: "guess" } });
    const error = await assertRejects(() => wrong.put("a", body, head), Error, "(HTTP 403)");
    assertEquals(error.message.includes("guess"), false);
    missing.close();
    wrong.close();
  });
  await t.step("is what deno task archive writes to, with the permissions of its task", async () => {
    await using pipeline = await testPipeline();
    const { stream } = pipeline;
    await pipeline.sql.begin((tx) =>
      sendEvent(tx, { stream, event: WidgetCreated.create({ widget_id: "w1", owner_id: "o1" }) })
    );
    await pipeline.publish();
    const { code, stdout, stderr } = await runTask("archive", {
      args: ["--once"],
      environment: {
        DATABASE_URL: pipeline.databaseUrl,
        REDIS_URL: pipeline.redisUrl,
        ARCHIVE_URL: "s3://events/archive",
        AWS_ENDPOINT_URL_S3: server.url,
        AWS_ACCESS_KEY_ID: server.accessKeyId,
        AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
      },
    });
    assertEquals(code, 0, stdout + stderr);
    const listed = await client.send(
      new ListObjectsV2Command({ Bucket: "events", Prefix: `archive/stream=${stream}/` }),
    );
    assertEquals(listed.Contents?.length, 1);
    assertMatch(listed.Contents![0]!.Key!, /\/date=\d{4}-\d\d-\d\d\/\d+-1_\d+-1\.jsonl\.gz$/);
  });
  await t.step("gives up on a server that does not answer in time", async () => {
    server.kill("SIGSTOP");
    const impatient = openS3Store("events", "", { ...options, requestTimeoutMs: 200 });
    await assertRejects(() => impatient.put("late", body, head), Error, "TimeoutError");
    server.kill("SIGCONT");
    impatient.close();
  });
  store.close();
  client.destroy();
});
