import { archiveUrlSetting, storeSettings } from "@events-pipeline/archiver";
import { parseSeconds, servers } from "../status/status_config.ts";

/** By default the outbox is looked through for so many seconds. */
export const SEARCH_SECONDS = 300;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The command line and the environment of `deno task trace`. */
export const traceCommand = {
  call: "deno task trace",
  summary:
    "Shows where an event went, and when: outbox, Redis, each consumer, archive. Exits with 1 when it is not found.",
  flags: {
    "event-id": {
      kind: "texts",
      value: "EVENT_ID",
      required: true,
      help: "the event; several may be named",
      fault: (text: string) => UUID.test(text) ? undefined : "must be a UUID",
    },
    "search-seconds": {
      kind: "text",
      value: "SECONDS",
      help: `how long the outbox may be looked through for each (default: ${SEARCH_SECONDS})`,
      fault: (text: string) => parseSeconds(text) === undefined ? "must be a whole number of seconds" : undefined,
    },
    json: { kind: "boolean", help: "print a line of JSON for each" },
  },
  settings: { ...servers, ARCHIVE_URL: archiveUrlSetting("the archive is not looked at"), ...storeSettings },
  wordsBelongTo: "event-id",
} as const;
