import type { BaseHandler } from "./base_handler.ts";
import { getLevelByName, getLevelName, type LevelName, type LogLevel, LogLevels } from "./levels.ts";
import { LogRecord } from "./log_record.ts";
import { messageText } from "./message_text.ts";

/** Any function: a message that is one must be lazy, called only if it is logged. */
// deno-lint-ignore no-explicit-any
export type GenericFunction = (...args: any[]) => any;

/** Options of {@linkcode Logger}. */
export interface LoggerOptions {
  /** Where its records go; nowhere unless told. */
  handlers?: BaseHandler[];
}

type Message<T> = (T extends GenericFunction ? never : T) | (() => T);

/**
 * Passes messages to its handlers. Each method returns the message; of a lazy one it returns what
 * the function made, or `undefined` if it was not called because the level is too low.
 *
 * @example
 * ```ts
 * import { Logger } from "@std/log";
 * import { assertEquals } from "@std/assert";
 *
 * const logger = new Logger("app", "INFO");
 * assertEquals(logger.info("Started", { port: 8080 }), "Started");
 * assertEquals(logger.debug(() => "costly"), undefined);
 * ```
 */
export class Logger {
  /** Where its records go. */
  handlers: BaseHandler[];
  readonly #loggerName: string;
  #level: LogLevel;

  /**
   * Makes a logger that drops messages below a level.
   *
   * @throws {Error} if there is no such level
   */
  constructor(
    loggerName: string,
    levelName: LevelName,
    options: LoggerOptions = {},
  ) {
    this.#loggerName = loggerName;
    this.#level = getLevelByName(levelName);
    this.handlers = options.handlers ?? [];
  }

  /** Messages below this level are dropped. */
  get level(): LogLevel {
    return this.#level;
  }

  /**
   * Sets the level by its number.
   *
   * @throws {TypeError} if there is no such level
   */
  set level(level: LogLevel) {
    try {
      this.#level = getLevelByName(getLevelName(level));
    } catch (cause) {
      throw new TypeError(`Cannot set log level to ${level}`, { cause });
    }
  }

  /** The name of the level. */
  get levelName(): LevelName {
    return getLevelName(this.#level);
  }

  /** Sets the level by its name. */
  set levelName(levelName: LevelName) {
    this.#level = getLevelByName(levelName);
  }

  /** The name it goes by. */
  get loggerName(): string {
    return this.#loggerName;
  }

  /** Detail for finding a fault; the message is made only if it is logged. */
  debug<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Detail for finding a fault. */
  debug<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  debug<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.DEBUG, msg, args);
  }

  /** What happens in normal running; the message is made only if it is logged. */
  info<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** What happens in normal running. */
  info<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  info<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.INFO, msg, args);
  }

  /** A fault that is being dealt with; the message is made only if it is logged. */
  warn<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** A fault that is being dealt with. */
  warn<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  warn<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.WARN, msg, args);
  }

  /** A fault that a person should look at; the message is made only if it is logged. */
  error<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** A fault that a person should look at. */
  error<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  error<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.ERROR, msg, args);
  }

  /** A fault that ends the work; the message is made only if it is logged. */
  critical<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** A fault that ends the work. */
  critical<T>(
    msg: T extends GenericFunction ? never : T,
    ...args: unknown[]
  ): T;
  critical<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.CRITICAL, msg, args);
  }

  #log<T>(level: LogLevel, msg: Message<T>, args: unknown[]): T | undefined {
    const lazy = msg instanceof Function;
    if (level < this.#level) return lazy ? undefined : msg;
    const value = lazy ? msg() : msg;
    const record = new LogRecord({
      msg: messageText(value),
      args,
      level,
      loggerName: this.#loggerName,
    });
    for (const handler of this.handlers) handler.handle(record);
    return value;
  }
}
