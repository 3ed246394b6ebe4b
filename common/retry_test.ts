import { assert, assertEquals } from "@std/assert";
import { backoffMs, isTransient, sleep } from "./retry.ts";

Deno.test("backoffMs() doubles up to the limit, half of it at random", () => {
  const backoff = { baseMs: 100, maxMs: 1_000 };
  assertEquals([1, 2, 3, 4, 5, 1_000].map((n) => backoffMs(n, backoff, 1)), [100, 200, 400, 800, 1_000, 1_000]);
  assertEquals(backoffMs(3, backoff, 0), 200);
  const drawn = backoffMs(3, backoff);
  assert(drawn >= 200 && drawn <= 400);
});

Deno.test("sleep() ends at once when the signal has fired or fires", async () => {
  await sleep(1e6, AbortSignal.abort());
  const stop = new AbortController();
  const slept = sleep(1e6, stop.signal);
  stop.abort();
  await slept;
  await sleep(0);
});

Deno.test("isTransient() tells what passes by itself from what does not", () => {
  const coded = (code: string) => Object.assign(new Error("x"), { code });
  for (
    const code of ["08006", "40001", "40P01", "53300", "55P03", "57P01", "57014", "ECONNREFUSED", "CONNECTION_ENDED"]
  ) {
    assert(isTransient(coded(code)), code);
  }
  for (const code of ["23505", "42P01", "42601", "22P02", "28P01", "EACCES"]) assert(!isTransient(coded(code)), code);
  for (const reply of ["READONLY You can't write", "OOM command not allowed", "LOADING Redis is loading"]) {
    assert(isTransient(new Error(reply)), reply);
  }
  for (const reply of ["WRONGTYPE Operation against a key", "NOAUTH Authentication required", "LOADINGS"]) {
    assert(!isTransient(new Error(reply)), reply);
  }
  assert(isTransient(new AggregateError([new Error("x"), coded("ECONNRESET")])));
  assert(!isTransient("ECONNREFUSED"));
});
