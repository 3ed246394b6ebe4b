import { until } from "@events-pipeline/local/until";
import { assert, assertEquals } from "@std/assert";
import { effectPipeline } from "./testdata/effect_pipeline.ts";

/** How long a hand-over may take, by how the first instance ends, with a lease of 3 s: in milliseconds. */
const handOvers = { SIGTERM: 2_000, SIGKILL: 3_000 + 1_000 } as const;

for (const [signal, limit] of Object.entries(handOvers) as ["SIGTERM" | "SIGKILL", number][]) {
  Deno.test(`consume: two instances hand over within ${limit} ms of a ${signal} under load, with no effect doubled`, async () => {
    await using pipeline = await effectPipeline();
    const { sql, effects } = pipeline;
    const environment = { CONSUMER_LEASE_SECONDS: "3" };
    await using old = await pipeline.consume(environment);
    await using _publisher = await pipeline.publisher();
    {
      await using _sending = pipeline.keepSending();
      await until("the first one works", async () => await effects() > 50);
      await using next = await pipeline.consume(environment);
      await until("the second one stands by", async () => await next.faults() !== undefined);
      const [before] = await sql<
        { id: number; at: Date }[]
      >`SELECT max(id)::int AS id, clock_timestamp() AS at FROM public.effect`;
      old.kill(signal);
      await until(
        "the second one works",
        async () => (await sql`SELECT FROM public.effect WHERE pid = ${next.pid}`).length > 50,
      );
      const [after] = await sql<{ ms: number }[]>`
        SELECT (extract(epoch FROM min(at) - ${
        before!.at
      }) * 1000)::float8 AS ms FROM public.effect WHERE pid = ${next.pid}`;
      assert(after!.ms < limit, `${after!.ms} ms`);
      if (signal === "SIGTERM") assertEquals(await old.ended, 0, old.output);
      await _sending[Symbol.asyncDispose]();
      await pipeline.check();
    }
  });
}
