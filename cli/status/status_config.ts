import {
  consumerDatabaseUrlSetting,
  databaseUrlSetting,
  redisTlsSettings,
  redisUrlSetting,
} from "@events-pipeline/common/settings";

/** The servers of a pipeline, for programs that only look. */
export const servers = {
  DATABASE_URL: databaseUrlSetting,
  CONSUMER_DATABASE_URL: consumerDatabaseUrlSetting,
  REDIS_URL: redisUrlSetting,
  ...redisTlsSettings,
} as const;

/** By default something is stalled when it has waited for so many seconds. */
const STALLED_SECONDS = 60;

/** Reads `--stalled-after`. `undefined` when it is no number of seconds. */
export function parseSeconds(text: string = String(STALLED_SECONDS)): number | undefined {
  return /^\d{1,6}$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
}

/** The command line and the environment of `deno task status`. */
export const statusCommand = {
  call: "deno task status",
  summary: "Shows streams, consumers, archives and daemons. Exits with 1 when something is stalled, and says why.",
  flags: {
    watch: { kind: "boolean", help: "show it again every 2 seconds, until Ctrl-C" },
    json: { kind: "boolean", help: "print a line of JSON" },
    "stalled-after": {
      kind: "text",
      value: "SECONDS",
      help: `how long something may wait before it counts as stalled (default: ${STALLED_SECONDS})`,
      fault: (text: string) => parseSeconds(text) === undefined ? "must be a whole number of seconds" : undefined,
    },
  },
  settings: servers,
} as const;
