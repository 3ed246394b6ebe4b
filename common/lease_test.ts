import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { acquireLease, LeaseLostError, readLease, releaseLease, renewLease } from "./lease.ts";

const options = { ownerId: "a", leaseMs: 60_000 };

Deno.test("acquireLease() gives a lease to one owner, and a higher token to each tenure", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  const key = { stream, role: "consumer:test" };
  const offers = await Promise.all(
    ["a", "b", "c", "d"].map((ownerId) => acquireLease(sql, key, { ...options, ownerId })),
  );
  const [first, ...others] = offers.filter((lease) => lease !== undefined);
  assert(first !== undefined);
  assertEquals(others, []);
  await releaseLease(sql, first);
  const second = await acquireLease(sql, key, options);
  assertEquals(second, { ...first, fencingToken: "2" });
});

Deno.test("acquireLease() gives an owner its lease again that it could not release, as a new tenure", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  const key = { stream, role: "consumer:test" };
  const first = await acquireLease(sql, key, options);
  assertEquals(await acquireLease(sql, key, options), { ...first!, fencingToken: "2" });
  assertEquals(await acquireLease(sql, key, { ...options, ownerId: "b" }), undefined);
  await assertRejects(() => renewLease(sql, first!, 60_000), LeaseLostError);
});

Deno.test("renewLease() tells an owner whose lease ran out and was taken", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  const key = { stream, role: "consumer:test" };
  const paused = await acquireLease(sql, key, { ownerId: "paused", leaseMs: 0 });
  const successor = await acquireLease(sql, key, options);
  assert(paused !== undefined && successor !== undefined);
  await assertRejects(() => renewLease(sql, paused, 60_000), LeaseLostError);
  await releaseLease(sql, paused);
  assertEquals(await acquireLease(sql, key, { ...options, ownerId: "third" }), undefined);
  assertEquals((await readLease(sql, key))?.checkpoint, "0-0");
});
