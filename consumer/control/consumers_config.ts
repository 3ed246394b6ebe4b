import {
  consumerDatabaseUrlSetting,
  databaseUrlSetting,
  redisTlsSettings,
  redisUrlSetting,
} from "@events-pipeline/common/settings";
import { parseTarget } from "./flag_values.ts";

const database = { DATABASE_URL: databaseUrlSetting, CONSUMER_DATABASE_URL: consumerDatabaseUrlSetting };
const servers = { ...database, REDIS_URL: redisUrlSetting, ...redisTlsSettings };

const consumer = { kind: "texts", value: "NAME", required: true, help: "the consumer; several may be named" } as const;
const stream = {
  kind: "text",
  value: "STREAM",
  help: "the stream, for a consumer that has read several (default: every one)",
} as const;
const yes = { kind: "boolean", help: "do not ask" } as const;

/** The command line and the environment of `deno task consumers`. */
export const consumersCommand = {
  call: "deno task consumers",
  summary: "Shows consumers, and tells them what to do. Running workers obey within a second.",
  commands: {
    list: {
      summary: "Shows each consumer: what it does, how far it is behind, what it fails on.",
      flags: { json: { kind: "boolean", help: "print a line of JSON for each" } },
      settings: servers,
    },
    pause: {
      summary: "Has a consumer stop before its next batch, and stay so until it is resumed.",
      flags: { consumer, stream },
      settings: database,
      wordsBelongTo: "consumer",
    },
    resume: {
      summary: "Has a paused consumer go on where it was.",
      flags: { consumer, stream },
      settings: database,
      wordsBelongTo: "consumer",
    },
    reset: {
      summary:
        "Puts a consumer elsewhere in its stream. Put back, it handles events again; put forward, it never handles some.",
      flags: {
        consumer,
        to: {
          kind: "text",
          value: "ENTRY_ID|DATE|beginning",
          required: true,
          help: "behind an entry, before the first event published at a time or after it, or before all",
          fault: (text: string) =>
            parseTarget(text) === undefined
              ? "must be an entry id, a date such as 2026-01-31T12:00Z, or beginning"
              : undefined,
        },
        yes,
      },
      settings: servers,
      wordsBelongTo: "consumer",
    },
    forget: {
      summary: "Removes all that is kept of a consumer that is no longer run, so that its stream can be trimmed.",
      flags: { consumer, stream, yes },
      settings: database,
      wordsBelongTo: "consumer",
    },
  },
} as const;
