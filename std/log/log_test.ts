import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as log from "@std/log";
import { BaseHandler, ConsoleHandler, getLogger, type LevelName, Logger, LogLevels, LogRecord, setup } from "@std/log";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

function assertType<_TTrue extends true>() {}

class MemoryHandler extends BaseHandler {
  readonly lines: string[] = [];
  readonly records: LogRecord[] = [];
  readonly calls: string[] = [];
  override handle(record: LogRecord) {
    this.records.push(record);
    super.handle(record);
  }
  override log(msg: string) {
    this.lines.push(msg);
  }
  override setup() {
    this.calls.push("setup");
  }
  override destroy() {
    this.calls.push("destroy");
  }
}

function memoryLogger(level: LevelName) {
  const handler = new MemoryHandler("NOTSET");
  return { handler, logger: new Logger("app", level, { handlers: [handler] }) };
}

function printed(body: () => void): string[] {
  const lines: string[] = [];
  const original = console.log;
  console.log = (line: string) => lines.push(line);
  try {
    body();
  } finally {
    console.log = original;
  }
  return lines;
}

Deno.test("Logger passes a record to its handlers from its level up", () => {
  const { handler, logger } = memoryLogger("WARN");
  logger.info("dropped");
  logger.warn("kept", { port: 1 }, 2);
  assertEquals(handler.lines, ["WARN kept"]);
  const [record] = handler.records;
  assert(record !== undefined);
  assertEquals(record.args, [{ port: 1 }, 2]);
  assertEquals([record.level, record.levelName], [30, "WARN"]);
  assertEquals(record.loggerName, "app");
  assert(Math.abs(Date.now() - record.datetime.getTime()) < 60_000);
});

Deno.test("Logger has a method for each level", () => {
  const { handler, logger } = memoryLogger("NOTSET");
  logger.debug("a");
  logger.info("a");
  logger.warn("a");
  logger.error("a");
  logger.critical("a");
  assertEquals(
    handler.records.map((record) => record.level),
    [10, 20, 30, 40, 50],
  );
});

Deno.test("Logger returns the message and makes lazy ones only if logged", () => {
  const { handler, logger } = memoryLogger("INFO");
  const plain = logger.debug(7);
  assertType<Same<typeof plain, 7>>();
  assertEquals(plain, 7);
  const lazy = logger.info(() => ({ a: "b", c: [1] }));
  assertType<Same<typeof lazy, { a: string; c: number[] } | undefined>>();
  assertEquals(lazy, { a: "b", c: [1] });
  assertEquals(handler.lines, ['INFO {"a":"b","c":{"0":1}}']);
  assertEquals(logger.debug((): string => assertNever()), undefined);
});

function assertNever(): never {
  throw new Error("Called a lazy message below the level");
}

Deno.test("Logger makes text of any message", () => {
  const { handler, logger } = memoryLogger("INFO");
  logger.info(null);
  logger.info(undefined);
  logger.info(10n);
  logger.info(new TypeError("broken"));
  assertEquals(handler.lines.slice(0, 3), [
    "INFO null",
    "INFO undefined",
    "INFO 10",
  ]);
  assertStringIncludes(handler.lines[3] ?? "", "TypeError: broken\n    at ");
});

Deno.test("Logger level can be set by number and by name", () => {
  const { logger } = memoryLogger("INFO");
  logger.level = LogLevels.ERROR;
  assertEquals(logger.levelName, "ERROR");
  logger.levelName = "DEBUG";
  assertEquals(logger.level, 10);
  assertThrows(() => logger.level = 11 as 10, TypeError, "11");
  assertEquals(logger.level, 10);
});

Deno.test("LogRecord cannot be changed by a handler", () => {
  const record = new LogRecord({
    msg: "a",
    args: [1],
    level: LogLevels.INFO,
    loggerName: "app",
  });
  record.args.push(2);
  record.datetime.setTime(0);
  assertEquals(record.args, [1]);
  assertNotStrictEquals(record.datetime.getTime(), 0);
});

Deno.test("BaseHandler drops records below its level and uses its formatter", () => {
  const handler = new MemoryHandler("ERROR", {
    formatter: ({ loggerName, msg, args }) => `${loggerName}: ${msg} ${args}`,
  });
  const logger = new Logger("app", "DEBUG", { handlers: [handler] });
  logger.warn("a");
  logger.error("b", 1, 2);
  assertEquals(handler.lines, ["app: b 1,2"]);
  handler.levelName = "WARN";
  assertEquals(handler.level, LogLevels.WARN);
});

Deno.test("ConsoleHandler prints in colour only if told", () => {
  const plain = new ConsoleHandler("INFO", { useColors: false });
  const colored = new ConsoleHandler("INFO");
  const logger = new Logger("app", "DEBUG", { handlers: [plain, colored] });
  const lines = printed(() => {
    logger.debug("a");
    logger.error("b");
  });
  const shown = Deno.noColor ? "ERROR b" : "\x1b[31mERROR b\x1b[39m";
  assertEquals(lines, ["ERROR b", shown]);
});

Deno.test("getLogger() returns the same silent logger for a name not set up", () => {
  setup({});
  const logger = getLogger("mystery");
  assertStrictEquals(getLogger("mystery"), logger);
  assertEquals([logger.levelName, logger.handlers], ["NOTSET", []]);
  assertEquals(printed(() => logger.critical("a")), []);
});

Deno.test("setup() replaces handlers and loggers", () => {
  const first = new MemoryHandler("DEBUG");
  const second = new MemoryHandler("DEBUG");
  setup({
    handlers: { memory: first },
    loggers: { tasks: { handlers: ["memory", "absent"] } },
  });
  const old = getLogger("tasks");
  assertEquals([old.levelName, old.handlers], ["INFO", [first]]);

  setup({
    handlers: { memory: second },
    loggers: { tasks: { level: "DEBUG", handlers: ["memory"] } },
  });
  getLogger("tasks").debug("new");
  assertEquals(first.calls, ["setup", "destroy"]);
  assertEquals(second.lines, ["DEBUG new"]);
  assertNotStrictEquals(getLogger("tasks"), old);
  assertStrictEquals(getLogger(), getLogger("default"));
  setup({});
  assertEquals(second.calls, ["setup", "destroy"]);
});

Deno.test("module functions log to the default logger", () => {
  const memory = new MemoryHandler("DEBUG");
  setup({
    handlers: { memory },
    loggers: { default: { level: "DEBUG", handlers: ["memory"] } },
  });
  assertEquals(log.debug("a"), "a");
  assertEquals(log.info(() => 1), 1);
  log.warn("b");
  log.error("c");
  log.critical("d");
  assertEquals(memory.lines, [
    "DEBUG a",
    "INFO 1",
    "WARN b",
    "ERROR c",
    "CRITICAL d",
  ]);
  setup({});
});

Deno.test("getLevelByName() refuses a name that is no level", () => {
  const name = "TRACE" as LevelName;
  assertThrows(() => log.getLevelByName(name), Error, "expected NOTSET, DEBUG");
  assertThrows(() => new Logger("app", name), Error, "'TRACE'");
  assertEquals(log.LogLevelNames.map(log.getLevelByName).at(-1), 50);
});
