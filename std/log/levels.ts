/** The number of each level; a higher one is more urgent. */
export const LogLevels = {
  NOTSET: 0,
  DEBUG: 10,
  INFO: 20,
  WARN: 30,
  ERROR: 40,
  CRITICAL: 50,
} as const;

/** The name of a level. */
export type LevelName = keyof typeof LogLevels;

/** The number of a level. */
export type LogLevel = typeof LogLevels[LevelName];

/** The names of all levels, the least urgent first. */
export const LogLevelNames: LevelName[] = Object.keys(
  LogLevels,
) as LevelName[];

/**
 * The number of a level.
 *
 * @throws {Error} if there is no such level
 *
 * @example
 * ```ts
 * import { getLevelByName } from "@std/log";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(getLevelByName("WARN"), 30);
 * ```
 */
export function getLevelByName(name: LevelName): LogLevel {
  // Names often come from outside, where types say nothing.
  if (Object.hasOwn(LogLevels, name)) return LogLevels[name];
  throw new Error(
    `Cannot use log level '${name}': expected ${LogLevelNames.join(", ")}`,
  );
}

/**
 * The name of a level.
 *
 * @throws {Error} if there is no such level
 *
 * @example
 * ```ts
 * import { getLevelName } from "@std/log";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(getLevelName(30), "WARN");
 * ```
 */
export function getLevelName(level: LogLevel): LevelName {
  const name = LogLevelNames.find((name) => LogLevels[name] === level);
  if (name !== undefined) return name;
  throw new Error(
    `Cannot use log level ${level}: expected ${Object.values(LogLevels).join(", ")}`,
  );
}
