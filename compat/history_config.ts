/** The command line of `deno task schema-history`. */
export const schemaHistoryCommand = {
  call: "deno task schema-history",
  summary: "Writes down how the events have changed, from git, for the web console.",
  flags: {
    schemas: {
      kind: "text",
      value: "FILE",
      help: "the module that exports the event schemas (default: common/schemas/mod.ts)",
    },
    history: {
      kind: "text",
      value: "tags|N",
      help:
        "every tag, or the last N commits that changed something beside the module (default: tags; 50 where there is none)",
      fault: (text: string) =>
        text === "tags" || /^[1-9]\d{0,3}$/.test(text) ? undefined : "must be tags or a number from 1 to 9999",
    },
    out: { kind: "text", value: "FILE", help: "the file to write (default: schema_history.json)" },
  },
  settings: {},
} as const;
