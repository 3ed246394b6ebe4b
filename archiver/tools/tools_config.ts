import { databaseUrlSetting, optionalDatabaseUrlSetting } from "@events-pipeline/common/settings";
import { archiveUrlSetting, s3PutSettings, storeSettings } from "../store_settings.ts";
import { parsePlace, PLACE_FAULT } from "./place.ts";

const archive = { ARCHIVE_URL: archiveUrlSetting("the folder archive in the current one"), ...storeSettings };

const stream = { kind: "text", value: "STREAM", help: "the stream, such as stream:widgets:events" } as const;
const streams = {
  kind: "texts",
  value: "STREAM",
  help: "the stream; several may be named (default: every one)",
} as const;
const isDate = (text: string): boolean => parsePlace(text)?.kind === "day";
const dateFault = (text: string): string | undefined => isDate(text) ? undefined : "must be a date such as 2026-01-31";
const placeFault = (text: string): string | undefined => parsePlace(text) === undefined ? PLACE_FAULT : undefined;
const isUuid = (text: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/** What the archive's readers and keepers are: `deno task archive` with one of these words. Without one it is the daemon. */
export const archiveToolsCommand = {
  call: "deno task archive",
  summary: "Shows an archive, reads it, proves that it is whole, and merges its small objects.",
  commands: {
    ls: {
      summary: "Lists the segments: date, events, bytes, first and last entry id.",
      flags: {
        stream: streams,
        date: { kind: "text", value: "DATE", help: "those of a day (UTC)", fault: dateFault },
        json: { kind: "boolean", help: "print a line of JSON for each" },
      },
      settings: archive,
      wordsBelongTo: "stream",
    },
    cat: {
      summary: "Prints archived events, a line of JSON each, in the order of the stream.",
      flags: {
        stream: { ...stream, required: true },
        from: {
          kind: "text",
          value: "ENTRY_ID|DATE",
          help: "begin with this entry, or with the first one of this day or time (default: the beginning)",
          fault: placeFault,
        },
        to: {
          kind: "text",
          value: "ENTRY_ID|DATE",
          help: "end with this entry, or with this day, or before this time (default: the end)",
          fault: placeFault,
        },
        "event-type": { kind: "texts", value: "TYPE", help: "those of a type; several may be named" },
        "event-id": {
          kind: "text",
          value: "ID",
          help: "the event of this id",
          fault: (text: string) => isUuid(text) ? undefined : "must be a UUID",
        },
      },
      settings: archive,
    },
    verify: {
      summary: "Proves that nothing is missing, doubled or damaged. Exits with 1 and the exact ranges if anything is.",
      flags: {
        stream: streams,
        from: { kind: "text", value: "DATE", help: "look at this day and later ones (default: all)", fault: dateFault },
        "no-database": { kind: "boolean", help: "go by the archive alone, though DATABASE_URL is set" },
        json: { kind: "boolean", help: "print a line of JSON for each stream" },
      },
      settings: { ...archive, DATABASE_URL: optionalDatabaseUrlSetting },
      wordsBelongTo: "stream",
    },
    compact: {
      summary: "Merges the small objects of each day that is over into few large ones. May be ended at any time.",
      flags: {
        stream: streams,
        date: { kind: "text", value: "DATE", help: "a day that is over (default: every one)", fault: dateFault },
        "target-bytes": {
          kind: "text",
          value: "N",
          help: "how many bytes those that become one may have together (default: 67108864)",
          fault: (text: string) =>
            /^\d{1,10}$/.test(text) && Number(text) > 0 && Number(text) <= 2 ** 30
              ? undefined
              : "must be from 1 to 1073741824",
        },
      },
      settings: { ...archive, ...s3PutSettings, DATABASE_URL: databaseUrlSetting },
      wordsBelongTo: "stream",
    },
  },
} as const;
