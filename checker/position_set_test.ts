import { assertEquals } from "@std/assert";
import { PositionSet } from "./position_set.ts";

Deno.test("PositionSet knows what is in it and what is missing, in whatever order it was put in", () => {
  for (let round = 0; round < 200; round++) {
    const set = new PositionSet();
    const naive = new Set<number>();
    for (let i = 0; i < 30; i++) {
      const first = 1 + Math.floor(Math.random() * 60);
      const last = first + Math.floor(Math.random() * Math.random() * 8);
      set.add(first, last);
      for (let position = first; position <= last; position++) naive.add(position);
      const missing = [...set.missing(5, 50)].flatMap(({ first, last }) =>
        Array.from({ length: last - first + 1 }, (_, i) => first + i)
      );
      const all = Array.from({ length: 70 }, (_, i) => i + 1);
      assertEquals(all.filter((position) => set.has(position)), all.filter((position) => naive.has(position)));
      assertEquals(missing, all.filter((position) => position >= 5 && position <= 50 && !naive.has(position)));
    }
  }
});

Deno.test("PositionSet is one range as long as there is no hole", () => {
  const set = new PositionSet();
  for (let position = 1; position <= 1_000; position++) set.add(position);
  assertEquals([...set.missing(1, 1_003)], [{ first: 1_001, last: 1_003 }]);
  set.add(1_003);
  assertEquals([...set.missing(1, 1_003)], [{ first: 1_001, last: 1_002 }]);
});
