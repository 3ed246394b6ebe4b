import { BaseHandler, type BaseHandlerOptions } from "./base_handler.ts";
import { type LevelName, LogLevels } from "./levels.ts";
import type { LogRecord } from "./log_record.ts";

/** Options of {@linkcode ConsoleHandler}. */
export interface ConsoleHandlerOptions extends BaseHandlerOptions {
  /**
   * Whether the level shows as a colour. The variable `NO_COLOR` turns colours off whatever this says.
   *
   * @default {true}
   */
  useColors?: boolean;
}

/** The escape sequences before and after a text of each level; other levels are plain. */
const COLORS: ReadonlyMap<number, readonly [string, string]> = new Map([
  [LogLevels.INFO, ["\x1b[34m", "\x1b[39m"]],
  [LogLevels.WARN, ["\x1b[33m", "\x1b[39m"]],
  [LogLevels.ERROR, ["\x1b[31m", "\x1b[39m"]],
  [LogLevels.CRITICAL, ["\x1b[1m\x1b[31m", "\x1b[39m\x1b[22m"]],
]);

/**
 * Prints records with `console.log`.
 *
 * @example
 * ```ts
 * import { ConsoleHandler, Logger } from "@std/log";
 *
 * const handler = new ConsoleHandler("INFO", { useColors: false });
 * new Logger("app", "INFO", { handlers: [handler] }).info("Started"); // prints "INFO Started"
 * ```
 */
export class ConsoleHandler extends BaseHandler {
  readonly #useColors: boolean;

  /**
   * Makes a handler that drops records below a level.
   *
   * @throws {Error} if there is no such level
   */
  constructor(levelName: LevelName, options: ConsoleHandlerOptions = {}) {
    super(levelName, options);
    this.#useColors = (options.useColors ?? true) && !Deno.noColor;
  }

  /** The text of the record, in the colour of its level. */
  override format(logRecord: LogRecord): string {
    const text = super.format(logRecord);
    const color = this.#useColors ? COLORS.get(logRecord.level) : undefined;
    return color === undefined ? text : `${color[0]}${text}${color[1]}`;
  }

  /** Prints the text. */
  override log(msg: string): void {
    console.log(msg);
  }
}
