/**
 * The program of `deno task schema-history`.
 *
 * @module
 */
import { readCommand } from "@events-pipeline/common/command";
import { CannotCheckError } from "./cannot_check_error.ts";
import { schemaHistoryCommand } from "./history_config.ts";
import { onInterruption } from "./interruption.ts";
import { takeHistory } from "./take_history.ts";

const command = readCommand(schemaHistoryCommand, Deno.args, () => undefined);
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const { flags } = command;
const interruption = onInterruption();
Deno.exit(await main());

async function main(): Promise<number> {
  const { schemas = "common/schemas/mod.ts", history, out = "schema_history.json" } = flags;
  try {
    const { state } = await Deno.permissions.query({ name: "write" });
    const taken = await takeHistory({
      ...{ folder: Deno.cwd(), schemas, say: console.error, signal: interruption.signal },
      history: history === undefined || history === "tags" ? history : Number(history),
      // The task may write to /tmp and to the current folder only.
      tempFolder: state === "granted" ? undefined : "/tmp",
    });
    await Deno.writeTextFile(out, `${JSON.stringify(taken)}\n`);
    for (const remark of taken.remarks) console.error(`Note: ${remark}`);
    const versions = Object.values(taken.events).flat().length;
    console.log(
      `${out}: ${versions} versions of ${
        Object.keys(taken.events).length
      } events, from ${taken.revisions.length} revisions`,
    );
    return 0;
  } catch (error) {
    if (interruption.signal.aborted) return interruption.exitCode();
    const message = error instanceof CannotCheckError ? error.message : String(error);
    console.error(`${schemaHistoryCommand.call}: ${message}`);
    return 1;
  }
}
