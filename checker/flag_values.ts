import type { HandledTable, VersionRule } from "./check_options.ts";

/**
 * Reads `TABLE[:EVENT_ID[:ORDER]]`.
 *
 * @throws {TypeError} the text has another form
 */
export function parseHandledTable(text: string): HandledTable {
  const match = /^([^:]+)(?::([^:]+)(?::([^:]+))?)?$/.exec(text);
  if (match === null) throw new TypeError(`Cannot read '${text}' as a table: expected TABLE[:EVENT_ID[:ORDER]]`);
  const [, table, eventIdColumn, orderColumn] = match;
  return {
    table: table!,
    ...(eventIdColumn === undefined ? {} : { eventIdColumn }),
    ...(orderColumn === undefined ? {} : { orderColumn }),
  };
}

/**
 * Reads `TYPE.FIELD:KEY`.
 *
 * @throws {TypeError} the text has another form
 */
export function parseVersionRule(text: string): VersionRule {
  const [, eventType, field, keyField] = /^([^.:]+)\.([^.:]+):([^.:]+)$/.exec(text) ?? [];
  if (eventType === undefined || field === undefined || keyField === undefined) {
    throw new TypeError(`Cannot read '${text}' as a version: expected TYPE.FIELD:KEY`);
  }
  return { eventType, field, keyField };
}
