/**
 * The command line of a program: its flags and settings, its `--help`, and its faults.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { readSettings, SettingsError, type SettingsOf, type SettingsShape } from "./settings.ts";

/** One flag of a program. */
export interface Flag {
  /** `boolean` is on or off; `text` takes a value; `texts` takes values, and may be repeated. */
  readonly kind: "boolean" | "text" | "texts";
  /** What it does, for `--help`. */
  readonly help: string;
  /** What its value is called in `--help`, for example `FILE`. */
  readonly value?: string;
  /** Whether the program can't do without it. @default false */
  readonly required?: boolean;
  /** Another flag that may be given in place of this one, if this one is required. @default none */
  readonly unless?: string;
  /** Another flag that must be given too, if this one is. @default none */
  readonly needs?: string;
  /** Another flag that must not be given too. @default none */
  readonly excludes?: string;
  /** What is wrong with a value, such as `must be a number`; `undefined` when nothing is. @default any text is taken */
  readonly fault?: (value: string) => string | undefined;
}

/** The flags of a program by name, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** The values of flags: `undefined` for a text that was not given. */
export type FlagsOf<F extends Flags> = {
  readonly [K in keyof F]: F[K]["kind"] extends "boolean" ? boolean
    : F[K]["kind"] extends "texts" ? readonly string[]
    : F[K]["required"] extends true ? string
    : string | undefined;
};

/** What a program takes. */
export interface CommandSpec<F extends Flags, S extends SettingsShape> {
  /** How it is called: `deno task publisher`. */
  readonly call: string;
  /** What it does, in a sentence. */
  readonly summary: string;
  /** Its flags. */
  readonly flags: F;
  /** Its settings, read from the environment. */
  readonly settings: S;
  /** The `texts` flag that words without a flag belong to: `--handlers a.ts b.ts`. */
  readonly wordsBelongTo?: NoInfer<Extract<keyof F, string>>;
}

/** What a program is to do: run, print its help, or print faults. The last two say what to exit with. */
export type Command<F extends Flags, S extends SettingsShape> =
  | { readonly kind: "run"; readonly flags: FlagsOf<F>; readonly settings: SettingsOf<S> }
  | { readonly kind: "print"; readonly text: string; readonly exitCode: 0 | 2 };

/**
 * Reads a command line and the environment.
 *
 * @param spec what the program takes
 * @param args the arguments: `Deno.args`
 * @param environment gives a variable's value: `(name) => Deno.env.get(name)`
 *
 * @example
 * ```ts
 * import { readCommand } from "@events-pipeline/common/command";
 * import { assertEquals } from "@std/assert";
 *
 * const spec = {
 *   call: "deno task greet",
 *   summary: "Greets.",
 *   flags: { loud: { kind: "boolean", help: "shout" } },
 *   settings: {},
 * } as const;
 * assertEquals(readCommand(spec, ["--loud"], () => undefined), { kind: "run", flags: { loud: true }, settings: {} });
 * assertEquals(readCommand(spec, ["--lowd"], () => undefined), {
 *   kind: "print",
 *   text: "deno task greet: cannot start:\n  --lowd is not a flag of it\nSee deno task greet --help",
 *   exitCode: 2,
 * });
 * ```
 */
export function readCommand<F extends Flags, S extends SettingsShape>(
  spec: CommandSpec<F, S>,
  args: readonly string[],
  environment: (name: string) => string | undefined,
): Command<F, S> {
  const { values, words, unknown } = parse(spec.flags, args);
  if (values["help"] === true) return { kind: "print", text: helpText(spec), exitCode: 0 };
  const faults = unknown.map((flag) => `${flag} is not a flag of it`);
  if (spec.wordsBelongTo !== undefined && words.length > 0) {
    values[spec.wordsBelongTo] = [...asTexts(values[spec.wordsBelongTo]), ...words];
  } else {
    faults.push(...words.map((word) => `'${word}' is not expected`));
  }
  const flags: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(spec.flags)) {
    const value = values[name];
    if (flag.kind === "boolean") flags[name] = value === true;
    else if (flag.kind === "texts") flags[name] = asTexts(value);
    else flags[name] = value;
    const given = flag.kind === "texts"
      ? asTexts(value)
      : flag.kind === "text" && value !== undefined
      ? [value]
      : undefined;
    const isGiven = (other: string | undefined): boolean => other !== undefined && isOn(values[other]);
    if (flag.required && (given === undefined || given.length === 0)) {
      if (!isGiven(flag.unless)) faults.push(`--${name} ${flag.value ?? ""} is missing: ${flag.help}`);
    } else if (given?.includes("")) {
      faults.push(`--${name} needs a value: ${flag.help}`);
    } else if (
      given !== undefined && given.length > 0 && flag.needs !== undefined && asTexts(values[flag.needs]).length === 0
    ) {
      faults.push(`--${name} needs --${flag.needs}`);
    } else if (isGiven(name) && isGiven(flag.excludes)) {
      faults.push(`--${name} and --${flag.excludes} exclude each other`);
    } else {
      const wrong = (given ?? []).map((text) => flag.fault?.(String(text))).filter((fault) => fault !== undefined);
      faults.push(...new Set(wrong.map((fault) => `--${name} ${fault}`)));
    }
  }
  try {
    const settings = readSettings(spec.settings, environment);
    if (faults.length === 0) return { kind: "run", flags: flags as FlagsOf<F>, settings };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    faults.push(...error.faults);
  }
  const text = [`${spec.call}: cannot start:`, ...faults.map((fault) => `  ${fault}`), `See ${spec.call} --help`];
  return { kind: "print", text: text.join("\n"), exitCode: 2 };
}

interface Parsed {
  readonly values: Record<string, unknown>;
  readonly words: readonly string[];
  readonly unknown: readonly string[];
}

function parse(flags: Flags, args: readonly string[]): Parsed {
  const named = (kind: Flag["kind"]): string[] =>
    Object.entries(flags).filter(([, flag]) => flag.kind === kind).map(([name]) => name);
  const unknown: string[] = [];
  const { _: words, ...values } = parseArgs([...args], {
    boolean: ["help", ...named("boolean")],
    string: ["_", ...named("text"), ...named("texts")],
    collect: named("texts"),
    alias: { help: "h" },
    unknown: (argument, key) => {
      if (key !== undefined) unknown.push(argument);
      return key === undefined;
    },
  });
  return { values, words: words.map(String), unknown };
}

function asTexts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : value === undefined ? [] : [String(value)];
}

/** Whether a flag was given. */
function isOn(value: unknown): boolean {
  return value === true || (typeof value !== "boolean" && asTexts(value).length > 0);
}

function helpText(spec: Pick<CommandSpec<Flags, SettingsShape>, "call" | "summary" | "flags" | "settings">): string {
  const flags = Object.entries(spec.flags).map(([name, flag]): [string, string] => [
    `--${name}${flag.kind === "boolean" ? "" : ` ${flag.value ?? "TEXT"}${flag.kind === "texts" ? "…" : ""}`}`,
    flag.help,
  ]);
  const settings = Object.entries(spec.settings).map(([name, setting]): [string, string] => [
    name,
    setting.description ?? "",
  ]);
  const rows = (title: string, entries: readonly [string, string][]): string[] => {
    const width = Math.max(...entries.map(([left]) => left.length));
    return ["", title, ...entries.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)];
  };
  return [
    spec.summary,
    "",
    `Usage: ${spec.call} [flags]`,
    ...rows("Flags:", [...flags, ["--help", "print this"]]),
    ...(settings.length > 0 ? rows("Environment:", settings) : []),
  ].join("\n");
}
