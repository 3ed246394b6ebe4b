import { openStore } from "@events-pipeline/archiver";
import { loadEvents } from "@events-pipeline/cli/schemas/load_schemas";
import { silentLogger } from "@events-pipeline/common/logger";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { startTcpProxy } from "@events-pipeline/local/tcp_proxy";
import { testBucket } from "@events-pipeline/local/test_bucket";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Access, maskOf, startConsole } from "./mod.ts";

Deno.test("while a server refuses or is silent the console says which one, keeps no one waiting, and comes back", async () => {
  await using cleanUp = new AsyncDisposableStack();
  const pipeline = cleanUp.use(await testPipeline());
  const { stream } = pipeline;
  const eventId = crypto.randomUUID();
  await pipeline.sql`
    INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload)
    VALUES (${eventId}, ${stream}, 'NoteTaken', '{"note":"here"}')`;
  await pipeline.publish();
  await pipeline.sql`INSERT INTO events.stream_lease (stream_name, role) VALUES (${stream}, 'consumer:mailer')`;
  const postgres = cleanUp.use(await startTcpProxy(pipeline.databaseUrl));
  const redisProxy = cleanUp.use(await startTcpProxy(pipeline.redisUrl));
  const bucket = cleanUp.use(await testBucket());
  const s3 = cleanUp.use(await startTcpProxy(bucket.endpoint));
  const sql = connectPostgres(postgres.url, { applicationName: "console", connections: 4, answerLimitMs: 2_000 });
  cleanUp.defer(() => closePostgres(sql));
  const redis = connectRedis(redisProxy.url, { clientName: "console", commandTimeoutMs: 1_000 });
  cleanUp.defer(() => redis.close());
  const store = await openStore(`s3://${bucket.bucket}/archive`, {
    ...{ ...bucket.options, endpoint: s3.url.replace(/\/$/, "") },
    ...{ attempts: 1, requestTimeoutMs: 1_000, connectTimeoutMs: 1_000 },
  });
  cleanUp.defer(() => store.close());
  const { url } = cleanUp.use(startConsole({ host: "127.0.0.1", port: 0 }, {
    ...{
      sql,
      outbox: sql,
      redis,
      store,
      logger: silentLogger,
      events: await loadEvents(undefined),
      stalledSeconds: 60,
    },
    ...{ access: new Access({}), allowActions: true, mask: maskOf([]) },
  }));
  const open = async (path: string): Promise<{ readonly status: number; readonly text: string }> => {
    const response = await fetch(url + path);
    return { status: response.status, text: await response.text() };
  };
  const assertTells = async (path: string, status: number, words: string): Promise<void> => {
    let text = "";
    // Figures that were read a moment ago are shown again.
    await until(`${path} tells ${words}`, async () => {
      const answer = await open(path);
      text = answer.text;
      return answer.status === status && text.includes(words);
    });
    assert(!/\n\s+at |\.ts:\d/.test(text), `${path} shows where the program is`);
  };
  const isBack = async (path: string): Promise<void> =>
    await until(`${path} is back`, async () => {
      const { status, text } = await open(path);
      return status === 200 && !text.includes('role="alert"');
    });
  const segments = `/archive?stream=${encodeURIComponent(stream)}`;
  const event = `/events/${eventId}`;
  for (const path of ["/", "/consumers", event, segments]) await isBack(path);
  const csrf = /name="csrf" value="([^"]+)"/.exec((await open("/consumers")).text)![1]!;

  for (const how of ["refuses", "is silent"]) {
    const block = (proxy: typeof postgres): void => {
      if (how === "refuses") {
        proxy.refuse();
        proxy.cut();
      } else proxy.stall();
    };
    block(redisProxy);
    await assertTells("/", 200, "no answer");
    await assertTells("/streams", 200, "Redis does not answer");
    // What the database knows is there all the same.
    await assertTells(event, 200, "Redis does not answer");
    await assertTells(event, 200, "&quot;here&quot;");
    await redisProxy.calm();
    for (const path of ["/", "/streams", event]) await isBack(path);

    block(s3);
    await assertTells(segments, 503, "The archive does not answer");
    await assertTells(event, 200, "The archive does not answer");
    await assertTells("/archive", 200, "Nothing is archived");
    await s3.calm();
    for (const path of [segments, event]) await isBack(path);

    block(postgres);
    const paths = ["/", "/streams", "/consumers", "/dead-letters", event, "/archive", "/actions"];
    await Promise.all(paths.map((path) => assertTells(path, 503, "PostgreSQL does not answer")));
    const body = new URLSearchParams({ csrf, consumer: "mailer", stream });
    const action = await fetch(`${url}/consumers/pause`, { method: "POST", body, redirect: "manual" });
    assertEquals(action.status, 503);
    assertStringIncludes(await action.text(), "the record of actions");
    // What needs no server is there.
    await assertTells("/schemas/WidgetCreated", 200, "widget_id");
    await postgres.calm();
    for (const path of ["/", "/consumers", "/dead-letters", event, "/actions"]) await isBack(path);
  }
});
