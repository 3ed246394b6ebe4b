import { glob } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Consumer, isConsumer } from "./define_consumer.ts";

/**
 * Imports handlers files and collects every consumer that they export.
 *
 * @param patterns paths or globs, from the current folder
 * @throws {TypeError} a pattern names no file, a file exports no consumer, or two consumers have one name
 *
 * @example
 * ```ts ignore
 * import { loadHandlers } from "@events-pipeline/consumer";
 *
 * for (const { name, stream } of await loadHandlers(["handlers/*.ts"])) console.log(name, stream);
 * ```
 */
export async function loadHandlers(patterns: readonly string[]): Promise<readonly Consumer[]> {
  const files = new Set<string>();
  for (const pattern of patterns) {
    const found = [];
    for await (const path of glob(pattern)) found.push(resolve(path));
    if (found.length === 0) throw new TypeError(`Cannot load handlers from '${pattern}': no such file`);
    for (const path of found.sort()) files.add(path);
  }
  const consumers = new Map<string, { readonly consumer: Consumer; readonly file: string }>();
  for (const file of files) {
    const exported = Object.values(await import(pathToFileURL(file).href)).filter(isConsumer);
    if (exported.length === 0) throw new TypeError(`Cannot load handlers from '${file}': it exports no consumer`);
    for (const consumer of exported) {
      const other = consumers.get(consumer.name);
      if (other !== undefined && other.consumer !== consumer) {
        throw new TypeError(
          `Cannot load two consumers named '${consumer.name}': one is in ${other.file}, one in ${file}`,
        );
      }
      consumers.set(consumer.name, { consumer, file });
    }
  }
  return [...consumers.values()].map(({ consumer }) => consumer);
}
