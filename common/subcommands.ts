/**
 * The command line of a program that does several things: `deno task consumers pause NAME`.
 *
 * @module
 */
import { type CommandSpec, type Flags, type FlagsOf, readCommand } from "./command.ts";
import type { SettingsOf, SettingsShape } from "./settings.ts";

/** The commands of a program by name, each with its flags and settings. */
export type Subcommands = Readonly<Record<string, Omit<CommandSpec<Flags, SettingsShape>, "call">>>;

/** What a program with several commands takes. */
export interface SubcommandsSpec<C extends Subcommands> {
  /** How it is called: `deno task consumers`. */
  readonly call: string;
  /** What it is for, in a sentence. */
  readonly summary: string;
  /** What it does. */
  readonly commands: C;
}

/** What a program is to do: run one of its commands, or print help or faults. The last two say what to exit with. */
export type Subcommand<C extends Subcommands> =
  | {
    [Name in keyof C]: {
      readonly kind: "run";
      readonly name: Name;
      readonly flags: FlagsOf<C[Name]["flags"]>;
      readonly settings: SettingsOf<C[Name]["settings"]>;
    };
  }[keyof C]
  | { readonly kind: "print"; readonly text: string; readonly exitCode: 0 | 2 };

/** Words for one thing: a program that has the one takes the other. */
const ALIASES: Readonly<Record<string, string>> = { ls: "list", list: "ls" };

/**
 * Reads a command line whose first word is a command; `ls` and `list` are one.
 *
 * @param spec what the program takes
 * @param args the arguments: `Deno.args`
 * @param environment gives a variable's value: `(name) => Deno.env.get(name)`
 *
 * @example
 * ```ts
 * import { readSubcommand } from "@events-pipeline/common/subcommands";
 * import { assertEquals } from "@std/assert";
 *
 * const spec = {
 *   call: "deno task lamp",
 *   summary: "Turns a lamp on and off.",
 *   commands: {
 *     on: { summary: "Turns it on.", flags: { bright: { kind: "boolean", help: "as bright as can be" } }, settings: {} },
 *     off: { summary: "Turns it off.", flags: {}, settings: {} },
 *   },
 * } as const;
 * assertEquals(readSubcommand(spec, ["on", "--bright"], () => undefined), {
 *   kind: "run",
 *   name: "on",
 *   flags: { bright: true },
 *   settings: {},
 * });
 * const listing = { ...spec, commands: { ls: { summary: "Lists lamps.", flags: {}, settings: {} } } } as const;
 * assertEquals(readSubcommand(listing, ["list"], () => undefined), { kind: "run", name: "ls", flags: {}, settings: {} });
 * assertEquals(readSubcommand(spec, ["up"], () => undefined), {
 *   kind: "print",
 *   text: "deno task lamp: there is no command 'up': it has on, off\nSee deno task lamp --help",
 *   exitCode: 2,
 * });
 * ```
 */
export function readSubcommand<const C extends Subcommands>(
  spec: SubcommandsSpec<C>,
  args: readonly string[],
  environment: (name: string) => string | undefined,
): Subcommand<C> {
  const [word, ...rest] = args;
  const name = word !== undefined && !Object.hasOwn(spec.commands, word) ? ALIASES[word] ?? word : word;
  if (name === "--help" || name === "-h") return { kind: "print", text: helpText(spec), exitCode: 0 };
  const command = name !== undefined && Object.hasOwn(spec.commands, name) ? spec.commands[name] : undefined;
  if (command === undefined) {
    const known = Object.keys(spec.commands).join(", ");
    const fault = name === undefined
      ? `it needs a command: ${known}`
      : `there is no command '${word}': it has ${known}`;
    return { kind: "print", text: `${spec.call}: ${fault}\nSee ${spec.call} --help`, exitCode: 2 };
  }
  const read = readCommand({ ...command, call: `${spec.call} ${name}` }, rest, environment);
  return (read.kind === "print" ? read : { ...read, name }) as Subcommand<C>;
}

function helpText({ call, summary, commands }: SubcommandsSpec<Subcommands>): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  return [
    summary,
    "",
    `Usage: ${call} COMMAND [flags]`,
    "",
    "Commands:",
    ...Object.entries(commands).map(([name, command]) => `  ${name.padEnd(width)}  ${command.summary}`),
    "",
    `${call} COMMAND --help tells of its flags.`,
  ].join("\n");
}
