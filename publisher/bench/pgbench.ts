import { findPostgres } from "../../local/binaries.ts";

/** What pgbench runs. */
export interface PgbenchOptions {
  /** The script: one transaction. */
  readonly script: string;
  /** Writers at once. */
  readonly clients: number;
  /** For how long. */
  readonly seconds: number;
  /** Transactions a second that they keep to. @default as many as they can */
  readonly rate?: number;
}

/** A statement that sends an event of 200 bytes to `stream:<name>:events`. pgbench takes a colon with a word after it for a variable. */
export function outboxRow(name: string): string {
  const payload = JSON.stringify({ widget_id: "w", owner_id: "o", pad: "x".repeat(160) });
  return "INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload) " +
    `VALUES (gen_random_uuid(), replace('stream/${name}/events', '/', chr(58)), 'WidgetCreated', '${payload}');`;
}

/**
 * Runs a transaction from many clients at once with pgbench, which takes little CPU from the server it measures.
 *
 * @returns commits a second
 * @throws {Error} pgbench is not on this machine, or it failed
 */
export async function pgbench(databaseUrl: string, options: PgbenchOptions): Promise<number> {
  const folder = await findPostgres();
  if (folder === undefined) throw new Error("Cannot measure the writers: pgbench must be installed beside PostgreSQL");
  const script = await Deno.makeTempFile({ suffix: ".sql" });
  try {
    await Deno.writeTextFile(script, options.script);
    const { success, stdout, stderr } = await new Deno.Command(await besidePostgres(folder), {
      args: [
        ...["--no-vacuum", "--protocol=prepared", `--file=${script}`, `--client=${options.clients}`, "--jobs=2"],
        ...(options.rate === undefined ? [] : [`--rate=${options.rate}`]),
        ...[`--time=${options.seconds}`, databaseUrl],
      ],
    }).output();
    const text = new TextDecoder().decode(stdout);
    const rate = /tps = ([\d.]+)/.exec(text)?.[1];
    if (!success || rate === undefined) throw new Error(`Cannot run pgbench: ${new TextDecoder().decode(stderr)}`);
    return Number(rate);
  } finally {
    await Deno.remove(script);
  }
}

/** The folder may hold links to where PostgreSQL really is. */
async function besidePostgres(folder: string): Promise<string> {
  return (await Deno.realPath(`${folder}/postgres`)).replace(/postgres$/, "pgbench");
}
