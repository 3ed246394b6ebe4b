import { consumerDatabaseUrlSetting, databaseUrlSetting } from "@events-pipeline/common/settings";
import { parseTime } from "./flag_values.ts";

const settings = { DATABASE_URL: databaseUrlSetting, CONSUMER_DATABASE_URL: consumerDatabaseUrlSetting };

const isUuid = (text: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
const timeFault = (text: string): string | undefined =>
  parseTime(text) === undefined ? "must be a date such as 2026-01-31 or 2026-01-31T12:00Z" : undefined;

const filter = {
  consumer: { kind: "text", value: "NAME", help: "those of a consumer" },
  "event-id": {
    kind: "text",
    value: "ID",
    help: "those of an event",
    fault: (text: string) => isUuid(text) ? undefined : "must be a UUID",
  },
  type: { kind: "text", value: "TYPE", help: "those of an event type" },
  since: { kind: "text", value: "DATE", help: "those set aside at this time or later", fault: timeFault },
  until: { kind: "text", value: "DATE", help: "those set aside before this time", fault: timeFault },
} as const;
const all = { kind: "boolean", help: "every one, where nothing else is named" } as const;

/** The command line and the environment of `deno task dead-letters`. */
export const deadLettersCommand = {
  call: "deno task dead-letters",
  summary: "Shows the events that consumers have set aside, has them handled again, or drops them.",
  commands: {
    list: {
      summary: "Lists them, the oldest first.",
      flags: {
        ...filter,
        limit: {
          kind: "text",
          value: "N",
          help: "how many, at most (default: 100)",
          fault: (text: string) => /^[1-9]\d{0,5}$/.test(text) ? undefined : "must be from 1 to 999999",
        },
        after: {
          kind: "text",
          value: "NUMBER",
          help: "those behind the one of this number",
          fault: (text: string) => /^\d{1,18}$/.test(text) ? undefined : "must be a number",
        },
        json: { kind: "boolean", help: "print a line of JSON for each, with the whole event" },
      },
      settings,
    },
    show: {
      summary: "Shows the whole event, and why it was set aside.",
      flags: {
        "event-id": { ...filter["event-id"], required: true, help: "the event" },
        consumer: filter.consumer,
      },
      settings,
    },
    redrive: {
      summary: "Has them handled again, in the order of their streams. One that fails stays.",
      flags: { ...filter, all },
      settings,
    },
    drop: {
      summary: "Deletes them: their events are never handled by that consumer.",
      flags: { ...filter, all, yes: { kind: "boolean", help: "do not ask" } },
      settings,
    },
  },
} as const;
