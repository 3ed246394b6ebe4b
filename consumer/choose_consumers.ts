import type { Consumer } from "./define_consumer.ts";

/**
 * Picks consumers by their names, in the order of the consumers.
 *
 * @param names whom to pick; all of them when there are none
 * @throws {TypeError} there is no consumer of a name
 */
export function chooseConsumers(consumers: readonly Consumer[], names: readonly string[]): readonly Consumer[] {
  if (names.length === 0) return consumers;
  const known = consumers.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length === 0) return consumers.filter(({ name }) => names.includes(name));
  throw new TypeError(`Cannot run only ${quoted(unknown)}: the handlers files have ${quoted(known.toSorted())}`);
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(", ");
}
