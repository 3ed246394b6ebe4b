/**
 * The first word of a Redis error, the SQLSTATE of a PostgreSQL error, the kind of a store's error, or the error's name: few and bounded
 * values.
 */
export function errorKind(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if ("kind" in error && typeof error.kind === "string") return error.kind;
  if ("code" in error && typeof error.code === "string") return error.code;
  return /^[A-Z]{4,20}(?= )/.exec(error.message)?.[0] ?? error.name;
}
