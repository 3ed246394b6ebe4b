import type { StageCheck, VersionRule } from "./check_options.ts";

/**
 * Checks that, along the stream, each row's events come with rising versions. Rows that the outbox has cleaned up are not seen.
 * PostgreSQL sorts them, on its disk where they are many.
 */
export async function checkVersions(check: StageCheck, rule: VersionRule, upTo: number): Promise<void> {
  const { sql, stream, findings } = check;
  const { eventType, field, keyField } = rule;
  const wanted = Math.max(findings.wants("outOfOrder"), findings.wants("missing"));
  const rows = await sql<Row[]>`
    WITH versions AS (
      SELECT event_id, stream_entry_id, stream_position, payload->>${keyField} AS key,
             CASE WHEN payload->>${field} ~ '^-?[0-9]+([.][0-9]+)?$' THEN (payload->>${field})::numeric END AS version
      FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NOT NULL AND stream_position <= ${upTo}
        AND event_type = ${eventType}
    ), compared AS (
      SELECT *, lag(version) OVER (PARTITION BY key ORDER BY stream_position) AS before FROM versions
    ), judged AS (
      SELECT *, CASE WHEN key IS NULL OR version IS NULL THEN 'missing' WHEN version <= before THEN 'outOfOrder' END AS fault
      FROM compared
    ), numbered AS (
      SELECT *, row_number() OVER (PARTITION BY fault ORDER BY stream_position) AS nth, count(*) OVER (PARTITION BY fault) AS total
      FROM judged
    )
    SELECT fault, event_id, stream_entry_id AS entry_id, key, version::text, before::text, total FROM numbered
    WHERE nth <= CASE WHEN fault IS NULL THEN 1 ELSE ${Math.max(1, wanted)} END
    ORDER BY stream_position`;
  const totals = new Map<Row["fault"], number>();
  for (const row of rows) {
    totals.set(row.fault, Number(row.total));
    if (row.fault === null) continue;
    const detail = row.fault === "missing"
      ? `its payload has no ${keyField}, or no number ${field}`
      : `${keyField} ${row.key} has version ${row.version} after ${row.before}`;
    findings.add({ fault: row.fault, eventId: row.event_id, entryId: row.entry_id, detail });
  }
  for (const fault of ["missing", "outOfOrder"] as const) {
    const told = rows.filter((row) => row.fault === fault).length;
    findings.count(fault, (totals.get(fault) ?? 0) - told);
  }
  findings.events = [...totals.values()].reduce((sum, total) => sum + total, 0);
}

interface Row {
  readonly fault: "missing" | "outOfOrder" | null;
  readonly event_id: string;
  readonly entry_id: string;
  readonly key: string;
  readonly version: string;
  readonly before: string;
  readonly total: string;
}
