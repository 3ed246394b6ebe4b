import type { Entry } from "@events-pipeline/common";
import { pathToFileURL } from "node:url";
import type { ObjectStore } from "../object_store.ts";
import { openStore } from "../open_store.ts";
import { makeSegment } from "../segment_writer.ts";

/** The stream of a {@linkcode TestArchive}. */
export const STREAM = "stream:widgets:events";

/** The first of January 2026. */
export const DAY_1 = Date.UTC(2026, 0, 1);

/** A day in milliseconds. */
export const DAY_MS = 86_400_000;

/** An archive in a folder of its own, which counts what is asked of it. */
export interface TestArchive extends AsyncDisposable {
  readonly folder: string;
  readonly url: string;
  readonly store: ObjectStore;
  /** The keys of what was read, and how often it was listed. */
  readonly asked: { gets: string[]; lists: number };
  /** Puts entries as one segment. Returns its key. */
  put(entries: readonly Entry[]): Promise<string>;
  /** The keys that it has. */
  keys(): Promise<string[]>;
}

/** Makes an archive that holds nothing yet. */
export async function testArchive(): Promise<TestArchive> {
  const folder = await Deno.makeTempDir();
  const url = pathToFileURL(folder).href;
  const files = await openStore(url);
  const asked: TestArchive["asked"] = { gets: [], lists: 0 };
  const store: ObjectStore = {
    ...files,
    list: (folder, options) => (asked.lists++, files.list(folder, options)),
    get: (key) => (asked.gets.push(key), files.get(key)),
  };
  return {
    folder,
    url,
    store,
    asked,
    async put(entries) {
      const { key, body, record } = await makeSegment(entries[0]!.stream, entries);
      await store.put(key, body, record);
      return key;
    },
    keys: async () => (await Array.fromAsync(files.list(""))).map(({ key }) => key),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** The entries of positions, a second apart from each other, the first one of them at a time. */
export function entriesOf(first: number, last: number, ms: number = DAY_1, stream: string = STREAM): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    entryId: `${ms + i * 1_000}-${first + i}`,
    eventId: `019a2f6e-0000-7000-8000-${String(first + i).padStart(12, "0")}`,
    stream,
    eventType: (first + i) % 2 === 0 ? "WidgetRenamed" : "WidgetCreated",
    time: new Date(ms + i * 1_000).toISOString(),
    metadata: "{}",
    payload: `{"widget_id":"w${first + i}"}`,
  }));
}

/** The positions of entries. */
export function positionsIn(entries: readonly Entry[]): number[] {
  return entries.map(({ entryId }) => Number(entryId.split("-")[1]));
}

/** The numbers from one to another, both of them. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
