import * as fs from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Consumer, isConsumer } from "./define_consumer.ts";

/**
 * Imports handlers files and collects every consumer that they export.
 *
 * @param patterns paths or globs, from the current folder; in Node.js 20, which has no globs, paths only
 * @throws {TypeError} a pattern names no file, a file exports no consumer, or two consumers have one name
 * @throws {Error} a file cannot be imported; the cause says why
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
    for await (const path of matches(pattern)) found.push(resolve(path));
    if (found.length === 0) throw new TypeError(`Cannot load handlers from '${pattern}': no such file`);
    for (const path of found.sort()) files.add(path);
  }
  const consumers = new Map<string, { readonly consumer: Consumer; readonly file: string }>();
  for (const file of files) {
    const exported = Object.values(await load(file)).filter(isConsumer);
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

async function load(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    throw new Error(`Cannot load handlers from '${file}'`, { cause: error });
  }
}

async function* matches(pattern: string): AsyncGenerator<string> {
  if ("glob" in fs) yield* fs.glob(pattern);
  else if (await isFile(pattern)) yield pattern;
}

async function isFile(path: string): Promise<boolean> {
  return await fs.stat(path).then((found) => found.isFile(), () => false);
}
