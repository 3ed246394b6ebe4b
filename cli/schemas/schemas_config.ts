const schemas = {
  kind: "text",
  value: "FILE",
  help: "the module that exports the events (default: common/schemas/mod.ts)",
} as const;

/** The command line of `deno task schemas`. */
export const schemasCommand = {
  call: "deno task schemas",
  summary: "Shows the events that a module exports, and writes their JSON Schemas and their catalogue.",
  commands: {
    ls: { summary: "Lists the events.", flags: { schemas }, settings: {} },
    show: {
      summary: "Shows an event in words: its fields, what they are on the wire, and whether they may be absent.",
      flags: {
        name: {
          kind: "texts",
          value: "NAME",
          required: true,
          help: "the event, such as WidgetCreated; several may be named",
        },
        schemas,
      },
      settings: {},
      wordsBelongTo: "name",
    },
    "json-schema": {
      summary: "Prints the JSON Schema (2020-12) of each event, by name.",
      flags: {
        out: { kind: "text", value: "DIR", help: "write DIR/NAME.json for each instead" },
        schemas,
      },
      settings: {},
    },
    docs: {
      summary: "Prints a page about all events.",
      flags: {
        format: {
          kind: "text",
          value: "md|html",
          help: "Markdown or HTML (default: md)",
          fault: (text: string) => ["md", "html"].includes(text) ? undefined : "must be md or html",
        },
        handlers: {
          kind: "texts",
          value: "FILE",
          help: "files or globs that export consumers: the page says who reads what",
        },
        schemas,
      },
      settings: {},
      wordsBelongTo: "handlers",
    },
  },
} as const;
