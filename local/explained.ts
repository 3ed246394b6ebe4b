import postgres, { type Sql } from "postgres";

/** What PostgreSQL did for one statement. */
export interface ExplainedStatement {
  /** Its text. */
  readonly text: string;
  /** The pages it touched, of 8 KiB, in memory or not. */
  readonly pages: number;
  /** Each step of its plan, as `Index Scan outbox_event_unpublished` or `Sort`. */
  readonly steps: readonly string[];
}

/** A pool that keeps the plan of each statement. */
export interface ExplainedPool extends AsyncDisposable {
  /** The pool, of one connection. */
  readonly sql: Sql;
  /** What has been run so far; triggers' statements are not among them. */
  readonly statements: ExplainedStatement[];
}

/** A step of a plan, as `EXPLAIN (FORMAT JSON)` gives it. */
interface PlanNode {
  readonly "Node Type": string;
  readonly "Index Name"?: string;
  readonly "Relation Name"?: string;
  readonly "Shared Hit Blocks": number;
  readonly "Shared Read Blocks": number;
  readonly Plans?: readonly PlanNode[];
}

/**
 * Connects with PostgreSQL's `auto_explain`, so that a test sees the plans of the very statements that a function runs, with their
 * own parameters.
 *
 * @param url the URL of a superuser
 */
export async function explainedPool(url: string): Promise<ExplainedPool> {
  const statements: ExplainedStatement[] = [];
  const sql = postgres(url, {
    max: 1,
    connection: {
      session_preload_libraries: "auto_explain",
      "auto_explain.log_min_duration": "0",
      "auto_explain.log_analyze": "on",
      "auto_explain.log_buffers": "on",
      "auto_explain.log_timing": "off",
      "auto_explain.log_format": "json",
      "auto_explain.log_level": "notice",
    } as Record<string, string>,
    onnotice({ message }) {
      const json = /plan:\s*(\{[^]*)/.exec(message ?? "")?.[1];
      if (json === undefined) return;
      const { "Query Text": text, Plan: plan } = JSON.parse(json) as { "Query Text": string; Plan: PlanNode };
      statements.push({ text, pages: plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], steps: stepsOf(plan) });
    },
  });
  await sql`SELECT 1`; // The first statement must not have arrays: the client may not know them yet.
  return { sql, statements, [Symbol.asyncDispose]: () => sql.end({ timeout: 5 }) };
}

function stepsOf(node: PlanNode): string[] {
  const on = node["Index Name"] ?? node["Relation Name"];
  const step = on === undefined ? node["Node Type"] : `${node["Node Type"]} ${on}`;
  return [step, ...(node.Plans ?? []).flatMap(stepsOf)];
}
