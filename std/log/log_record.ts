import { getLevelName, type LogLevel } from "./levels.ts";

/** What a {@linkcode LogRecord} is made of. */
export interface LogRecordOptions {
  /** The message as text. */
  msg: string;
  /** What was passed beside the message. */
  args: unknown[];
  /** How urgent it is. */
  level: LogLevel;
  /** Which logger it was given to. */
  loggerName: string;
}

/**
 * One message on its way to the handlers.
 *
 * @example
 * ```ts
 * import { LogLevels, LogRecord } from "@std/log";
 * import { assertEquals } from "@std/assert";
 *
 * const record = new LogRecord({ msg: "Started", args: [], level: LogLevels.INFO, loggerName: "app" });
 * assertEquals(record.levelName, "INFO");
 * ```
 */
export class LogRecord {
  /** The message as text. */
  readonly msg: string;
  /** The number of its level. */
  readonly level: number;
  /** The name of its level. */
  readonly levelName: string;
  /** Which logger it was given to. */
  readonly loggerName: string;
  readonly #args: unknown[];
  readonly #datetime: Date;

  /** Makes a record of the present moment. */
  constructor(options: LogRecordOptions) {
    this.msg = options.msg;
    this.level = options.level;
    this.levelName = getLevelName(options.level);
    this.loggerName = options.loggerName;
    this.#args = [...options.args];
    this.#datetime = new Date();
  }

  // Several handlers share a record: each gets copies, so that none can change what the next one sees.

  /** What was passed beside the message. */
  get args(): unknown[] {
    return [...this.#args];
  }

  /** When it was logged. */
  get datetime(): Date {
    return new Date(this.#datetime);
  }
}
