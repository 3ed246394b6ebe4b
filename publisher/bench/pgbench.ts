import { findPostgres } from "../../local/binaries.ts";

/** What pgbench runs. */
export interface PgbenchOptions {
  /** The script: one transaction. */
  readonly script: string;
  /** Writers at once. */
  readonly clients: number;
  /** For how long. */
  readonly seconds: number;
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
