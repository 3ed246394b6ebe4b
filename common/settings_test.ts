import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseStreamName } from "./stream_name.ts";
import {
  consumerDatabaseUrlSetting,
  countSetting,
  databaseUrlSetting,
  logFormatSetting,
  logLevelSetting,
  readSettings,
  redactUrl,
  redisUrlSetting,
  secondsSetting,
  SettingsError,
  streamNameSetting,
} from "./settings.ts";

const shape = {
  DATABASE_URL: databaseUrlSetting,
  CONSUMER_DATABASE_URL: consumerDatabaseUrlSetting,
  REDIS_URL: redisUrlSetting,
  ROWS: countSetting("Rows", 10),
  WAIT: secondsSetting("Wait", 1.5),
  LOG_LEVEL: logLevelSetting,
  LOG_FORMAT: logFormatSetting,
};

const read = (environment: Record<string, string>) => readSettings(shape, (name) => environment[name]);

Deno.test("readSettings() gives defaults for what is not set or empty", () => {
  assertEquals(read({ DATABASE_URL: "postgres://h/d", REDIS_URL: "rediss://h", ROWS: "" }), {
    DATABASE_URL: "postgres://h/d",
    CONSUMER_DATABASE_URL: undefined,
    REDIS_URL: "rediss://h",
    ROWS: 10,
    WAIT: 1_500,
    LOG_LEVEL: "INFO",
    LOG_FORMAT: "text",
  });
});

Deno.test("readSettings() reports every fault at once, and repeats no value", () => {
  const faulty = {
    CONSUMER_DATABASE_URL: "mysql://u:secret@h",
    REDIS_URL: "secret",
    ROWS: "1.5",
    WAIT: "-1",
    LOG_LEVEL: "loud",
    LOG_FORMAT: "xml",
  };
  const error = assertThrows(() => read(faulty), SettingsError);
  assertEquals(error.faults.map((fault) => fault.split(" ")[0]), Object.keys(shape));
  assert(error.faults[0]!.startsWith("DATABASE_URL is not set"));
  assert(!error.message.includes("secret"));
});

Deno.test("countSetting() and secondsSetting() refuse what is not a number above 0", () => {
  for (const text of ["0", "-1", "x", "Infinity", "NaN"]) {
    assertThrows(
      () => readSettings({ A: countSetting("A", 1) }, () => text),
      SettingsError,
      "A must be a whole number",
    );
    assertThrows(() => readSettings({ A: secondsSetting("A", 1) }, () => text), SettingsError, "A must be a number of");
  }
});

Deno.test("logLevelSetting takes any case", () => {
  assertEquals(readSettings({ LOG_LEVEL: logLevelSetting }, () => "Debug"), { LOG_LEVEL: "DEBUG" });
});

Deno.test("redactUrl() hides the password, the query, and what is no URL", () => {
  assertEquals(redactUrl("redis://u:p@h:1/0"), "redis://u:***@h:1/0");
  assertEquals(redactUrl("postgres://h/d?password=p"), "postgres://h/d?***");
  assertEquals(redactUrl("u:p@h"), "***");
});

Deno.test("streamNameSetting() defines the stream, and refuses what is no stream's name", () => {
  const named = { STREAM: streamNameSetting("Which", "stream:setting:events") };
  assertEquals(readSettings(named, () => undefined), { STREAM: parseStreamName("stream:setting:events") });
  const error = assertThrows(() => readSettings(named, () => "WIDGETS"), SettingsError);
  assertEquals(error.faults, ["STREAM must be stream:<domain>:events in lower case"]);
});
