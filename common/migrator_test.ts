import { createDatabase } from "@events-pipeline/local/database";
import { assertEquals, assertRejects } from "@std/assert";
import { leaseMigrations } from "./lease.ts";
import { checkSchema, migrate, type MigrationSet, NewerSchemaError, OlderSchemaError } from "./migrator.ts";
import { closePostgres, connectPostgres } from "./postgres.ts";

async function withDatabase(work: (sql: ReturnType<typeof connectPostgres>) => Promise<void>): Promise<void> {
  const database = await createDatabase(Deno.env.get("DATABASE_URL")!);
  const sql = connectPostgres(database.url, { applicationName: "test" });
  try {
    await work(sql);
  } finally {
    await closePostgres(sql);
    await database.drop();
  }
}

const first = { name: "one", sql: "CREATE TABLE events.one (id int)" };
const older: MigrationSet = { owner: "test", migrations: [first] };

Deno.test("migrate() applies each migration once, however many run it at once", async () => {
  await withDatabase(async (sql) => {
    const applied = await Promise.all([1, 2, 3, 4, 5].map(() => migrate(sql, [leaseMigrations, older])));
    assertEquals(applied.flat().length, 2);
    assertEquals(await migrate(sql, [leaseMigrations, older]), []);
  });
});

Deno.test("checkSchema() tells a login without rights which role it lacks", async () => {
  await withDatabase(async (sql) => {
    await migrate(sql, [older]);
    const role = `nobody_${crypto.randomUUID().slice(0, 8)}`;
    await sql.unsafe(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    const url = new URL(`postgres://${role}:x@host/${sql.options.database}`);
    url.host = `${sql.options.host[0]}:${sql.options.port[0]}`;
    const nobody = connectPostgres(url.href, { applicationName: "test" });
    try {
      await assertRejects(() => checkSchema(nobody, [older]), Error, "a member of its program's role");
    } finally {
      await closePostgres(nobody);
      await sql.unsafe(`DROP ROLE ${role}`);
    }
  });
});

Deno.test("migrate() refuses a newer schema; checkSchema() only a newer breaking or an older one", async () => {
  await withDatabase(async (sql) => {
    await assertRejects(() => checkSchema(sql, [older]), OlderSchemaError, "Run 'deno task migrate'");
    const newer = { owner: "test", migrations: [first, { name: "two", sql: "SELECT 1" }] };
    await migrate(sql, [newer]);
    await assertRejects(() => migrate(sql, [older]), NewerSchemaError, "knows 1");
    await checkSchema(sql, [older]);
    await migrate(sql, [{
      owner: "test",
      migrations: [...newer.migrations, { ...first, sql: "SELECT 1", breaking: true }],
    }]);
    await assertRejects(() => checkSchema(sql, [older]), NewerSchemaError);
  });
});
