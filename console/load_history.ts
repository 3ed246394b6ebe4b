import { readSchemaHistory, type SchemaHistory } from "@events-pipeline/compat";

/** Where the history is looked for unless it is told. */
export const HISTORY_FILE = "schema_history.json";

/**
 * Reads what `deno task schema-history` has written.
 *
 * @param file its path; if none is given, {@linkcode HISTORY_FILE} in the current folder, which need not be there
 * @throws {Error} it cannot be read
 */
export async function loadHistory(file: string | undefined): Promise<SchemaHistory | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(file ?? HISTORY_FILE);
  } catch (error) {
    if (file === undefined && error instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`Cannot read the history of schemas '${file ?? HISTORY_FILE}'`, { cause: error });
  }
  return readSchemaHistory(text);
}
