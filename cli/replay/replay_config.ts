import { archiveUrlSetting, storeSettings } from "@events-pipeline/archiver";
import { parsePlace, PLACE_FAULT } from "@events-pipeline/archiver/tools";
import { consumerDatabaseUrlSetting, databaseUrlSetting } from "@events-pipeline/common/settings";

const placeFault = (text: string): string | undefined => parsePlace(text) === undefined ? PLACE_FAULT : undefined;

/** The command line and the environment of `deno task replay`. */
export const replayCommand = {
  call: "deno task replay",
  summary: "Has archived events handled once more by a consumer, or sends them into another stream. " +
    "Called again in the same words it goes on where it was ended.",
  flags: {
    stream: { kind: "text", value: "STREAM", required: true, help: "the stream that they are of" },
    from: {
      kind: "text",
      value: "ENTRY_ID|DATE",
      required: true,
      help: "begin with this entry, or with the first one of this day or time (UTC)",
      fault: placeFault,
    },
    to: {
      kind: "text",
      value: "ENTRY_ID|DATE",
      required: true,
      help: "end with this entry, or with this day, or before this time",
      fault: placeFault,
    },
    consumer: { kind: "text", value: "NAME", help: "have its running worker handle them once more" },
    "to-stream": { kind: "text", value: "STREAM", help: "send them into this stream, as events of their own" },
    "event-type": { kind: "texts", value: "TYPE", help: "only those of a type; several may be named" },
    rate: {
      kind: "text",
      value: "N/s",
      help: "how many a second, at most (default: as many as can be)",
      fault: (text: string) => parseRate(text) === undefined ? "must be a number above 0, such as 100/s" : undefined,
    },
    again: { kind: "boolean", help: "begin anew, though the same replay was begun or done before" },
    yes: { kind: "boolean", help: "do not ask" },
  },
  settings: {
    DATABASE_URL: databaseUrlSetting,
    CONSUMER_DATABASE_URL: consumerDatabaseUrlSetting,
    ARCHIVE_URL: archiveUrlSetting("the folder archive in the current one"),
    ...storeSettings,
  },
} as const;

/** Reads how many a second: `100/s`, or `100`. */
export function parseRate(text: string): number | undefined {
  const rate = Number(/^(\d{1,7}(?:\.\d{1,3})?)(?:\/s)?$/.exec(text)?.[1]);
  return rate > 0 ? rate : undefined;
}
