import { assertEquals } from "@std/assert";
import { describeError, logFormatter } from "./logger.ts";

const line = (fields?: Record<string, unknown>) => ({
  msg: "Published",
  args: fields === undefined ? [] : [fields],
  datetime: new Date(0),
  levelName: "INFO",
});

Deno.test("logFormatter('text') quotes values that need it, and stays on one line", () => {
  const text = logFormatter("text")(line({ events: 3, note: "a b", text: "x\ny", list: [1], id: 5n, none: undefined }));
  assertEquals(
    text,
    '1970-01-01T00:00:00.000Z INFO Published events=3 note="a b" text="x\\ny" list=[1] id=5 none=undefined',
  );
  const names = logFormatter("text")(line({ names: ["a:b", "c"], none: [], spaced: ["a b", "c"] }));
  assertEquals(names, '1970-01-01T00:00:00.000Z INFO Published names=a:b,c none=[] spaced="a b,c"');
  assertEquals(logFormatter("text")(line()), "1970-01-01T00:00:00.000Z INFO Published");
});

Deno.test("logFormatter('json') writes one object a line", () => {
  assertEquals(JSON.parse(logFormatter("json")(line({ id: 5n, error: new Error("no") }))), {
    time: "1970-01-01T00:00:00.000Z",
    level: "INFO",
    message: "Published",
    id: "5",
    error: "no",
  });
});

Deno.test("describeError() tells message, code, parts and causes", () => {
  const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
  assertEquals(describeError(new Error("Cannot publish", { cause })), "Cannot publish: refused (ECONNREFUSED)");
  assertEquals(describeError(new AggregateError([new Error("a"), new Error("b")])), "a; b");
  assertEquals(describeError(new RangeError()), "RangeError");
  assertEquals(describeError(new Error("\u001b[31mred\u001b[0m")), "red");
  assertEquals(describeError("text"), "text");
});
