import { assertEquals, assertThrows } from "@std/assert";
import { parseStreamLimits } from "./stream_limits_setting.ts";
import { StreamRules } from "./stream_rules.ts";

const limits = { count: 100, bytes: 1_000, ageMs: 60_000 };

Deno.test("StreamRules: all streams by default, and what is excluded never", () => {
  const all = new StreamRules({ limits });
  assertEquals(all.archives("stream:a:events"), true);
  const some = new StreamRules({ limits, include: ["stream:orders:*", "stream:a.b:events"], exclude: ["*:drafts:*"] });
  assertEquals(
    ["stream:orders:events", "stream:a.b:events", "stream:axb:events", "stream:orders:drafts:events", "stream:c:events"]
      .map((stream) => some.archives(stream)),
    [true, true, false, false, false],
  );
});

Deno.test("StreamRules: the first rule that fits counts, and what it does not say holds as ever", () => {
  const rules = parseStreamLimits("stream:audit:events=age:0.5 ; stream:*=count:7,bytes:8;");
  const streams = new StreamRules({ limits, rules });
  assertEquals(streams.limitsOf("stream:audit:events"), { ...limits, ageMs: 500 });
  assertEquals(streams.limitsOf("stream:b:events"), { count: 7, bytes: 8, ageMs: 60_000 });
  assertEquals(streams.limitsOf("other"), limits);
});

Deno.test("parseStreamLimits() refuses what is no rule, and says so", () => {
  assertEquals(parseStreamLimits(""), []);
  for (const text of ["stream:a", "=age:1", "s=age:x", "s=count:1.5", "s=size:5", "s=count:0", "s=age:1 age:2"]) {
    assertThrows(() => parseStreamLimits(text), TypeError, "must be PATTERN=");
  }
});
