import { assert, assertStringIncludes } from "@std/assert";
import { findPostgres, findRedis } from "./binaries.ts";

async function version(program: string): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args: ["--version"] }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("findPostgres() and findRedis() find folders of programs that run", async () => {
  const postgres = await findPostgres();
  const redis = await findRedis();
  assert(postgres && redis);
  assertStringIncludes(await version(`${postgres}/postgres`), "PostgreSQL");
  assertStringIncludes(await version(`${redis}/redis-server`), "Redis");
});
