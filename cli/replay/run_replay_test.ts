import { makeSegment, openStore } from "@events-pipeline/archiver";
import type { Entry } from "@events-pipeline/common";
import { acquireLease, type Lease, LeaseLostError, readLease } from "@events-pipeline/common/lease";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { assertEquals, assertRejects } from "@std/assert";
import { pathToFileURL } from "node:url";
import type { TransactionSql } from "postgres";
import { type ReplayOptions, type ReplayTarget, runReplay } from "./run_replay.ts";

const POSITIONS = Array.from({ length: 30 }, (_, i) => i + 1);

Deno.test("runReplay() moves its checkpoint with what it has given, in one transaction, and only as long as it has the lease", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  const folder = await Deno.makeTempDir();
  try {
    const store = await openStore(pathToFileURL(folder).href);
    const entries = POSITIONS.map((position): Entry => ({
      entryId: `${1767225600000 + position}-${position}`,
      eventId: crypto.randomUUID(),
      stream,
      eventType: position % 2 === 0 ? "Even" : "Odd",
      time: "2026-01-01T00:00:00.000Z",
      metadata: "{}",
      payload: `{"n":${position}}`,
    }));
    const { key, body, record } = await makeSegment(stream, entries);
    await store.put(key, body, record);
    await sql`CREATE TABLE taken (id bigint GENERATED ALWAYS AS IDENTITY, n integer NOT NULL)`;
    const taken = async () => (await sql`SELECT n FROM taken ORDER BY id`).map((row) => row["n"]);
    const begin = async (): Promise<Lease> =>
      (await acquireLease(sql, { stream, role: "replay:test" }, { ownerId: "test", leaseMs: 60_000 }))!;
    const take = async (tx: TransactionSql, batch: readonly Entry[]): Promise<void> => {
      for (const { payload } of batch) await tx`INSERT INTO taken (n) VALUES (${JSON.parse(payload).n})`;
    };
    const replay = (lease: Lease, target: Partial<ReplayTarget>, options: Partial<ReplayOptions> = {}) =>
      runReplay({
        ...{ sql, store, lease, leaseMs: 60_000, ratePerSecond: Infinity, eventTypes: new Set() },
        after: entries[0]!.entryId,
        until: entries[24]!.entryId,
        target: { take, ready: () => Promise.resolve(7), ...target },
        signal: AbortSignal.timeout(30_000),
        onProgress: () => {},
        ...options,
      });

    let batches = 0;
    const dying: ReplayTarget["take"] = async (tx, batch) => {
      await take(tx, batch);
      if (++batches === 3) throw new Error("killed");
    };
    await assertRejects(async () => await replay(await begin(), { take: dying }), Error, "killed");
    assertEquals(await taken(), POSITIONS.slice(1, 15));
    assertEquals((await readLease(sql, { stream, role: "replay:test" }))?.checkpoint, entries[14]!.entryId);

    // Another process has begun: what this one still gives is rolled back.
    const old = await begin();
    const lease = await begin();
    await assertRejects(() => replay(old, {}), LeaseLostError);
    assertEquals((await taken()).length, 14);
    assertEquals(await replay(lease, {}), 10);
    assertEquals(await taken(), POSITIONS.slice(1, 25));
    assertEquals(await replay(await begin(), {}), 0);

    // Those of other types are passed over, and the checkpoint moves past them.
    const until = entries[29]!.entryId;
    assertEquals(await replay(await begin(), {}, { until, eventTypes: new Set(["Even"]) }), 3);
    assertEquals((await taken()).slice(24), [26, 28, 30]);
    assertEquals((await readLease(sql, { stream, role: "replay:test" }))?.checkpoint, until);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
