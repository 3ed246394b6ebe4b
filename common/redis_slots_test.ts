import { assert, assertEquals } from "@std/assert";
import { keyOfCommand, readRedirection, SlotMap, slotOfKey } from "./redis_slots.ts";

const FROM = { host: "asked", port: 7000 };

Deno.test("slotOfKey() counts only what is in braces", () => {
  assertEquals(slotOfKey("123456789"), 12_739); // The specification's own example
  assertEquals(slotOfKey("stream:{widgets}:events"), slotOfKey("widgets"));
});

Deno.test("keyOfCommand() finds the key of the commands that the pipeline uses, and none in others", () => {
  const commands: readonly (readonly [string, ...(string | number)[]])[] = [
    ["XREAD", "COUNT", 1, "BLOCK", 5, "STREAMS", "key", "0-0"],
    ["XRANGE", "key", "-", "+", "COUNT", 1],
    ["XREVRANGE", "key", "+", "-"],
    ["XTRIM", "key", "MINID", "~", "1-1", "LIMIT", 10],
    ["XLEN", "key"],
    ["DEL", "key"],
  ];
  for (const [command, ...args] of commands) assertEquals(keyOfCommand(command, args), "key", command);
  for (const command of ["INFO", "WAIT", "PING", "CLIENT"]) assertEquals(keyOfCommand(command, ["1", "2"]), undefined);
});

Deno.test("SlotMap knows primaries and nodes, and puts the host of the node that was asked where one is missing", () => {
  const map = new SlotMap([
    [0, 99, ["one", 7001, "id", []], ["two", 7002, "id"]],
    [100, 199, ["", 7003, "id"]],
    [300, 300, [null, 7004, "id"]],
    [301, 301, ["?", 7004, "id"]],
  ], FROM);
  assertEquals(map.primaryOf(99), { host: "one", port: 7001 });
  assertEquals(map.primaryOf(100), { host: "asked", port: 7003 });
  assertEquals(map.primaryOf(200), undefined);
  assertEquals(map.primaries().map((node) => `${node.host}:${node.port}`), ["one:7001", "asked:7003", "asked:7004"]);
  assertEquals(map.nodes.length, 4);
});

Deno.test("SlotMap.equals() sees a slot that has moved, was lost, or was found", () => {
  const map = (...ranges: unknown[]): SlotMap => new SlotMap(ranges, FROM);
  const before = map([0, 9, ["one", 7001]]);
  assert(before.equals(map([0, 4, ["one", 7001]], [5, 9, ["one", 7001]])));
  for (const other of [map([0, 9, ["two", 7001]]), map([0, 8, ["one", 7001]]), map([0, 10, ["one", 7001]])]) {
    assert(!before.equals(other));
  }
  before.move(3, { host: "two", port: 7002 });
  assertEquals(before.primaryOf(3), { host: "two", port: 7002 });
  assert(!before.equals(map([0, 9, ["one", 7001]])));
});

Deno.test("readRedirection() reads MOVED and ASK, and no other error", () => {
  const read = (message: string) => readRedirection(new Error(message), FROM);
  assertEquals(read("MOVED 3999 127.0.0.1:6381"), { kind: "MOVED", slot: 3999, to: { host: "127.0.0.1", port: 6381 } });
  assertEquals(read("ASK 1 ::1:6381"), { kind: "ASK", slot: 1, to: { host: "::1", port: 6381 } });
  assertEquals(read("MOVED 1 :6381")?.to, { host: "asked", port: 6381 });
  assertEquals(read("MOVED 1 ?:6381")?.to, { host: "asked", port: 6381 });
  assertEquals(read("CLUSTERDOWN Hash slot not served"), undefined);
  assertEquals(readRedirection("MOVED 1 a:1", FROM), undefined);
});
