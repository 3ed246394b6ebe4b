import { assertEquals, assertThrows } from "@std/assert";
import * as stdCli from "@std/cli";
import { type Args, parseArgs, type ParseOptions } from "@std/cli";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

function assertType<_TTrue extends true>() {}

// The compiler refuses a name missing here or not in a .d.ts file; the test compares with the JavaScript.
const typedNames: Record<keyof typeof stdCli, true> = {
  parseArgs: true,
  promptSecret: true,
};

Deno.test("@std/cli types name exactly what the JavaScript exports", () => {
  assertEquals(Object.keys(typedNames).sort(), Object.keys(stdCli).sort());
});

Deno.test("parseArgs() without options guesses and leaves every flag any", () => {
  const args = parseArgs(["--foo", "--n=3", "file", "-v"]);
  assertEquals(args, { foo: true, n: 3, _: ["file"], v: true });
  // deno-lint-ignore no-explicit-any
  assertType<Same<typeof args.foo, any>>();
  assertType<Same<typeof args._, (string | number)[]>>();
  assertType<Same<typeof args, Args>>();
});

Deno.test("parseArgs() keeps string flags text and lets them be missing", () => {
  const args = parseArgs(["--port", "8080"], { string: ["port", "host"] });
  assertEquals(args.port, "8080");
  assertEquals(args.host, undefined);
  assertType<Same<typeof args.port, string | undefined>>();
  assertType<Same<typeof args.other, unknown>>();
});

Deno.test("parseArgs() sets boolean flags to false when missing", () => {
  const args = parseArgs(["--all", "x"], { boolean: ["all", "help"] });
  assertEquals(args, { all: true, help: false, _: ["x"] });
  assertType<Same<typeof args.help, boolean>>();

  const one = parseArgs([], { boolean: "help" });
  assertType<Same<typeof one.help, boolean>>();
  const every = parseArgs(["--a", "x"], { boolean: true });
  assertType<Same<typeof every.a, unknown>>();
  assertEquals(every._, ["x"]);
});

Deno.test("parseArgs() collects into arrays", () => {
  const args = parseArgs(["--s=1", "--s=2", "--u=3", "--b"], {
    string: ["s"],
    boolean: ["b"],
    collect: ["s", "u", "b"],
  });
  assertEquals(args.s, ["1", "2"]);
  assertEquals(args.u, [3]);
  assertEquals(args.b, [true]);
  assertType<Same<typeof args.s, string[]>>();
  assertType<Same<typeof args.u, unknown[]>>();
  assertType<Same<typeof args.b, boolean[]>>();
});

Deno.test("parseArgs() adds the type of the default", () => {
  const args = parseArgs([], {
    string: ["port", "host"],
    boolean: ["help"],
    default: { port: 8080, host: "::1", help: null, extra: 1 },
  });
  assertEquals(args.port, 8080);
  assertType<Same<typeof args.port, string | number>>();
  assertType<Same<typeof args.host, string>>();
  assertType<Same<typeof args.help, boolean | null>>();
  assertType<Same<typeof args.extra, unknown>>();
});

Deno.test("parseArgs() negates with --no- only what is negatable", () => {
  const args = parseArgs(["--no-color", "--no-config"], {
    string: ["config"],
    negatable: ["config"],
  });
  assertEquals(args.config, false);
  assertEquals(args.color, undefined);
  assertEquals(args["no-color"], true);
  assertType<Same<typeof args.config, string | false | undefined>>();
});

Deno.test("parseArgs() gives aliases the type of their flag", () => {
  const args = parseArgs(["-h", "-o", "a"], {
    boolean: ["help"],
    string: ["output"],
    alias: { help: "h", output: ["o", "out"] },
  });
  assertEquals([args.help, args.h], [true, true]);
  assertEquals([args.output, args.out], ["a", "a"]);
  assertType<Same<typeof args.h, boolean>>();
  assertType<Same<typeof args.out, string | undefined>>();
});

Deno.test("parseArgs() nests dotted names", () => {
  const args = parseArgs(["--db.host", "a", "--db.tls"], {
    string: ["db.host"],
    boolean: ["db.tls", "deep.er.flag"],
    default: { "db.host": "b" },
  });
  assertEquals(args.db, { host: "a", tls: true });
  assertType<Same<typeof args.db.host, string>>();
  assertType<Same<typeof args.db.tls, boolean>>();
  assertType<Same<typeof args.deep.er.flag, boolean>>();

  const optional = parseArgs([], { string: ["db.host"] });
  assertType<Same<typeof optional.db, { host?: string } | undefined>>();
});

Deno.test("parseArgs() separates what follows the double dash", () => {
  const args = parseArgs(["a", "--", "-b"], { "--": true });
  assertEquals(args, { _: ["a"], "--": ["-b"] });
  assertType<Same<(typeof args)["--"], string[]>>();
  assertEquals(parseArgs(["a", "--", "-b"])._, ["a", "-b"]);
});

Deno.test("parseArgs() reports what no option names and stops early if told", () => {
  const unknown: unknown[] = [];
  const args = parseArgs(["--prot=1", "run", "--port=2"], {
    string: ["port"],
    stopEarly: true,
    unknown: (arg, key, value) => {
      unknown.push([arg, key, value]);
      return key === undefined;
    },
  });
  assertEquals(args, { _: ["run", "--port=2"] });
  assertEquals(unknown, [["--prot=1", "prot", "1"], [
    "run",
    undefined,
    undefined,
  ]]);
});

Deno.test("parseArgs() accepts options typed as ParseOptions", () => {
  const options: ParseOptions = { boolean: ["v"] };
  assertEquals(parseArgs(["-v"], options), { v: true, _: [] });
  assertThrows(
    // @ts-expect-error arguments are text
    () => parseArgs([1]),
    TypeError,
  );
  // @ts-expect-error there is no such option
  parseArgs([], { strings: ["a"] });
});
