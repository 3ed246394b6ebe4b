import type { Sql, TransactionSql } from "postgres";

/** Up to which position a stream's entries and rows have been cleared on purpose; 0 when none were. */
export interface StreamRetention {
  /** Redis need not hold positions up to this one. */
  readonly trimmedTo: number;
  /** The outbox's published rows up to this position are deleted. */
  readonly cleanedTo: number;
}

/** Reads what has been cleared of a stream. */
export async function readRetention(sql: Sql | TransactionSql, stream: string): Promise<StreamRetention> {
  const [row] = await sql<{ trimmed_to: string; cleaned_to: string }[]>`
    SELECT trimmed_to, cleaned_to FROM events.stream_retention WHERE stream_name = ${stream}`;
  return { trimmedTo: Number(row?.trimmed_to ?? 0), cleanedTo: Number(row?.cleaned_to ?? 0) };
}

/** Records that Redis need not hold positions up to one, if that is not known. To be called before the trimming itself. */
export async function recordTrimmed(sql: Sql, stream: string, position: number): Promise<void> {
  await sql`
    INSERT INTO events.stream_retention AS r (stream_name, trimmed_to)
    SELECT ${stream}, ${position}::bigint WHERE NOT EXISTS (
      SELECT FROM events.stream_retention WHERE stream_name = ${stream} AND trimmed_to >= ${position}::bigint
    )
    ON CONFLICT (stream_name) DO UPDATE
      SET trimmed_to = greatest(r.trimmed_to, excluded.trimmed_to), updated_at = clock_timestamp()`;
}

/** Records that the published rows up to a position are deleted. */
export async function recordCleaned(tx: TransactionSql, stream: string, position: number): Promise<void> {
  await tx`
    INSERT INTO events.stream_retention AS r (stream_name, cleaned_to) VALUES (${stream}, ${position})
    ON CONFLICT (stream_name) DO UPDATE
      SET cleaned_to = greatest(r.cleaned_to, excluded.cleaned_to), updated_at = clock_timestamp()`;
}

/** Positions that Redis lost and that the outbox no longer held. */
export interface StreamLoss {
  /** The stream. */
  readonly stream: string;
  /** The first position that is lost. */
  readonly first: number;
  /** The last one. */
  readonly last: number;
}

/** Records a loss, so that it is known after this process too. */
export async function recordLoss(tx: TransactionSql, loss: StreamLoss): Promise<void> {
  await tx`
    INSERT INTO events.stream_loss (stream_name, first_position, last_position)
    VALUES (${loss.stream}, ${loss.first}, ${loss.last}) ON CONFLICT DO NOTHING`;
}
