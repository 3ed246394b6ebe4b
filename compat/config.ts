import { MODES, parseMode } from "./modes.ts";

/** The formats of the report. */
export const FORMATS = ["text", "json", "github"] as const;

/** The command line of `deno task check-compat`. */
export const checkCompatCommand = {
  call: "deno task check-compat",
  summary: "Rejects changes of event schemas and stream names that break events sent before, or whoever reads them.",
  flags: {
    base: {
      kind: "text",
      value: "REVISION",
      help: "the revision to compare with (default: origin/main; if that is what is checked out, the commit before it)",
    },
    schemas: {
      kind: "text",
      value: "FILE",
      help: "the module that exports the event schemas (default: common/schemas/mod.ts)",
    },
    streams: {
      kind: "texts",
      value: "FILE",
      help: "modules that export stream names (default: common/stream_names.ts, if it is there)",
    },
    "base-schemas": {
      kind: "text",
      value: "FILE",
      help: "where the schemas are in the base, or none (default: where they are now)",
    },
    mode: {
      kind: "text",
      value: "MODE",
      help:
        "what must not break: additive, backward, forward or full, each also with _transitive; or none (default: what compat.json says, else additive)",
      fault: (text: string) => parseMode(text) === undefined ? `must be one of ${MODES.join(", ")}` : undefined,
    },
    history: {
      kind: "text",
      value: "tags|N",
      help: "what transitive modes look at: every tag, or the last N commits of the base (default: tags)",
      fault: (text: string) =>
        text === "tags" || /^[1-9]\d{0,3}$/.test(text) ? undefined : "must be tags or a number from 1 to 9999",
    },
    format: {
      kind: "text",
      value: "FORMAT",
      help: `${FORMATS.join(", ")}: words, a line of JSON, or annotations of GitHub Actions (default: text)`,
      fault: (text: string) => FORMATS.some((name) => name === text) ? undefined : `must be ${FORMATS.join(", ")}`,
    },
    waivers: {
      kind: "text",
      value: "FILE",
      help: "the file of modes and waivers (default: compat.json, if it is there)",
    },
  },
  settings: {},
} as const;
