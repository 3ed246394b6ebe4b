import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { z } from "zod";
import type { CompatReport } from "./check_compat.ts";
import { CompatFileError, readCompatFile } from "./compat_file.ts";
import { locate } from "./locate.ts";
import { reportGithub } from "./report_github.ts";
import { reportJson } from "./report_json.ts";
import { reportText } from "./report_text.ts";
import { RULES } from "./rules/rules.ts";
import { check, inShort, snapshotWith } from "./testdata/snapshots.ts";

const README = new URL("./README.md", import.meta.url);

function reportOf(findings: CompatReport["findings"]): CompatReport {
  return {
    base: { revision: "origin/main", commit: "0123456789abcdef" },
    ...{
      history: [],
      mode: "additive",
      events: { base: 1, now: 1 },
      streams: { base: 0, now: 0 },
      findings,
      remarks: [],
    },
  };
}

const old = snapshotWith({ a: z.string(), b: z.enum(["x"]), c: z.string() });
const now = snapshotWith({ a: z.string().regex(/^100%,\n:$/), b: z.enum(["x", "y"]) });
const waivers = [{
  rule: "field-removed",
  event: "E",
  path: "c",
  reason: "Nobody reads it",
  date: "2026-06-01",
  until: "2026-06-15",
}];
const report = reportOf(
  check(old, now, "additive", { waivers }).map((finding) => ({ ...finding, place: { file: "e,v.ts", line: 7 } })),
);

Deno.test("reportText has what is breaking first, then waivers, then notes, and a verdict", () => {
  const text = reportText(report);
  assertEquals(text.match(/^(BREAKING|waived|note) .*$/gm), [
    "BREAKING pattern-tightened: E.a  e,v.ts:7",
    "waived field-removed: E.c  e,v.ts:7",
    "note enum-member-added: E.b  e,v.ts:7",
  ]);
  assertStringIncludes(text, "  waived on 2026-06-01 until 2026-06-15: Nobody reads it");
  assertEquals(text.split("\n").at(-1), "Not compatible: 1 breaking, 1 waived, 1 to note");
});

Deno.test("reportGithub escapes what would end a command, a property or a line", () => {
  const lines = reportGithub(report).split("\n");
  assertEquals(lines.length, 4);
  assertEquals(
    lines[0]!.slice(0, 150).includes("::error file=e%2Cv.ts,line=7,title=pattern-tightened%3A E.a::"),
    true,
    lines[0],
  );
  assertStringIncludes(lines[0]!, "/^100%25,\\n:$/");
  assertEquals(lines.map((line) => line.slice(0, 8)), ["::error ", "::notice", "::notice", "Not comp"]);
});

Deno.test("reportJson has the fields that the README documents, and no other", async () => {
  const json = JSON.parse(reportJson(report));
  const readme = await Deno.readTextFile(README);
  const table = readme.slice(readme.indexOf("## Formats"), readme.indexOf("## Rules"));
  const documented = [...table.matchAll(/^\| (.*?) \|/gm)].flatMap((
    [, cell],
  ) => [...cell!.matchAll(/`(?:findings\[\])?\.?(\w+)/g)])
    .map(([, name]) => name!);
  const fields = new Set([...Object.keys(json), ...json.findings.flatMap((finding: object) => Object.keys(finding))]);
  assertEquals([...fields].filter((name) => name !== "findings" && !documented.includes(name)), []);
  assertEquals(
    [json.format, json.verdict, json.findings[0].rule, json.findings[0].line],
    [1, "breaking", "field-removed", 7].with(2, "pattern-tightened"),
  );
});

Deno.test("README.md lists every rule with its words, in the order of the code", async () => {
  const readme = await Deno.readTextFile(README);
  const rows = [...readme.matchAll(/^\| `([a-z-]+)`\s+\| (.*?)\s*\| (.*?)\s*\| (.*?)\s*\|$/gm)].map((row) =>
    row.slice(1)
  );
  const listed = rows.filter(([id]) => id!.includes("-"));
  assertEquals(
    listed.map(([id, what, , fix]) => ({ id, what, fix })),
    RULES.map(({ id, what, fix }) => ({ id, what, fix })),
  );
  for (const [i, [id, , why]] of listed.entries()) {
    for (const sentence of Object.values(RULES[i]!.why)) assertStringIncludes(why!, sentence, id);
  }
});

Deno.test("a waiver holds until the end of its last day", () => {
  const waiver = { ...waivers[0]!, reason: "Nobody reads it" };
  const after = snapshotWith({ a: z.string(), b: z.enum(["x"]) });
  assertEquals(check(old, after, "additive", { waivers: [waiver] }).map(inShort), ["waived field-removed c"]);
  assertEquals(check(old, after, "additive", { waivers: [{ ...waiver, until: "2026-06-14" }] }).map(inShort), [
    "breaking field-removed c",
    "breaking waiver-expired c",
  ]);
  for (const other of [{ path: "b" }, { event: "F" }, { rule: "type-changed" }]) {
    assertEquals(
      check(old, after, "additive", { waivers: [{ ...waiver, ...other }] }).map((finding) => finding.rule.id),
      [
        "field-removed",
        "waiver-unused",
      ],
    );
  }
});

Deno.test("readCompatFile refuses what is no JSON, and waivers without a day, a reason or a rule", () => {
  assertThrows(() => readCompatFile("{"), CompatFileError, "Cannot read compat.json: it is no JSON");
  assertThrows(() => readCompatFile('{ "waivers": [{}] }'), CompatFileError, "waivers.0.reason: is missing");
  const both = { ...waivers[0]!, stream: "stream:a:events" };
  assertThrows(
    () => readCompatFile(JSON.stringify({ waivers: [both] })),
    CompatFileError,
    "must name either an event or a stream",
  );
  assertEquals(readCompatFile(JSON.stringify({ waivers })).waivers, waivers);
});

Deno.test("locate finds an event, a field, a field inside, or else the next thing around it", () => {
  const source = [
    'import { z } from "zod";', // 1
    'const address = z.object({ zip: z.string() }); // "OrderPlaced" is defined below', // 2
    "export const OrderPlaced: EventDefinition<", // 3
    '  "OrderPlaced",', // 4
    "  { readonly order_id: string }", // 5
    '> = defineEvent("OrderPlaced", {', // 6
    "  order_id: z.string(), // lines: none", // 7
    '  "odd name": z.string(),', // 8
    "  lines: z.array(z.object({", // 9
    "    order_id: z.string(),", // 10
    "    sku: z.string(),", // 11
    "  })),", // 12
    "  address,", // 13
    "});", // 14
    'export const OrderPaid = defineEvent("OrderPaid", { paid: z.boolean() });', // 15
    'export const STREAM = defineStreamName("stream:orders:events");', // 16
  ].join("\n");
  const line = (path: string, event = "OrderPlaced"): number | undefined =>
    locate([["a.ts", source]], { event }, path)?.line;
  assertEquals(line(""), 6);
  assertEquals(line("order_id"), 7);
  assertEquals(line('"odd name"'), 8);
  assertEquals(line("lines[].order_id"), 10);
  assertEquals(line("lines[].sku"), 11);
  assertEquals(line("address.zip"), 13);
  assertEquals(line("gone"), 6);
  assertEquals(line("paid"), 6);
  assertEquals(line("paid", "OrderPaid"), 15);
  assertEquals(line("", "OrderGone"), undefined);
  assertEquals(locate([["a.ts", source]], { stream: "stream:orders:events" }, "")?.line, 16);
});
