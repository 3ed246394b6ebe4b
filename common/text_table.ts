/**
 * A table as text, for a terminal.
 *
 * @module
 */

/**
 * Lays rows out in columns as wide as they need to be, the last one without an end. Line breaks and control characters of cells become
 * spaces: what comes from outside must not move the cursor.
 *
 * @example
 * ```ts
 * import { textTable } from "@events-pipeline/common/text-table";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(textTable(["NAME", "LAG"], [["mail", "7"], ["search", "12"]]), "NAME    LAG\nmail    7\nsearch  12");
 * ```
 */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  // deno-lint-ignore no-control-regex
  const lines = [head, ...rows].map((row) => row.map((cell) => cell.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ")));
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) => line.map((cell, i) => i === line.length - 1 ? cell : cell.padEnd(widths[i]!)).join("  ").trimEnd())
    .join("\n");
}
