/**
 * Stand-in for a subset of upstream's `@std/log`: named loggers that pass records to handlers.
 *
 * @example
 * ```ts
 * import { ConsoleHandler, getLogger, setup } from "@std/log";
 *
 * setup({
 *   handlers: { console: new ConsoleHandler("DEBUG", { useColors: false }) },
 *   loggers: { default: { level: "INFO", handlers: ["console"] } },
 * });
 * getLogger().info("Started"); // prints "INFO Started"
 * ```
 *
 * @module
 */

export * from "./base_handler.ts";
export * from "./console_handler.ts";
export * from "./default_logger.ts";
export * from "./levels.ts";
export * from "./log_record.ts";
export * from "./logger.ts";
export * from "./registry.ts";
