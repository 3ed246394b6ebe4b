import { openStore } from "@events-pipeline/archiver";
import { fromJsonLine } from "@events-pipeline/common";
import { readLease } from "@events-pipeline/common/lease";
import { type DaemonProcess, startDaemon } from "@events-pipeline/local/daemon_process";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { type ExportedSpan, startOtlpCollector } from "./otlp_collector.ts";

for (const args of [[], ["--isolate"]]) {
  Deno.test(`a trace shows an event from its app through the publisher to its consumer ${args}, and SIGTERM loses none of it`, async () => {
    await using pipeline = await testPipeline();
    await using cleanUp = new AsyncDisposableStack();
    const { sql, stream } = pipeline;
    const collector = cleanUp.use(startOtlpCollector());
    const archive = await Deno.makeTempDir();
    cleanUp.defer(() => Deno.remove(archive, { recursive: true }));
    const environmentOf = (service: string) => ({
      ...{ DATABASE_URL: pipeline.databaseUrl, REDIS_URL: pipeline.redisUrl, TEST_STREAM: stream },
      ...{ ARCHIVE_URL: `file://${archive}`, ARCHIVE_STREAM_LIMITS: `${stream}=age:0.1` },
      ...{ LOG_LEVEL: "error", ...collector.environment(service) },
    });
    const daemons: DaemonProcess[] = [];
    const stop = async (): Promise<void> => {
      const stopped = daemons.splice(0);
      for (const daemon of stopped) daemon.kill("SIGTERM");
      assertEquals(await Promise.all(stopped.map(({ ended }) => ended)), stopped.map(() => 0));
    };
    cleanUp.defer(stop);
    for (const task of ["publisher", "archive", "consume"]) {
      daemons.push(
        await startDaemon(task, {
          args: task === "consume" ? ["--handlers", "local/testdata/traced_handlers.ts", ...args] : [],
          environment: environmentOf(task),
          onFailure: console.error,
        }),
      );
    }
    const app = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-net", "--allow-env", new URL("testdata/traced_app.ts", import.meta.url).href],
      env: environmentOf("app"),
    }).output();
    assertEquals(app.code, 0, new TextDecoder().decode(app.stderr));
    const handled = async () => (await sql`SELECT FROM events.processed_event`).length;
    await until("both events are handled", async () => await handled() === 2);
    await until("both events are archived", async () => {
      const lease = await readLease(sql, { stream, role: "archiver" });
      return lease?.checkpoint.endsWith("-2") ?? false;
    });
    await stop();

    const one = (what: string, which: (span: ExportedSpan) => boolean): ExportedSpan => {
      const found = collector.spans.filter(which);
      assertEquals(found.length, 1, `${what}: ${JSON.stringify(collector.spans.map(({ name }) => name))}`);
      return found[0]!;
    };
    const checkout = one("checkout", ({ name }) => name === "checkout");
    const sent = one("first send", ({ parentSpanId }) => parentSpanId === checkout.spanId);
    const linked = (to: ExportedSpan, name: string) => (span: ExportedSpan) =>
      span.name === name && span.links.includes(to.spanId);
    const [first, second] = await sql`SELECT event_id, metadata, stream_entry_id FROM events.outbox_event ORDER BY id`;
    const messaging = { "messaging.system": "events-pipeline", "messaging.destination.name": stream };
    const about = { "messaging.message.id": first!["event_id"], "events_pipeline.event.type": "WidgetCreated" };
    assertEquals([sent.service, sent.name, sent.kind, sent.traceId], ["app", `send ${stream}`, 4, checkout.traceId]);
    assertEquals(sent.attributes, {
      ...{ ...messaging, ...about, "messaging.operation.name": "send", "messaging.operation.type": "send" },
    });
    assertEquals(first!["metadata"], { traceparent: `00-${sent.traceId}-${sent.spanId}-01` });

    const published = one("publish", linked(sent, `publish ${stream}`));
    assertEquals([published.service, published.kind, published.parentSpanId], ["publisher", 1, ""]);
    assertEquals(published.attributes["messaging.batch.message_count"], 1);

    const processed = one("process", linked(sent, `process ${stream}`));
    assertEquals([processed.service, processed.kind, processed.parentSpanId], ["consume", 5, ""]);
    assertEquals(processed.status.code, 0);
    assertEquals(processed.attributes, {
      ...{ ...messaging, ...about, "messaging.operation.name": "process", "messaging.operation.type": "process" },
      "messaging.consumer.group.name": "test:traced",
      "events_pipeline.entry.id": first!["stream_entry_id"],
      "events_pipeline.attempt": 1,
    });
    const children = collector.spans.filter(({ parentSpanId }) => parentSpanId === processed.spanId);
    assertEquals(children.map(({ name }) => name).sort(), ["reserve", `send ${stream}`]);

    const answer = children.find(({ name }) => name !== "reserve")!;
    assertEquals(second!["metadata"].traceparent, `00-${processed.traceId}-${answer.spanId}-01`);
    const attempts = collector.spans.filter(linked(answer, `process ${stream}`));
    assertEquals(
      attempts.map(({ status, attributes }) => [attributes["events_pipeline.attempt"], status.code]).sort(),
      [
        [1, 2],
        [2, 0],
      ],
    );
    const failed = attempts.find(({ status }) => status.code === 2)!;
    assertEquals([failed.status.message, failed.attributes["error.type"]], ["RangeError", "RangeError"]);
    const [exception] = failed.events;
    assertEquals([exception!.name, exception!.attributes["exception.type"]], ["exception", "RangeError"]);
    assertMatch(String(exception!.attributes["exception.stacktrace"]), /traced_handlers\.ts/);
    assert(!collector.text.includes("secret-4111"), "a span tells what the error says");

    const store = await openStore(`file://${archive}`);
    const lines: string[] = [];
    for await (const { key } of store.list("")) {
      const object = await Deno.readFile(`${archive}/${key}`);
      lines.push(...new TextDecoder().decode(gunzipSync(object)).trim().split("\n"));
    }
    store.close();
    const archived = lines.map((line) => JSON.parse(fromJsonLine(line).metadata).traceparent);
    assertEquals(archived, [first!["metadata"].traceparent, second!["metadata"].traceparent]);
  });
}
