import type { BaseHandler } from "./base_handler.ts";
import { ConsoleHandler } from "./console_handler.ts";
import type { LevelName } from "./levels.ts";
import { Logger } from "./logger.ts";

/** How one logger behaves. */
export interface LoggerConfig {
  /**
   * Messages below it are dropped.
   *
   * @default {"INFO"}
   */
  level?: LevelName;
  /** Names of its handlers; names without a handler are passed over. */
  handlers?: string[];
}

/** What {@linkcode setup} sets up, on top of the logger `default` and its console handler `default`. */
export interface LogConfig {
  /** Handlers by name. */
  handlers?: { [name: string]: BaseHandler };
  /** Loggers by name. */
  loggers?: { [name: string]: LoggerConfig };
}

const defaultHandler = new ConsoleHandler("INFO");
const handlers = new Map<string, BaseHandler>();
const loggers = new Map<string, Logger>();

/**
 * Replaces all loggers and handlers. The handlers in use until now are destroyed; a logger got
 * before keeps them, so get loggers after setting up.
 *
 * @example
 * ```ts
 * import { ConsoleHandler, getLogger, setup } from "@std/log";
 * import { assertEquals } from "@std/assert";
 *
 * setup({
 *   handlers: { console: new ConsoleHandler("DEBUG") },
 *   loggers: { tasks: { level: "ERROR", handlers: ["console"] } },
 * });
 * assertEquals(getLogger("tasks").levelName, "ERROR");
 * ```
 */
export function setup(config: LogConfig): void {
  for (const handler of handlers.values()) handler.destroy();
  handlers.clear();
  loggers.clear();

  const named = { default: defaultHandler, ...config.handlers };
  for (const [name, handler] of Object.entries(named)) {
    handler.setup();
    handlers.set(name, handler);
  }

  const configs: Record<string, LoggerConfig> = {
    default: { handlers: ["default"] },
    ...config.loggers,
  };
  for (
    const [name, { level = "INFO", handlers: names = [] }] of Object.entries(
      configs,
    )
  ) {
    const own = names.flatMap((name) => handlers.get(name) ?? []);
    loggers.set(name, new Logger(name, level, { handlers: own }));
  }
}

/**
 * The logger of that name. One that was not set up has no handlers: it drops everything, so that a
 * library may log under its own name and stay silent until the program asks for it.
 *
 * @param name name of the logger; `default` unless told
 *
 * @example
 * ```ts
 * import { getLogger } from "@std/log";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(getLogger().loggerName, "default");
 * assertEquals(getLogger("mystery").handlers, []);
 * ```
 */
export function getLogger(name?: string): Logger {
  const key = name || "default";
  const known = loggers.get(key);
  if (known !== undefined) return known;
  const silent = new Logger(key, "NOTSET");
  loggers.set(key, silent);
  return silent;
}

// Upstream logs to the console before any setup.
setup({});
