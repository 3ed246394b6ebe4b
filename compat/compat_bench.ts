/**
 * How long a check of 500 events takes: `deno task bench compat`.
 *
 * @module
 */
import { BenchReport } from "../local/bench_report.ts";
import { diffSnapshots } from "./diff.ts";
import { snapshotOf } from "./snapshot.ts";
import { schemaModule, ScratchRepository } from "./testdata/scratch_repository.ts";

const EVENTS = 500;

/** Ten fields, of the kinds that events have; every fifth event changes between the revisions. */
function fields(i: number, changed: boolean): string {
  const max = changed && i % 5 === 0 ? 50 : 100;
  return `
  id: z.uuid(),
  at: isoDate,
  amount: z.number().min(0).max(${max}),
  status: z.enum(["open", "paid", "void", "sent"]),
  note: notSet(z.string().max(1000)),
  owner: z.object({ id: z.string(), name: z.string().nullable(), tags: z.array(z.string()) }),
  lines: z.array(z.object({ sku: z.string().min(1), count: z.int().min(1), price: z.number() })),
  labels: z.record(z.string(), z.string()),
  payment: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("card"), last4: z.string().length(4) }),
    z.object({ kind: z.literal("invoice"), due: isoDate }),
  ]),
  size: z.tuple([z.number(), z.number()]).optional(),`;
}

function module(changed: boolean): string {
  const events = Array.from({ length: EVENTS }, (_, i) => [`Event${i}Happened`, fields(i, changed)]);
  return schemaModule(Object.fromEntries(events)).replace("notSet }", "isoDate, notSet }");
}

const report = new BenchReport("compat");
await using repository = await ScratchRepository.make();
await repository.commit("500 events", { "events/mod.ts": module(false) });
await repository.write({ "events/mod.ts": module(true) });

for (let run = 1; run <= 3; run++) {
  const start = performance.now();
  const { code, stdout } = await repository.check(["--base", "HEAD", "--schemas", "events/mod.ts", "--format", "json"]);
  const { findings } = JSON.parse(stdout);
  if (code !== 1 || findings.length !== EVENTS / 5) throw new Error(`Not as expected: exit code ${code}, ${stdout}`);
  report.add(`deno task check-compat, ${EVENTS} events, run ${run}`, performance.now() - start, "ms", "< 3000");
}

// Each revision's schemas are those of one module, so both are of the checkout's.
const text = module(false).replaceAll("@events-pipeline/common", new URL("../common/mod.ts", import.meta.url).href);
const file = new URL(`./zz_bench_${crypto.randomUUID()}.ts`, import.meta.url);
await Deno.writeTextFile(file, text);
try {
  const schemas = await import(file.href);
  for (let run = 1; run <= 3; run++) {
    const start = performance.now();
    const snapshot = snapshotOf([schemas]);
    const read = performance.now();
    diffSnapshots(snapshot, structuredClone(snapshot));
    report.add(`taking ${EVENTS} events down, run ${run}`, read - start, "ms");
    report.add(`comparing them, run ${run}`, performance.now() - read, "ms");
  }
} finally {
  await Deno.remove(file);
}
report.end();
