import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { askPostgres, askRedis } from "./answers.ts";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";
import { exists } from "./testdata/traces.ts";
import { until } from "./until.ts";

/** A test that prints its environment and ends as it is told. */
const TEST = `Deno.test("x", async () => {
  await Deno.writeTextFile(Deno.env.get("OUTPUT"), Deno.env.get("DATABASE_URL"));
  if (Deno.env.get("END") === "failing") throw new Error("As told");
  if (Deno.env.get("END") !== "waiting") return;
  await new Promise((resolve) => setTimeout(resolve, 60_000));
});`;

for (const [end, expected] of [["passing", 0], ["failing", 1], ["waiting", 143]] as const) {
  Deno.test(`test.ts uses a fresh database and exits with the code of ${end} tests`, async () => {
    await using postgres = await startPostgres();
    await using redis = await startRedis();
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/x_test.js`, TEST);
      const program = new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--allow-all", `${import.meta.dirname}/test.ts`],
          ...["--no-config", "--no-lock", `${folder}/x_test.js`],
        ],
        env: {
          DATABASE_URL: postgres.url,
          REDIS_URL: redis.url,
          OUTPUT: `${folder}/output`,
          END: end,
        },
        stdout: "null",
        stderr: "null",
      }).spawn();
      if (end === "waiting") {
        await until("the test runs", () => exists(`${folder}/output`), 30_000);
        program.kill("SIGTERM");
      }
      assertEquals((await program.status).code, expected);
      const url = await Deno.readTextFile(`${folder}/output`);
      assertMatch(url, /\/ep_test_[0-9a-f]{32}$/);
      await assertRejects(() => askPostgres(url), Error, "does not exist");
      await askPostgres(postgres.url);
      await askRedis(redis.url);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
