import { stripVTControlCharacters } from "node:util";

/** Named values that go with a log message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What the libraries write their log to. `@std/log`, `console` and most loggers fit it as they are. */
export interface Logger {
  /** Detail for finding a fault. */
  debug(message: string, fields?: LogFields): void;
  /** What happens in normal running. */
  info(message: string, fields?: LogFields): void;
  /** A fault that is being dealt with. */
  warn(message: string, fields?: LogFields): void;
  /** A fault that a person should look at. */
  error(message: string, fields?: LogFields): void;
}

/** Drops everything. The default of the libraries, which never write to the console on their own. */
export const silentLogger: Logger = Object.freeze({ debug() {}, info() {}, warn() {}, error() {} });

/** The part of a log record that {@linkcode logFormatter} reads; `LogRecord` of `@std/log` fits. */
export interface LogLine {
  /** The message. */
  readonly msg: string;
  /** What was passed beside the message; the first is taken as its fields. */
  readonly args: unknown[];
  /** When it was logged. */
  readonly datetime: Date;
  /** `DEBUG`, `INFO`, `WARN`, `ERROR` or `CRITICAL`. */
  readonly levelName: string;
}

/**
 * Makes the formatter for a daemon's log handler.
 *
 * @param format `text` for people, `json` for machines (one object a line: time, level, message, and the fields)
 *
 * @example
 * ```ts
 * import { logFormatter } from "@events-pipeline/common/logger";
 * import { assertEquals } from "@std/assert";
 *
 * const line = { msg: "Published", args: [{ events: 3 }], datetime: new Date(0), levelName: "INFO" };
 * assertEquals(logFormatter("text")(line), "1970-01-01T00:00:00.000Z INFO Published events=3");
 * ```
 */
export function logFormatter(format: "text" | "json"): (line: LogLine) => string {
  return format === "json" ? formatJson : formatText;
}

function fieldsOf(line: LogLine): [string, unknown][] {
  const fields = line.args[0];
  return typeof fields === "object" && fields !== null ? Object.entries(fields) : [];
}

function formatJson(line: LogLine): string {
  const fields = fieldsOf(line).map(([key, value]) => [key, plain(value)]);
  return JSON.stringify({
    time: line.datetime.toISOString(),
    level: line.levelName,
    message: line.msg,
    ...Object.fromEntries(fields),
  });
}

function formatText(line: LogLine): string {
  const fields = fieldsOf(line).map(([key, value]) => {
    const shown = plain(value);
    const text = isTextList(shown) ? shown.join(",") : typeof shown === "string" ? shown : JSON.stringify(shown);
    return ` ${key}=${/[\s"=]/.test(text) ? JSON.stringify(text) : text}`;
  });
  return `${line.datetime.toISOString()} ${line.levelName} ${line.msg}${fields.join("")}`;
}

/** Names, mostly: they need no quotes of their own. */
function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string");
}

function plain(value: unknown): unknown {
  if (value instanceof Error) return describeError(value);
  return typeof value === "bigint" || value === undefined ? String(value) : value;
}

/**
 * An error in one line: its message, its code if it has one, and the same of its causes.
 *
 * @example
 * ```ts
 * import { describeError } from "@events-pipeline/common/logger";
 * import { assertEquals } from "@std/assert";
 *
 * const cause = new Error("connection refused");
 * assertEquals(describeError(new Error("Cannot publish", { cause })), "Cannot publish: connection refused");
 * ```
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
  const parts = error instanceof AggregateError ? error.errors.map(describeError) : [];
  const own = `${[error.message, ...parts].filter((part) => part !== "").join("; ") || error.name}${code}`;
  const text = stripVTControlCharacters(own); // Deno colours some of its own.
  return error.cause === undefined ? text : `${text}: ${describeError(error.cause)}`;
}
