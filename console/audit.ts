import { describeError } from "@events-pipeline/common/logger";
import type { Sql } from "postgres";

/** An action, and who wants it. */
export interface ActionRequest {
  /** Who. */
  readonly actor: string;
  /** What, such as `pause consumer`. */
  readonly action: string;
  /** To what. */
  readonly target: Readonly<Record<string, unknown>>;
}

/** An action that was recorded. */
export interface RecordedAction {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  /** What it was done to, as JSON text. */
  readonly target: string;
  readonly outcome: "started" | "done" | "failed";
  readonly detail: string | null;
}

/**
 * Does what was asked for, between two records of it. What cannot be recorded is not done.
 *
 * @param act does it, and tells in a sentence what came of it
 * @returns the number of the record
 */
export async function audited(sql: Sql, request: ActionRequest, act: () => Promise<string>): Promise<string> {
  const { actor, action, target } = request;
  const [row] = await sql<{ id: string }[]>`
    INSERT INTO events.console_action (actor, action, target)
    VALUES (${actor}, ${action}, ${JSON.stringify(target)}::text::json) RETURNING id::text`;
  const end = async (outcome: "done" | "failed", detail: string): Promise<void> => {
    await sql`
      UPDATE events.console_action SET outcome = ${outcome}, detail = ${detail}, ended_at = clock_timestamp()
      WHERE id = ${row!.id}`;
  };
  let detail: string;
  try {
    detail = await act();
  } catch (error) {
    await end("failed", describeError(error));
    throw error;
  }
  await end("done", detail);
  return row!.id;
}

/** Reads actions, the newest first. `before` is the id of the last one of the page in front. */
export async function readActions(
  sql: Sql,
  { limit, before }: { readonly limit: number; readonly before?: string | undefined },
): Promise<readonly RecordedAction[]> {
  return await sql<RecordedAction[]>`
    SELECT id::text, started_at AS at, actor, action, target::text, outcome, detail FROM events.console_action
    ${before === undefined ? sql`` : sql`WHERE id < ${before}`}
    ORDER BY console_action.id DESC LIMIT ${limit}`;
}

/** Reads one action. */
export async function readAction(sql: Sql, id: string): Promise<RecordedAction | undefined> {
  const [row] = await sql<RecordedAction[]>`
    SELECT id::text, started_at AS at, actor, action, target::text, outcome, detail FROM events.console_action
    WHERE id = ${id}`;
  return row;
}
