import { assert, assertEquals } from "@std/assert";
import { readCommand } from "./command.ts";
import { countSetting, databaseUrlSetting } from "./settings.ts";

const spec = {
  call: "deno task paint",
  summary: "Paints.",
  flags: {
    once: { kind: "boolean", help: "one coat" },
    colour: { kind: "text", value: "NAME", help: "the colour", required: true },
    walls: { kind: "texts", value: "WALL", help: "the walls" },
  },
  settings: { COATS: countSetting("Coats", 2) },
  wordsBelongTo: "walls",
} as const;

function printed(args: string[], environment: Record<string, string> = {}): { text: string; exitCode: number } {
  const command = readCommand(spec, args, (name) => environment[name]);
  assert(command.kind === "print");
  return command;
}

Deno.test("readCommand() reads flags, words and settings", () => {
  const args = ["--once", "--colour", "1", "--walls", "north", "south", "--walls=east"];
  const command = readCommand(spec, args, () => "3");
  assert(command.kind === "run");
  assertEquals(command.flags.once, true);
  assertEquals(command.flags.colour, "1");
  assertEquals([...command.flags.walls].sort(), ["east", "north", "south"]);
  assertEquals(command.settings, { COATS: 3 });
});

Deno.test("readCommand() prints help without looking at anything else", () => {
  for (const flag of ["--help", "-h"]) {
    const { text, exitCode } = printed([flag, "--nonsense"], { COATS: "x" });
    assertEquals(exitCode, 0);
    for (const part of ["Usage: deno task paint", "--colour NAME", "--walls WALL…", "COATS"]) {
      assert(text.includes(part));
    }
  }
});

Deno.test("readCommand() reports all faults of flags and settings at once", () => {
  const { text, exitCode } = printed(["--nonsense", "--walls="], { COATS: "x" });
  assertEquals(exitCode, 2);
  assertEquals(text.split("\n").map((line) => line.trim().split(" ").slice(0, 2).join(" ")), [
    "deno task",
    "--nonsense is",
    "--colour NAME",
    "--walls needs",
    "COATS must",
    "See deno",
  ]);
});

Deno.test("readCommand() refuses a word that belongs to no flag, and a flag without its value", () => {
  const plain = { call: "x", summary: "X.", flags: { a: { kind: "text", help: "a" } }, settings: {} } as const;
  const text = (args: string[]) => {
    const command = readCommand(plain, args, () => undefined);
    return command.kind === "print" ? command.text : "run";
  };
  assert(text(["word"]).includes("'word' is not expected"));
  assert(text(["--a"]).includes("--a needs a value"));
  assert(text(["-z"]).includes("-z is not a flag"));
});

Deno.test("readCommand() takes a text that looks like a number as text, and JSON as it is", () => {
  for (const colour of ["007", '{"a":[1]}', "a=b"]) {
    const command = readCommand(spec, ["--colour", colour], () => undefined);
    assertEquals(command.kind === "run" && command.flags.colour, colour);
  }
});

Deno.test("readCommand() says which required setting is missing", () => {
  const needs = { call: "x", summary: "X.", flags: {}, settings: { DATABASE_URL: databaseUrlSetting } } as const;
  const command = readCommand(needs, [], () => undefined);
  assert(command.kind === "print" && command.text.includes("DATABASE_URL is not set"));
});

Deno.test("readCommand() refuses values that a flag does not take, and a flag without the one that it needs", () => {
  const fault = (text: string) => /^\d+$/.test(text) ? undefined : "must be a number";
  const numbers = {
    call: "x",
    summary: "X.",
    flags: {
      some: { kind: "texts", help: "numbers", fault },
      one: { kind: "text", help: "a number", fault },
      unit: { kind: "text", help: "of what", needs: "one" },
      units: { kind: "texts", help: "of what", needs: "some" },
    },
    settings: {},
  } as const;
  const faults = (...args: string[]) => {
    const command = readCommand(numbers, args, () => undefined);
    return command.kind === "print" ? command.text.split("\n").slice(1, -1).map((line) => line.trim()) : [];
  };
  assertEquals(faults("--some", "1", "--some", "2", "--one", "3", "--unit", "m", "--units", "m"), []);
  assertEquals(faults(), []);
  assertEquals(faults("--some", "1", "--some", "a", "--some", "b", "--one", "c"), [
    "--some must be a number",
    "--one must be a number",
  ]);
  assertEquals(faults("--unit", "m", "--units", "m"), ["--unit needs --one", "--units needs --some"]);
});

Deno.test("readCommand() takes another flag in place of a required one, and refuses two that exclude each other", () => {
  const either = {
    call: "x",
    summary: "X.",
    flags: {
      file: { kind: "texts", help: "files", required: true, unless: "all" },
      name: { kind: "text", help: "a name", required: true, unless: "file" },
      all: { kind: "boolean", help: "all files" },
      some: { kind: "text", help: "some", excludes: "all" },
    },
    settings: {},
  } as const;
  const faults = (...args: string[]) => {
    const command = readCommand(either, args, () => undefined);
    return command.kind === "print" ? command.text.split("\n").slice(1, -1).map((line) => line.trim()) : [];
  };
  assertEquals(faults("--file", "a"), []);
  assertEquals(faults("--all", "--name", "n"), []);
  assertEquals(faults(), ["--file  is missing: files", "--name  is missing: a name"]);
  assertEquals(faults("--all"), ["--name  is missing: a name"]);
  assertEquals(faults("--all", "--name", "n", "--some", "1"), ["--some and --all exclude each other"]);
});
