import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { schemaModule, ScratchRepository } from "./testdata/scratch_repository.ts";

const SCHEMAS = "events/mod.ts";

/** What one commit changes, and what is expected of it. */
interface Step {
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly code: 0 | 1 | 2;
  /** Rule ids with their severity, in the order of the report. */
  readonly findings: readonly string[];
  readonly remark?: RegExp;
}

const WAIVER = {
  rule: "field-removed",
  event: "OrderPlaced",
  path: "note",
  reason: "No consumer has ever read it",
  date: "2026-01-02",
};

function order(fields: Readonly<Record<string, string>>): string {
  const all: Record<string, string> = {
    order_id: "z.string().min(1)",
    status: 'z.enum(["open", "paid"])',
    note: "z.string().nullable()",
    lines: "z.array(z.object({ sku: z.string(), price: z.number().min(0) }))",
    ...fields,
  };
  return Object.entries(all).filter(([, type]) => type !== "").map(([name, type]) => `  ${name}: ${type},`).join("\n");
}

const streams = (domain: string): string =>
  `export const Streams = { ORDERS: defineStreamName("stream:${domain}:events") };`;
const events = (
  fields: Readonly<Record<string, string>>,
  name = "OrderPlaced",
  stream = "orders",
): Record<string, string> => ({
  [SCHEMAS]: schemaModule({ [name]: order(fields) }, streams(stream)),
});

const gift = { gift: "notSet(z.boolean())" };
const coupon = { ...gift, coupon: "notSet(z.string())" };
const more = { ...coupon, status: 'z.enum(["open", "paid", "void"])' };
const whole = { ...coupon, lines: "z.array(z.object({ sku: z.string(), price: z.int().min(0) }))" };
const without = { ...whole, note: "" };

const STEPS: readonly Step[] = [
  {
    what: "the first schemas",
    files: events({}),
    code: 0,
    findings: [],
    remark: /HEAD~1 has no events\/mod\.ts: there is nothing to compare with/,
  },
  { what: "a field with notSet, and a description", files: events(gift), code: 0, findings: [] },
  {
    what: "an optional field without notSet",
    files: events({ ...gift, coupon: "z.string().optional()" }),
    code: 1,
    findings: ["breaking optional-without-not-set coupon"],
  },
  { what: "notSet on it after all", files: events(coupon), code: 0, findings: [] },
  { what: "an enum member more", files: events(more), code: 0, findings: ["note enum-member-added status"] },
  { what: "an enum member less", files: events(coupon), code: 1, findings: ["breaking enum-member-removed status"] },
  {
    what: "a narrower number, two levels down",
    files: events(whole),
    code: 1,
    findings: ["breaking number-to-integer lines[].price"],
  },
  {
    what: "a field less, with a waiver",
    files: { ...events(without), "compat.json": JSON.stringify({ waivers: [WAIVER] }) },
    code: 0,
    findings: ["waived field-removed note"],
  },
  {
    what: "nothing but a waiver left over",
    files: { "README.md": "A shop!\n" },
    code: 1,
    findings: ["breaking waiver-unused note"],
  },
  {
    what: "another name for the event and for the stream",
    files: { ...events(without, "OrderSubmitted", "sales"), "compat.json": "{}" },
    code: 1,
    findings: ["breaking stream-renamed ", "breaking event-renamed "],
  },
];

Deno.test("check-compat walks through ten commits of another repository with the right verdict on each", async () => {
  await using repository = await ScratchRepository.make();
  await repository.commit("an empty shop");
  for (const { what, files, code, findings, remark } of STEPS) {
    await repository.commit(what, files);
    const checked = await repository.check(["--base", "HEAD~1", "--schemas", SCHEMAS, "--format", "json"]);
    assertEquals(checked.stderr, "", what);
    const report = JSON.parse(checked.stdout);
    const found = report.findings.map((finding: Record<string, string>) =>
      `${finding["severity"]} ${finding["rule"]} ${finding["path"]}`
    );
    assertEquals([found, checked.code], [findings, code], what);
    assertEquals(report.verdict, code === 0 ? "compatible" : "breaking");
    if (remark !== undefined) assertMatch(report.remarks.join("\n"), remark);
  }
  // The last step again, in the other formats.
  const text = await repository.check(["--base", "HEAD~1", "--schemas", SCHEMAS]);
  assertEquals(text.code, 1);
  assertStringIncludes(text.stdout, "\nBREAKING event-renamed: OrderPlaced  events/mod.ts:");
  assertStringIncludes(text.stdout, "    new: 'OrderSubmitted', with the same fields\n");
  assertMatch(text.stdout, /\n {2}fix: .+\n\nNot compatible: 2 breaking\n$/);
  const github = await repository.check(["--base", "HEAD~3", "--schemas", SCHEMAS, "--format", "github"]);
  assertEquals(github.code, 1);
  assertMatch(
    github.stdout,
    /^::error file=events\/mod\.ts,line=\d+,title=event-removed%3A OrderPlaced::an event was removed/m,
  );
});
