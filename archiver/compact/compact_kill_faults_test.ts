import { until } from "@events-pipeline/local/until";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { assertEquals } from "@std/assert";
import { resolve } from "node:path";
import { smallObjects } from "../testdata/compacted.ts";
import { range } from "../testdata/test_archive.ts";
import { CompactionRunningError, compactStream } from "./compact_stream.ts";

const PROGRAM = resolve(import.meta.dirname!, "../testdata/dying_compaction.ts");

Deno.test("compactStream() may be killed in front of any request: the archive is whole, and the next one finishes", async () => {
  await using pipeline = await testPipeline();
  const { databaseUrl, sql, stream } = pipeline;
  for (let point = 1, ended = false; !ended; point++) {
    await using small = await smallObjects(30, pipeline);
    const { archive } = small;
    const { code, signal, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", PROGRAM, databaseUrl, archive.url, stream, String(point)],
    }).output();
    ended = code === 0;
    assertEquals([point, signal], [point, ended ? null : "SIGKILL"], new TextDecoder().decode(stderr));
    assertEquals([point, (await small.verify()).faults, await small.positions()], [point, [], range(1, 120)]);
    await until("the lease of the killed one has run out", async () => {
      try {
        await compactStream({ sql, store: archive.store, stream });
        return true;
      } catch (error) {
        if (!(error instanceof CompactionRunningError)) throw error;
        return false;
      }
    });
    const { faults, superseded } = await small.verify();
    assertEquals([point, faults, superseded, (await archive.keys()).length], [point, [], 0, 2]);
    assertEquals(await small.positions(), range(1, 120));
  }
});
