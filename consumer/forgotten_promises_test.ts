import { until } from "@events-pipeline/local/until";
import { assertEquals } from "@std/assert";
import { effectPipeline } from "./testdata/effect_pipeline.ts";

Deno.test("consume goes on, for all of its consumers, when what a handler did not wait for fails after its transaction", async () => {
  await using pipeline = await effectPipeline();
  const { sql } = pipeline;
  await using worker = await pipeline.consume({ LOG_FORMAT: "json" }, { handlers: "careless_handlers.ts" });
  const by = async (consumer: number): Promise<number> =>
    (await sql`SELECT FROM public.effect WHERE pid = ${consumer}`).length;
  for (let sent = 10; sent <= 30; sent += 10) {
    await pipeline.send(10);
    await until("both have handled all", async () => await by(1) === sent && await by(2) === sent);
    await new Promise((resolve) => setTimeout(resolve, 100)); // What was not waited for has failed.
  }
  worker.kill("SIGTERM");
  assertEquals(await worker.ended, 0, worker.output);
  assertEquals(await by(3), 0);
});
