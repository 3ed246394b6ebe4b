import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { checkSchema } from "@events-pipeline/common/migrator";
import { leaseMigrations } from "@events-pipeline/common/lease";
import { archivedPipeline } from "./testdata/archived_pipeline.ts";
import { archiverMigrations } from "./migrations.ts";

Deno.test("runArchiver() needs no more rights in PostgreSQL than the README grants", async () => {
  await using pipeline = await archivedPipeline();
  const readme = await Deno.readTextFile(new URL("README.md", import.meta.url));
  const grants = /^## Its rights in PostgreSQL\s+```sql\n([^`]+)```/m.exec(readme)![1]!;
  const role = `archiver_${crypto.randomUUID().replaceAll("-", "")}`;
  const password = crypto.randomUUID();
  await pipeline.sql.unsafe(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
  const url = new URL(pipeline.databaseUrl);
  Object.assign(url, { username: role, password });
  const sql = connectPostgres(url.href, { applicationName: "test" });
  try {
    await pipeline.sql.unsafe(grants.replaceAll("TO archiver;", `TO ${role};`));
    await checkSchema(sql, [leaseMigrations, archiverMigrations]);
    await pipeline.send(5);
    await pipeline.archive({ sql });
    await pipeline.assertArchived();
  } finally {
    await closePostgres(sql);
    await pipeline.sql.unsafe(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});
