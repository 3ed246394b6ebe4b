import type { SettingSchema } from "@events-pipeline/common/settings";
import { z } from "zod";
import type { StreamRule } from "./stream_rules.ts";

const FORM = "must be PATTERN=bytes:N,count:N,age:SECONDS; more of them are divided by semicolons";

/**
 * Reads rules from the text of `ARCHIVE_STREAM_LIMITS`: `stream:audit:*=age:5;stream:clicks:events=count:200000,bytes:67108864,age:600`.
 *
 * @throws {TypeError} the text has another form
 *
 * @example
 * ```ts
 * import { parseStreamLimits } from "@events-pipeline/archiver";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseStreamLimits("stream:audit:*=age:5,count:100"), [
 *   { pattern: "stream:audit:*", limits: { ageMs: 5_000, count: 100 } },
 * ]);
 * ```
 */
export function parseStreamLimits(text: string): readonly StreamRule[] {
  const rules = text.split(";").map((rule) => rule.trim()).filter((rule) => rule !== "");
  return rules.map((rule) => {
    const [, pattern, list] = /^([^=\s]+)=(\S+)$/.exec(rule) ?? [];
    if (pattern === undefined || list === undefined) throw new TypeError(`'${rule}' ${FORM}`);
    const limits: { bytes?: number; count?: number; ageMs?: number } = {};
    for (const limit of list.split(",")) {
      const [, name, digits] = /^(bytes|count|age):(\d+(?:\.\d+)?)$/.exec(limit) ?? [];
      const value = Number(digits);
      if (!(value > 0) || (name !== "age" && !Number.isSafeInteger(value))) throw new TypeError(`'${rule}' ${FORM}`);
      if (name === "age") limits.ageMs = Math.round(value * 1_000);
      else limits[name as "bytes" | "count"] = value;
    }
    return { pattern, limits };
  });
}

/** Limits of some streams: `ARCHIVE_STREAM_LIMITS`. */
export const streamLimitsSetting: SettingSchema<readonly StreamRule[]> = z.string().default("").transform(
  (text, context) => {
    try {
      return parseStreamLimits(text);
    } catch (error) {
      context.addIssue(error instanceof TypeError ? error.message : FORM);
      return z.NEVER;
    }
  },
).describe("PATTERN=bytes:N,count:N,age:SECONDS;… for streams that differ; the first that fits counts (default: none)");

/**
 * Names of streams, divided by commas, in which `*` stands for any text.
 *
 * @param what what they are, for `--help`
 */
export function streamPatternsSetting(what: string): SettingSchema<readonly string[] | undefined> {
  return z.string().transform((text) => text.split(",").map((pattern) => pattern.trim()).filter((one) => one !== ""))
    .optional().describe(what);
}
