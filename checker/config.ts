import { archiveUrlSetting, isArchiveUrl, storeSettings } from "@events-pipeline/archiver";
import { defineStreamName } from "@events-pipeline/common";
import {
  consumerDatabaseUrlSetting,
  databaseUrlSetting,
  redisTlsSettings,
  redisUrlSetting,
} from "@events-pipeline/common/settings";
import { parseHandledTable, parseVersionRule } from "./flag_values.ts";

/** The command line and the environment of `deno task check-pipeline`. */
export const checkCommand = {
  call: "deno task check-pipeline",
  summary:
    "Compares outbox, Redis, the archive and what a consumer has handled. It only reads, and may be run at any time.",
  flags: {
    stream: {
      kind: "texts",
      value: "STREAM",
      help: "a stream to check (default: every stream that the outbox has had)",
      fault: (text: string) => faultOf(() => defineStreamName(text), "must be stream:<domain>:events"),
    },
    archive: {
      kind: "text",
      value: "URL",
      help:
        "the archive, file:///folder or s3://bucket/prefix (default: ARCHIVE_URL; if neither is set, it is not checked)",
      fault: (text: string) => isArchiveUrl(text) ? undefined : "must be file:///folder or s3://bucket/prefix",
    },
    "handled-table": {
      kind: "text",
      value: "TABLE[:EVENT_ID[:ORDER]]",
      help:
        "a table of the handlers' database with the ids of handled events, and its columns (default: event_id and id)",
      fault: (text: string) => faultOf(() => parseHandledTable(text), "must be TABLE[:EVENT_ID[:ORDER]]"),
    },
    consumer: {
      kind: "text",
      value: "NAME",
      needs: "handled-table",
      help: "the consumer that fills the table (default: the only one of the streams)",
    },
    "handled-type": {
      kind: "texts",
      value: "TYPE",
      needs: "handled-table",
      help: "an event that the consumer wants (default: all)",
    },
    "version-of": {
      kind: "texts",
      value: "TYPE.FIELD:KEY",
      help: "in events of the type, the number FIELD must rise from event to event with the same KEY",
      fault: (text: string) => faultOf(() => parseVersionRule(text), "must be TYPE.FIELD:KEY"),
    },
    complete: {
      kind: "boolean",
      help: "nothing may be on its way: judge every stage up to the publisher's checkpoint",
    },
    json: { kind: "boolean", help: "print one line of JSON" },
  },
  settings: {
    DATABASE_URL: databaseUrlSetting,
    CONSUMER_DATABASE_URL: consumerDatabaseUrlSetting,
    REDIS_URL: redisUrlSetting,
    ...redisTlsSettings,
    ARCHIVE_URL: archiveUrlSetting("the archive is not checked"),
    ...storeSettings,
  },
} as const;

function faultOf(parse: () => unknown, fault: string): string | undefined {
  try {
    parse();
    return undefined;
  } catch {
    return fault;
  }
}
