import { getLevelByName, getLevelName, type LevelName, type LogLevel } from "./levels.ts";
import type { LogRecord } from "./log_record.ts";

/** Makes the text of a record. */
export type FormatterFunction = (logRecord: LogRecord) => string;

/** Options of every handler. */
export interface BaseHandlerOptions {
  /** Makes the text of a record; level name and message unless told. */
  formatter?: FormatterFunction;
}

/**
 * Where records go. A subclass says in `log` what happens to their text.
 *
 * @example
 * ```ts
 * import { BaseHandler, Logger } from "@std/log";
 * import { assertEquals } from "@std/assert";
 *
 * const lines: string[] = [];
 * class Memory extends BaseHandler {
 *   override log(msg: string) {
 *     lines.push(msg);
 *   }
 * }
 * new Logger("app", "INFO", { handlers: [new Memory("WARN")] }).warn("Disk is full");
 * assertEquals(lines, ["WARN Disk is full"]);
 * ```
 */
export abstract class BaseHandler {
  /** Makes the text of a record. */
  formatter: FormatterFunction;
  #level: LogLevel;

  /**
   * Makes a handler that drops records below a level.
   *
   * @throws {Error} if there is no such level
   */
  constructor(levelName: LevelName, options?: BaseHandlerOptions) {
    this.#level = getLevelByName(levelName);
    this.formatter = options?.formatter ??
      ((record) => `${record.levelName} ${record.msg}`);
  }

  /** Records below this level are dropped. */
  get level(): LogLevel {
    return this.#level;
  }

  /** Sets the level by its number. */
  set level(level: LogLevel) {
    this.#level = getLevelByName(getLevelName(level));
  }

  /** The name of the level. */
  get levelName(): LevelName {
    return getLevelName(this.#level);
  }

  /** Sets the level by its name. */
  set levelName(levelName: LevelName) {
    this.#level = getLevelByName(levelName);
  }

  /** Formats and logs the record, unless it is below the level. */
  handle(logRecord: LogRecord): void {
    if (logRecord.level >= this.#level) this.log(this.format(logRecord));
  }

  /** The text of the record. */
  format(logRecord: LogRecord): string {
    return this.formatter(logRecord);
  }

  /** Puts the text where it belongs. */
  abstract log(msg: string): void;

  /** Called when `setup` takes the handler into use. */
  setup(): void {}

  /** Called when the next `setup` drops the handler. */
  destroy(): void {}

  /** The same as `destroy`. */
  [Symbol.dispose](): void {
    this.destroy();
  }
}
