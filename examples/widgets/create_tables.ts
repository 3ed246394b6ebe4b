/**
 * The program of `deno task tutorial-tables`: creates the tables of the tutorial's app.
 *
 * @module
 */
import { readCommand } from "@events-pipeline/common/command";
import { describeError } from "@events-pipeline/common/logger";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { databaseUrlSetting } from "@events-pipeline/common/settings";
import { createWidgetTables } from "./tables.ts";

const command = readCommand(
  {
    call: "deno task tutorial-tables",
    summary: "Creates the tables of the tutorial's app, if they are not there.",
    flags: {},
    settings: { DATABASE_URL: databaseUrlSetting },
  },
  Deno.args,
  (name) => Deno.env.get(name),
);
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const sql = connectPostgres(command.settings.DATABASE_URL, { applicationName: "tutorial", connections: 1 });
let exitCode = 0;
try {
  await createWidgetTables(sql);
  console.log("The tables widgets.widget and widgets.notification are there");
} catch (error) {
  console.error(`deno task tutorial-tables: ${describeError(error)}`);
  exitCode = 1;
} finally {
  await closePostgres(sql);
}
Deno.exit(exitCode);
