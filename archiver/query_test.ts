import { DuckDBInstance } from "@duckdb/node-api";
import { assertEquals } from "@std/assert";
import { resolve } from "node:path";
import { DAY_1, DAY_MS, entriesOf, testArchive } from "./testdata/test_archive.ts";

Deno.test("DuckDB runs the queries of the README, with stream and date as partitions", async () => {
  await using archive = await testArchive();
  for (
    const [day, stream] of [[0, "stream:widgets:events"], [1, "stream:widgets:events"], [1, "stream:b:events"]] as const
  ) {
    for (const first of [1, 11]) {
      await archive.put(
        entriesOf(day * 20 + first, day * 20 + first + 9, DAY_1 + day * DAY_MS + first * 1_000, stream),
      );
    }
  }
  const readme = await Deno.readTextFile(resolve(import.meta.dirname!, "README.md"));
  const [view, query] = [.../```sql duckdb\n([^]*?)```/g[Symbol.matchAll](readme)].map((match) => match[1]!);
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run(view!.replace("'archive/", `'${archive.folder}/`));
    const rows = (await connection.runAndReadAll(query!)).getRowObjectsJson();
    assertEquals(rows, [
      { date: "2026-01-01", event_type: "WidgetCreated", events: "10", widgets: "10" },
      { date: "2026-01-01", event_type: "WidgetRenamed", events: "10", widgets: "10" },
      { date: "2026-01-02", event_type: "WidgetCreated", events: "10", widgets: "10" },
      { date: "2026-01-02", event_type: "WidgetRenamed", events: "10", widgets: "10" },
    ]);
    const [row] = (await connection.runAndReadAll("SELECT * FROM events WHERE stream = 'stream:b:events' LIMIT 1"))
      .getRowObjectsJson();
    assertEquals(row, {
      entry_id: `${DAY_1 + DAY_MS + 1_000}-21`,
      event_id: "019a2f6e-0000-7000-8000-000000000021",
      event_type: "WidgetCreated",
      time: "2026-01-02 00:00:01+00",
      metadata: "{}",
      payload: '{"widget_id":"w21"}',
      stream: "stream:b:events",
      date: "2026-01-02",
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
});
