import { archiveUrlSetting, storeSettings } from "@events-pipeline/archiver";
import { servers } from "../status/status_config.ts";

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
    json: { kind: "boolean", help: "print a line of JSON for each" },
  },
  settings: { ...servers, ARCHIVE_URL: archiveUrlSetting("the archive is not looked at"), ...storeSettings },
  wordsBelongTo: "event-id",
} as const;
