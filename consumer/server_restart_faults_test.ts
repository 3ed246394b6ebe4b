import { type OwnedServer, startPostgres, startRedis } from "@events-pipeline/local";
import { until } from "@events-pipeline/local/until";
import { assertEquals } from "@std/assert";
import { type EffectPipeline, effectPipeline } from "./testdata/effect_pipeline.ts";

/** Two consumers work on a steady load while something is broken, and once more when it is mended; then all must be right. */
async function outlive(pipeline: EffectPipeline, breakIt: () => Promise<void>): Promise<void> {
  const { effects } = pipeline;
  await using _publisher = await pipeline.publisher();
  await using first = await pipeline.consume();
  await using second = await pipeline.consume();
  {
    await using _sending = pipeline.keepSending();
    await until("they work", async () => await effects() > 50);
    await breakIt();
    const before = await effects();
    await until("they work again", async () => await effects() > before + 50);
  }
  await pipeline.check();
  for (const worker of [first, second]) {
    await until("health is well", async () => Object.keys(await worker.faults() ?? { down: true }).length === 0);
    worker.kill("SIGTERM");
  }
  assertEquals([await first.ended, await second.ended], [0, 0], first.output + second.output);
}

const crash = async (server: OwnedServer): Promise<void> => {
  await server.crash();
  await server.start();
};

for (
  const [what, breakIt] of Object.entries({
    "is restarted": (server: OwnedServer) => server.restart(),
    "crashes": crash,
  })
) {
  Deno.test(`consume goes on by itself when PostgreSQL ${what} under load`, async () => {
    await using server = await startPostgres();
    await using pipeline = await effectPipeline({ postgresUrl: server.url });
    await outlive(pipeline, () => breakIt(server));
  });
}

/** What happens to a Redis. */
const redisFaults: Record<string, (server: OwnedServer, pipeline: EffectPipeline) => Promise<void>> = {
  "is restarted": (server) => server.restart(),
  "is killed with -9": crash,
  "comes back empty": async (server) => {
    await server.crash();
    await Deno.remove(`${server.folder}/appendonlydir`, { recursive: true });
    await server.start();
  },
  "is flushed three times, and refilled": async (_server, { redis, effects }) => {
    for (let i = 0; i < 3; i++) {
      await redis.call("FLUSHALL");
      const before = await effects();
      await until("they work again", async () => await effects() > before + 20);
    }
  },
};

for (const [what, breakIt] of Object.entries(redisFaults)) {
  Deno.test(`consume goes on by itself when Redis ${what} under load`, async () => {
    await using server = await startRedis();
    await using pipeline = await effectPipeline({ redisUrl: server.url });
    await outlive(pipeline, () => breakIt(server, pipeline));
  });
}

const servers = { PostgreSQL: startPostgres, Redis: startRedis } as const;
const options = { PostgreSQL: "postgresUrl", Redis: "redisUrl" } as const;

for (const name of ["PostgreSQL", "Redis"] as const) {
  Deno.test(`consume that is started while ${name} is down says so, waits, and begins when it is there`, async () => {
    await using server = await servers[name]();
    await using pipeline = await effectPipeline({ [options[name]]: server.url });
    await pipeline.send(20);
    await server.stop();
    await using worker = await pipeline.consume();
    const words = name === "PostgreSQL" ? /ECONNREFUSED/ : /Redis/;
    await until(
      `health says that ${name} is away`,
      async () => Object.values(await worker.faults() ?? {}).some((reason) => words.test(reason)),
    );
    await server.start();
    await pipeline.check();
    await until("health is well", async () => Object.keys(await worker.faults() ?? { down: true }).length === 0);
    worker.kill("SIGTERM");
    assertEquals(await worker.ended, 0, worker.output);
  });
}
