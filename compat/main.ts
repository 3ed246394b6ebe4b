/**
 * The program of `deno task check-compat`.
 *
 * @module
 */
import { readCommand } from "@events-pipeline/common/command";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { CannotCheckError } from "./cannot_check_error.ts";
import { checkCompat, type CheckCompatOptions, type CompatReport } from "./check_compat.ts";
import { CompatFileError } from "./compat_file.ts";
import { checkCompatCommand } from "./config.ts";
import { parseMode } from "./modes.ts";
import { onInterruption } from "./interruption.ts";
import { failureGithub, reportGithub } from "./report_github.ts";
import { failureJson, reportJson } from "./report_json.ts";
import { reportText } from "./report_text.ts";

const DEFAULT_STREAMS = "common/stream_names.ts";

const command = readCommand(checkCompatCommand, Deno.args, () => undefined);
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const { flags } = command;
const interruption = onInterruption();
Deno.exit(await main());

async function main(): Promise<number> {
  try {
    const report = await checkCompat(await options());
    console.log({ text: reportText, json: reportJson, github: reportGithub }[format()](report));
    return verdict(report);
  } catch (error) {
    if (interruption.signal.aborted) return interruption.exitCode();
    const known = error instanceof CannotCheckError || error instanceof CompatFileError;
    const message = known ? error.message : `Cannot check: ${error instanceof Error ? error.stack : String(error)}`;
    if (format() === "json") console.log(failureJson(message));
    if (format() === "github") console.log(failureGithub(message));
    console.error(`deno task check-compat: ${message}`);
    return 2;
  }
}

function format(): "text" | "json" | "github" {
  return flags.format === "json" || flags.format === "github" ? flags.format : "text";
}

function verdict({ findings }: CompatReport): 0 | 1 {
  return findings.some(({ severity }) => severity === "breaking") ? 1 : 0;
}

async function options(): Promise<CheckCompatOptions> {
  const folder = Deno.cwd();
  const mode = flags.mode === undefined ? undefined : parseMode(flags.mode);
  // Also when the checkout has no such file: the base may have had it.
  const streams = flags.streams.length > 0 ? flags.streams : [DEFAULT_STREAMS];
  const missing = flags.streams.find((path) => !existsSync(resolve(folder, path)));
  if (missing !== undefined) {
    throw new CannotCheckError(`Cannot find ${missing}: --streams must name modules that exist`);
  }
  return {
    folder,
    schemas: flags.schemas ?? "common/schemas/mod.ts",
    streams,
    ...(flags["base-schemas"] === undefined ? {} : { baseSchemas: flags["base-schemas"] }),
    ...(flags.base === undefined ? {} : { base: flags.base }),
    ...(mode === undefined ? {} : { mode }),
    history: flags.history === undefined || flags.history === "tags" ? "tags" : Number(flags.history),
    compatFile: flags.waivers ?? "compat.json",
    today: new Date().toISOString().slice(0, 10),
    ...await tempFolder(),
    signal: interruption.signal,
  };
}

/** The task may write to /tmp only. */
async function tempFolder(): Promise<{ readonly tempFolder?: string }> {
  const { state } = await Deno.permissions.query({ name: "write" });
  return state === "granted" ? {} : { tempFolder: "/tmp" };
}
