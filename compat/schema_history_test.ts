import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "node:path";
import { eventVersions, readSchemaHistory, type SchemaHistory } from "./schema_history.ts";
import { schemaModule, ScratchRepository } from "./testdata/scratch_repository.ts";

const SCHEMAS = "common/schemas/mod.ts";
const orders = (fields: string): Record<string, string> => ({ [SCHEMAS]: schemaModule({ OrderPlaced: fields }) });

async function historyIn(repository: ScratchRepository, args: readonly string[] = []): Promise<SchemaHistory> {
  const { code, stdout, stderr } = await repository.check(args, ".", "schema-history");
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /schema_history\.json: \d+ versions of \d+ events, from \d+ revisions/);
  return readSchemaHistory(await Deno.readTextFile(join(repository.folder, "schema_history.json")));
}

Deno.test("schema-history follows the tags up to what is checked out, and tells what changed and whom it broke", async () => {
  await using repository = await ScratchRepository.make();
  await repository.commit("Nothing yet");
  await repository.git("tag", "v0");
  await repository.commit("Orders", orders("  order_id: z.string(), lines: z.array(z.object({ sku: z.string() })),"));
  await repository.git("tag", "v1");
  await repository.commit("Only words", { "README.md": "Two shops.\n" });
  await repository.git("tag", "v1.1");
  await repository.commit(
    "A coupon",
    orders("  order_id: z.string(), lines: z.array(z.object({ sku: z.string(), n: notSet(z.int()) })),"),
  );
  await repository.git("tag", "-a", "v2", "-m", "Two");
  await repository.commit(
    "Shorter ids",
    orders("  order_id: z.string().max(9), lines: z.array(z.object({ sku: z.string() })),"),
  );
  const history = await historyIn(repository);
  const head = (await repository.git("rev-parse", "HEAD")).slice(0, 10);
  assertEquals(history.revisions.map(({ revision }) => revision), ["v1", "v1.1", "v2", head]);
  assertEquals(history.remarks, [`v0 has no ${SCHEMAS}: it is left out`]);
  const [newest, second, first, ...none] = eventVersions(history, "OrderPlaced");
  assertEquals(none, []);
  assertEquals([first!.revision, first!.what, first!.subject], ["v1", "first seen", "Orders"]);
  assertEquals(first!.fields.map(({ path }) => path), ["order_id", "lines", "lines[].sku"]);
  assertEquals([second!.revision, second!.what, second!.breaks.length], ["v2", "changed", 0]);
  assertEquals(second!.fields, [{ path: "lines[].n", old: undefined, new: "whole number, notSet" }]);
  assertEquals([newest!.revision, newest!.what], [head, "changed"]);
  assertEquals(newest!.fields, [
    { path: "order_id", old: "text", new: "text of at most 9 characters" },
    { path: "lines[].n", old: "whole number, notSet", new: undefined },
  ]);
  assert(newest!.breaks.some(({ path, breaks }) => path === "order_id" && breaks.includes("backward")));
  assertEquals(eventVersions(history, "toString"), []);
});

Deno.test("schema-history follows commits where there is no tag, and passes over what cannot be loaded", async () => {
  await using repository = await ScratchRepository.make();
  await repository.commit("Orders", orders("  order_id: z.string(),"));
  await repository.commit("A fault", { [SCHEMAS]: "import './gone.ts';" });
  await repository.commit("Stock", {
    [SCHEMAS]: schemaModule({ OrderPlaced: "  order_id: z.string(),", StockCounted: "  sku: z.string()," }),
  });
  await repository.commit("Elsewhere", { "README.md": "Two shops.\n" });
  await repository.commit("No orders", { [SCHEMAS]: schemaModule({ StockCounted: "  sku: z.string()," }) });
  const history = await historyIn(repository);
  assertEquals(history.revisions.map(({ subject }) => subject), ["Orders", "Stock", "No orders"]);
  assertEquals(history.remarks.length, 1);
  assertStringIncludes(history.remarks[0]!, "gone.ts");
  assertEquals(eventVersions(history, "OrderPlaced").map(({ what }) => what), ["removed", "first seen"]);
  assertEquals(eventVersions(history, "StockCounted").map(({ what }) => what), ["added"]);
  assertEquals((await historyIn(repository, ["--history", "1"])).revisions.map(({ subject }) => subject), [
    "No orders",
  ]);
  assertEquals((await repository.git("status", "--porcelain")).split("\n"), ["?? schema_history.json"]);
});

Deno.test("schema-history says what it lacks, and readSchemaHistory() what is none", async () => {
  await using repository = await ScratchRepository.make();
  const failed = async (): Promise<string> => {
    const { code, stderr } = await repository.check([], ".", "schema-history");
    assertEquals(code, 1, stderr);
    return stderr;
  };
  assertStringIncludes(await failed(), "no commit yet");
  await repository.commit("Begin");
  assertStringIncludes(await failed(), "--schemas FILE");
  await repository.write(orders("  order_id: z.string(),"));
  assertStringIncludes(await failed(), "Commit it first");
  const wrong = `{"format":1,"revisions":[],"remarks":[],"events":{"A":[{"revision":3,"form":null}]}}`;
  for (const text of ["", "null", "{}", wrong]) assertThrows(() => readSchemaHistory(text), TypeError);
});
