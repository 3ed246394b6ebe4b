/** Where libraries keep the error of the one below them. */
const INNER = ["cause", "driverError", "originalError", "meta", "driverAdapterError"] as const;

/** Where they keep PostgreSQL's code. */
const CODES = ["code", "originalCode"] as const;

const SQLSTATE = /^[0-9A-Z]{5}$/;

/**
 * PostgreSQL's code of an error, however many libraries have wrapped it; `undefined` when it is not PostgreSQL's.
 *
 * @example
 * ```ts
 * import { sqlstateOf } from "@events-pipeline/common/sqlstate";
 * import { assertEquals } from "@std/assert";
 *
 * const inner = Object.assign(new Error("duplicate key"), { code: "23505" });
 * assertEquals(sqlstateOf(new Error("Query failed", { cause: inner })), "23505");
 * ```
 */
export function sqlstateOf(error: unknown): string | undefined {
  return find(error, 0);
}

function find(value: unknown, depth: number): string | undefined {
  if (typeof value !== "object" || value === null || depth > 8) return undefined;
  const members = value as Readonly<Record<string, unknown>>;
  for (const inner of INNER) {
    const found = find(members[inner], depth + 1);
    if (found !== undefined) return found;
  }
  for (const name of CODES) {
    const code = members[name];
    // Prisma's own codes and Node's look alike: P2010 and EPIPE are no codes of PostgreSQL.
    if (typeof code === "string" && SQLSTATE.test(code) && !/^(?:P[1-6]|E[A-Z])/.test(code)) return code;
  }
  return undefined;
}
