import type { GenericFunction } from "./logger.ts";
import { getLogger } from "./registry.ts";

// The casts pick an overload: the logger's own implementation takes both kinds of message.

/** Detail for finding a fault, to the default logger; the message is made only if it is logged. */
export function debug<T>(msg: () => T, ...args: unknown[]): T | undefined;
/**
 * Detail for finding a fault, to the default logger.
 *
 * @example
 * ```ts
 * import { debug } from "@std/log";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(debug("A message"), "A message");
 * ```
 */
export function debug<T>(
  msg: T extends GenericFunction ? never : T,
  ...args: unknown[]
): T;
export function debug<T>(msg: unknown, ...args: unknown[]): T | undefined {
  return getLogger().debug(msg as () => T, ...args);
}

/** What happens in normal running, to the default logger; the message is made only if it is logged. */
export function info<T>(msg: () => T, ...args: unknown[]): T | undefined;
/**
 * What happens in normal running, to the default logger.
 *
 * @example
 * ```ts
 * import { info } from "@std/log";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(info("A message"), "A message");
 * ```
 */
export function info<T>(
  msg: T extends GenericFunction ? never : T,
  ...args: unknown[]
): T;
export function info<T>(msg: unknown, ...args: unknown[]): T | undefined {
  return getLogger().info(msg as () => T, ...args);
}

/** A fault that is being dealt with, to the default logger; the message is made only if it is logged. */
export function warn<T>(msg: () => T, ...args: unknown[]): T | undefined;
/**
 * A fault that is being dealt with, to the default logger.
 *
 * @example
 * ```ts
 * import { warn } from "@std/log";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(warn("A message"), "A message");
 * ```
 */
export function warn<T>(
  msg: T extends GenericFunction ? never : T,
  ...args: unknown[]
): T;
export function warn<T>(msg: unknown, ...args: unknown[]): T | undefined {
  return getLogger().warn(msg as () => T, ...args);
}

/** A fault that a person should look at, to the default logger; the message is made only if it is logged. */
export function error<T>(msg: () => T, ...args: unknown[]): T | undefined;
/**
 * A fault that a person should look at, to the default logger.
 *
 * @example
 * ```ts
 * import { error } from "@std/log";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(error("A message"), "A message");
 * ```
 */
export function error<T>(
  msg: T extends GenericFunction ? never : T,
  ...args: unknown[]
): T;
export function error<T>(msg: unknown, ...args: unknown[]): T | undefined {
  return getLogger().error(msg as () => T, ...args);
}

/** A fault that ends the work, to the default logger; the message is made only if it is logged. */
export function critical<T>(msg: () => T, ...args: unknown[]): T | undefined;
/**
 * A fault that ends the work, to the default logger.
 *
 * @example
 * ```ts
 * import { critical } from "@std/log";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(critical("A message"), "A message");
 * ```
 */
export function critical<T>(
  msg: T extends GenericFunction ? never : T,
  ...args: unknown[]
): T;
export function critical<T>(msg: unknown, ...args: unknown[]): T | undefined {
  return getLogger().critical(msg as () => T, ...args);
}
