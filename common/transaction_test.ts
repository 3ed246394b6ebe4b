import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { sleep } from "@events-pipeline/common/retry";
import { ConnectionLostError, transaction, TransactionOverError } from "@events-pipeline/common/transaction";
import { createDatabase } from "@events-pipeline/local/database";
import { until } from "@events-pipeline/local/until";
import { assertEquals, AssertionError, assertRejects, assertThrows } from "@std/assert";
import type { Sql, TransactionSql } from "postgres";

async function withTable(test: (sql: Sql, other: Sql) => Promise<void>): Promise<void> {
  const database = await createDatabase(Deno.env.get("DATABASE_URL")!);
  const sql = connectPostgres(database.url, { applicationName: "victim", connections: 2 });
  const other = connectPostgres(database.url, { applicationName: "other", connections: 1 });
  try {
    await other`CREATE TABLE public.effect (n integer)`;
    await test(sql, other);
  } finally {
    await new Promise((resolve) => setTimeout(resolve, 200)); // What was given up is still coming to its end.
    await Promise.all([closePostgres(sql), closePostgres(other)]);
    await database.drop();
  }
}

const pidOf = async (tx: TransactionSql): Promise<number> => (await tx`SELECT pg_backend_pid() AS pid`)[0]!["pid"];

async function endSession(other: Sql, pid: number): Promise<void> {
  await other`SELECT pg_terminate_backend(${pid})`;
  await until(
    "the session has ended",
    async () => (await other`SELECT FROM pg_stat_activity WHERE pid = ${pid}`).length === 0,
  );
  await new Promise((resolve) => setTimeout(resolve, 50)); // This process has heard of it.
}

Deno.test("transaction() commits what returns and rolls back what throws", async () => {
  await withTable(async (sql) => {
    assertEquals(
      await transaction(sql, { isolation: "REPEATABLE READ" }, async (tx) => {
        await tx`INSERT INTO public.effect VALUES (1)`;
        await tx.savepoint(async (inner) => {
          await inner`INSERT INTO public.effect VALUES (2)`;
          throw new Error("only this");
        }).catch(() => {});
        const [row] = await tx`SHOW transaction_isolation`;
        return row!["transaction_isolation"];
      }),
      "repeatable read",
    );
    await assertRejects(
      () =>
        transaction(sql, {}, async (tx) => {
          await tx`INSERT INTO public.effect VALUES (3)`;
          throw new Error("as told");
        }),
      Error,
      "as told",
    );
    assertEquals([...await sql`SELECT n FROM public.effect`], [{ n: 1 }]);
  });
});

Deno.test("transaction() fails, and lets the process live, when a query follows the loss of its connection", async () => {
  await withTable(async (sql, other) => {
    for (
      const how of [
        "a query",
        "a query in a savepoint",
        "two queries, the first one's error caught",
        "COMMIT",
        "a throw",
      ]
    ) {
      await assertRejects(() =>
        transaction(sql, {}, async (tx) => {
          await tx`INSERT INTO public.effect VALUES (1)`;
          await endSession(other, await pidOf(tx));
          if (how === "a query") await tx`SELECT 1`;
          if (how === "a query in a savepoint") await tx.savepoint((inner) => inner`SELECT 1`);
          if (how.startsWith("two")) {
            await Promise.resolve().then(() => tx`SELECT 1`).catch(() => {});
            await tx.unsafe("SELECT 1");
          }
          if (how === "a throw") throw new Error("by itself");
        }), Error);
      assertEquals([...await sql`SELECT n FROM public.effect`], [], how);
    }
  });
});

Deno.test("transaction() that runs a query when its connection is lost fails", async () => {
  await withTable(async (sql, other) => {
    let ending: Promise<void> | undefined;
    await assertRejects(() =>
      transaction(sql, {}, async (tx) => {
        ending = pidOf(tx).then((pid) => endSession(other, pid));
        await tx`SELECT pg_sleep(10)`;
      }), Error);
    await ending;
    assertEquals([...await sql`SELECT 1 AS n`], [{ n: 1 }]);
  });
});

Deno.test("transaction() rolls back when another connection of the pool was lost meanwhile", async () => {
  await withTable(async (sql, other) => {
    await assertRejects(() =>
      transaction(sql, {}, async (tx) => {
        await tx`INSERT INTO public.effect VALUES (1)`;
        const neighbour = transaction(sql, {}, async (tx) => await endSession(other, await pidOf(tx)));
        await assertRejects(() => neighbour, Error);
        await tx`SELECT 1`;
      }), ConnectionLostError);
    assertEquals([...await sql`SELECT n FROM public.effect`], []);
    await transaction(sql, {}, (tx) => tx`INSERT INTO public.effect VALUES (2)`);
    assertEquals([...await sql`SELECT n FROM public.effect`], [{ n: 2 }]);
  });
});

Deno.test("transaction() refuses what is sent when it has ended, though its connection is there", () =>
  withTable(async (sql) => {
    let leaked: TransactionSql | undefined;
    const failing = transaction(sql, {}, (tx) => {
      leaked = tx;
      return Promise.reject(new Error("its time is up"));
    });
    await assertRejects(() => failing, Error, "its time is up");
    assertThrows(() => leaked!`INSERT INTO public.effect VALUES (1)`, TransactionOverError);
    assertThrows(() => leaked!.unsafe("INSERT INTO public.effect VALUES (1)"), TransactionOverError);
    assertEquals((await sql`SELECT FROM public.effect`).length, 0);
  }));

Deno.test("transaction() of a pool whose sessions are ended all the while fails at times, lies never, and lets the process live", async () => {
  const url = Deno.env.get("DATABASE_URL")!;
  const admin = connectPostgres(url, { applicationName: "admin", connections: 1 });
  const applicationName = `victim ${crypto.randomUUID().slice(0, 8)}`;
  const sql = connectPostgres(url, { applicationName, connections: 4 });
  const stop = new AbortController();
  let done = 0;
  const work = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await transaction(sql, {}, async (tx) => {
          const begun = Promise.allSettled([tx`SELECT set_config('statement_timeout', '5000', true)`]);
          for (let i = 0; i < 3; i++) assertEquals([...await tx`SELECT ${i}::int AS i`], [{ i }]);
          await begun;
          tx`SELECT 1`.catch(() => {}); // As the last statement of a worker, which COMMIT follows on its heels.
        });
        done++;
      } catch (error) {
        if (error instanceof AssertionError) throw error;
        await sleep(5);
      }
    }
  };
  try {
    const workers = [work(), work(), work()];
    for (let ends = 0; ends < 60; ends++) {
      await sleep(30 + 50 * Math.random());
      await admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ${applicationName}`;
    }
    const before = done;
    await until("it goes on", () => done > before + 10);
    stop.abort();
    await Promise.all(workers);
  } finally {
    await Promise.all([closePostgres(sql), closePostgres(admin)]);
  }
});
