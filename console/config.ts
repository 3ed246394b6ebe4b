import { archiveUrlSetting, storeSettings } from "@events-pipeline/archiver";
import type { MonitorAddress } from "@events-pipeline/common/monitor";
import {
  consumerDatabaseUrlSetting,
  countSetting,
  databaseUrlSetting,
  logFormatSetting,
  logLevelSetting,
  redisTlsSettings,
  redisUrlSetting,
  type SettingSchema,
} from "@events-pipeline/common/settings";
import { z } from "zod";
import { isLoopback } from "./access.ts";

/** Where it listens unless it is told. */
const DEFAULT_ADDRESS: MonitorAddress = { host: "127.0.0.1", port: 9480 };

const addressSetting: SettingSchema<MonitorAddress> = z.string().optional().transform((text, context) => {
  if (text === undefined) return DEFAULT_ADDRESS;
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match !== null && port <= 65_535) {
    return { host: match[1]?.replace(/^\[|\]$/g, "") ?? DEFAULT_ADDRESS.host, port };
  }
  context.addIssue("must be PORT or HOST:PORT");
  return z.NEVER;
}).describe(
  "PORT (on loopback) or HOST:PORT to listen on; elsewhere than on loopback it needs a token or a header (default: 9480)",
);

const tokenSetting: SettingSchema<string | undefined> = z.string()
  .regex(/^[\x21-\x7e]{32,}$/, { error: "must have 32 characters or more, without spaces" }).optional()
  .describe("The secret that people log in with, of 32 characters or more (default: none)");

const headerSetting: SettingSchema<string | undefined> = z.string()
  .regex(/^[A-Za-z0-9-]+$/, { error: "must be the name of a header, such as X-Forwarded-User" }).optional()
  .describe(
    "The header in which a reverse proxy tells who it has let in; it must strip that of others (default: none)",
  );

const maskSetting: SettingSchema<readonly string[]> = z.string().default("")
  .transform((text) => text.split(",").map((field) => field.trim()).filter((field) => field !== ""))
  .describe("Fields that are not shown: names, or paths such as email,customer.address (default: none)");

/** The command line and the environment of `deno task console`. */
export const consoleCommand = {
  call: "deno task console",
  summary: "Serves the web console: streams, consumers, dead letters, events, schemas and the archive.",
  flags: {
    "allow-actions": { kind: "boolean", help: "let people pause, resume and reset consumers, redrive and drop" },
    schemas: { kind: "text", value: "FILE", help: "the module of the event schemas (default: this repository's own)" },
    "schema-history": {
      kind: "text",
      value: "FILE",
      help: "what deno task schema-history has written (default: schema_history.json, if it is there)",
    },
  },
  settings: {
    DATABASE_URL: databaseUrlSetting,
    CONSUMER_DATABASE_URL: consumerDatabaseUrlSetting,
    REDIS_URL: redisUrlSetting,
    ...redisTlsSettings,
    CONSOLE_ADDRESS: addressSetting,
    CONSOLE_TOKEN: tokenSetting,
    CONSOLE_PROXY_HEADER: headerSetting,
    CONSOLE_MASK: maskSetting,
    CONSOLE_STALLED_SECONDS: countSetting("How many seconds something may wait until it counts as stalled", 60),
    ARCHIVE_URL: archiveUrlSetting("its segments are not listed"),
    ...storeSettings,
    LOG_LEVEL: logLevelSetting,
    LOG_FORMAT: logFormatSetting,
  },
} as const;

/** Why it must not listen there, if it must not. */
export function addressFault(
  address: MonitorAddress,
  access: { readonly token?: string | undefined; readonly proxyHeader?: string | undefined },
): string | undefined {
  if (isLoopback(address.host) || access.token !== undefined || access.proxyHeader !== undefined) return undefined;
  return `CONSOLE_ADDRESS is reachable from other machines: set CONSOLE_TOKEN or CONSOLE_PROXY_HEADER`;
}
