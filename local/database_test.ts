import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import postgres from "postgres";
import { askPostgres } from "./answers.ts";
import { createDatabase } from "./database.ts";
import { startPostgres } from "./postgres.ts";

Deno.test("createDatabase() creates databases of their own, and drops one in use", async () => {
  await using server = await startPostgres();
  const one = await createDatabase(`${server.url}?application_name=kept`);
  const other = await createDatabase(server.url);
  assertMatch(one.url, /\/ep_test_[0-9a-f]{32}\?application_name=kept$/);
  const sql = postgres(one.url, { max: 1 });
  try {
    assertEquals([...await sql`SELECT current_setting('application_name') AS it`], [{ it: "kept" }]);
    await one.drop();
    await one.drop();
  } finally {
    await sql.end({ timeout: 5 });
  }
  await assertRejects(() => askPostgres(one.url), Error, "does not exist");
  await askPostgres(other.url);
});
