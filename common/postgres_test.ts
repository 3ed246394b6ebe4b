import { closePostgres, connectPostgres, NoAnswerError, type PostgresOptions } from "@events-pipeline/common/postgres";
import { transaction } from "@events-pipeline/common/transaction";
import { startPostgres } from "@events-pipeline/local";
import { startPgBouncer } from "@events-pipeline/local/pgbouncer";
import { startTcpProxy, type TcpProxy } from "@events-pipeline/local/tcp_proxy";
import { until } from "@events-pipeline/local/until";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Sql } from "postgres";

const databaseUrl = Deno.env.get("DATABASE_URL")!;

async function withProxy(
  options: Partial<PostgresOptions>,
  test: (sql: Sql, proxy: TcpProxy) => Promise<void>,
): Promise<void> {
  await using proxy = await startTcpProxy(databaseUrl);
  const sql = connectPostgres(proxy.url, { applicationName: "test", connections: 1, ...options });
  try {
    assertEquals([...await sql`SELECT 1 AS n`], [{ n: 1 }]);
    await test(sql, proxy);
  } finally {
    await closePostgres(sql);
  }
}

/** Settles as the work does; rejects when that takes 20 s. */
async function inTime<T>(work: PromiseLike<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("Not within 20 s")), 20_000);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Every answer belongs to its own question. */
async function works(sql: Sql): Promise<void> {
  for (let i = 0; i < 5; i++) assertEquals([...await inTime(sql`SELECT ${i}::int AS i`)], [{ i }]);
  assertEquals(await inTime(transaction(sql, {}, async (tx) => (await tx`SELECT 7 AS n`)[0]!["n"])), 7);
}

Deno.test("connectPostgres() outlives a reset amid a transaction, and the next queries get their own answers", async () => {
  await withProxy({}, async (sql, proxy) => {
    const failing = transaction(sql, {}, async (tx) => {
      await tx`SELECT 1`;
      setTimeout(() => proxy.cut(), 50);
      await tx`SELECT pg_sleep(5)`;
    });
    await assertRejects(() => failing, Error, `Cannot reach PostgreSQL at ${new URL(proxy.url).host}: read ECONNRESET`);
    await works(sql);
  });
});

Deno.test("connectPostgres() outlives a reset of queries without a transaction, one of them sent at once when it fails", async () => {
  await withProxy({}, async (sql, proxy) => {
    for (let i = 0; i < 20; i++) {
      const again = sql`SELECT pg_sleep(5)`.catch(() => sql`SELECT 1`).catch(() => {});
      setTimeout(() => proxy.cut(), 10);
      await again;
      await works(sql);
    }
  });
});

Deno.test("connectPostgres() tells that a server hangs up at once, instead of trying for ever", async () => {
  await withProxy({}, async (sql, proxy) => {
    proxy.refuse("hang up");
    proxy.cut();
    await sql`SELECT 1`.catch(() => {});
    await assertRejects(() => inTime(sql`SELECT 1`), Error, "hung up before the session began");
    await proxy.accept();
    await works(sql);
  });
});

Deno.test("connectPostgres() gives up a connection that owes an answer and is silent", async (t) => {
  const silent = "it owes an answer and has been silent for 300 ms";
  const cases: Record<string, (sql: Sql, proxy: TcpProxy) => PromiseLike<unknown>> = {
    "to a query": (sql, proxy) => {
      proxy.stall();
      return sql`SELECT 1`;
    },
    "amid its answer": (sql, proxy) => {
      proxy.stallAfterBytes(50_000, "toClient");
      return sql`SELECT repeat('x', 100000)`;
    },
    "to a new connection": (sql, proxy) => {
      proxy.cut();
      proxy.stall();
      return sql`SELECT 1`.catch(() => sql`SELECT 2`);
    },
    "in a transaction": (sql, proxy) =>
      transaction(sql, {}, async (tx) => {
        await tx`SELECT 1`;
        proxy.stall();
        await tx`SELECT 2`;
      }),
    "to COMMIT": (sql, proxy) =>
      transaction(sql, {}, async (tx) => {
        await tx`SELECT 1`;
        proxy.stall();
      }),
    "as it works for longer": (sql) => sql`SELECT pg_sleep(2)`,
  };
  for (const [name, ask] of Object.entries(cases)) {
    await t.step(name, () =>
      withProxy({ answerLimitMs: 300 }, async (sql, proxy) => {
        await assertRejects(() => inTime(ask(sql, proxy)), NoAnswerError, silent);
        proxy.resume();
        await works(sql);
      }));
  }
});

Deno.test("connectPostgres() leaves a connection alone that owes nothing", async () => {
  await withProxy({ answerLimitMs: 1_000 }, async (sql) => {
    const pid = async (sql: Sql) => (await sql`SELECT pg_backend_pid() AS pid`)[0]!["pid"];
    const before = await pid(sql);
    await transaction(sql, {}, async (tx) => {
      await tx`SELECT 1`;
      await new Promise((resolve) => setTimeout(resolve, 1_300));
      await tx`SELECT 2`;
    });
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    assertEquals(await pid(sql), before);
  });
});

Deno.test("closePostgres() does not wait for a server that does not answer, and leaves nothing open", async () => {
  await using proxy = await startTcpProxy(databaseUrl);
  const sql = connectPostgres(proxy.url, { applicationName: "test", connections: 2 });
  await sql`SELECT 1`;
  proxy.stall();
  const begun = performance.now();
  await closePostgres(sql);
  assert(performance.now() - begun < 12_000); // It waits for 2 s, and not for ever.
  proxy.resume();
  await until("the proxy has let go", () => proxy.connections === 0);
});

Deno.test("connectPostgres() speaks TLS, and treats faults the same", async () => {
  const folder = await Deno.makeTempDir({ dir: "/tmp" });
  const [key, certificate] = [`${folder}/key.pem`, `${folder}/certificate.pem`];
  const openssl = await new Deno.Command("openssl", {
    args: ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout", key, "-out", certificate],
    stderr: "null",
  }).output();
  assertEquals(openssl.code, 0);
  // The server's account has to read them, and takes a key only that others cannot.
  const files = { ssl_cert_file: "certificate.pem", ssl_key_file: "key.pem" };
  await using server = await startPostgres();
  const plain = connectPostgres(`${server.url}?sslmode=require`, { applicationName: "test", connections: 1 });
  await assertRejects(() => plain`SELECT 1`, Error, "it offers no TLS, and sslmode asks for it");
  await closePostgres(plain);
  for (const path of [key, certificate]) {
    const target = `${server.folder}/data/${path.slice(folder.length + 1)}`;
    await Deno.copyFile(path, target);
    const { uid, gid } = await Deno.stat(`${server.folder}/data`);
    await Deno.chown(target, uid, gid);
    await Deno.chmod(target, 0o600);
  }
  await Deno.remove(folder, { recursive: true });
  const settings = Object.entries({ ssl: "on", ...files }).map(([name, value]) => `${name} = '${value}'\n`).join("");
  await Deno.writeTextFile(`${server.folder}/data/postgresql.conf`, settings, { append: true });
  await server.restart();
  await using proxy = await startTcpProxy(server.url);
  const connect = (query: string) =>
    connectPostgres(`${proxy.url}${query}`, { applicationName: "test", connections: 1, answerLimitMs: 2_000 });
  const secure = connect("?sslmode=require");
  try {
    const encrypted = async () =>
      (await secure`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`)[0]!["ssl"] as boolean;
    assertEquals(await encrypted(), true);
    proxy.cut();
    await secure`SELECT 1`.catch(() => {});
    assertEquals(await encrypted(), true);
    proxy.stallAfterBytes(50_000, "toClient");
    await assertRejects(() => inTime(secure`SELECT repeat('x', 100000)`), NoAnswerError);
    proxy.resume();
    assertEquals(await encrypted(), true);
  } finally {
    await closePostgres(secure);
  }
  const verifying = connect("?sslmode=verify-full");
  await assertRejects(() => verifying`SELECT 1`, Error, "self-signed certificate");
  await closePostgres(verifying);
});

Deno.test("connectPostgres() prepares statements, and none behind a pooler, where they would be lost", async () => {
  await using pooler = await startPgBouncer(databaseUrl, {
    poolMode: "transaction",
    settings: { default_pool_size: 2 },
  });
  const prepared = async (url: string): Promise<string[]> => {
    const sql = connectPostgres(url, { applicationName: "test", connections: 1 });
    const other = connectPostgres(url, { applicationName: "test", connections: 1 });
    try {
      const ask = async () => (await sql.begin((tx) => tx`SELECT ${1}::int AS asked`))[0]!["asked"];
      assertEquals(await ask(), 1);
      // The other one takes the session that the first has used.
      await other.begin(async (tx) => {
        await tx`SELECT 1`;
        assertEquals(await ask(), 1);
      });
      const rows = await sql<{ statement: string }[]>`SELECT statement FROM pg_prepared_statements`;
      return rows.map((row) => row.statement).filter((statement) => statement.includes("AS asked"));
    } finally {
      await Promise.all([closePostgres(sql), closePostgres(other)]);
    }
  };
  assertEquals((await prepared(databaseUrl)).length, 1);
  assertEquals((await prepared(pooler.url)).length, 0);
  const error = await assertRejects(() => prepared(`${pooler.url}?prepare=true`), Error);
  assert("code" in error && error.code === "26000", String(error));
  assertEquals((await prepared(`${databaseUrl}?prepare=false`)).length, 0);
});

Deno.test("connectPostgres() sends arrays as arrays in the very first statement of a connection", async () => {
  // As long a statement as the client writes at once, while it has not taken in which types are arrays: some fail without our socket.
  const statement = `SELECT $1::text[] AS words ${" ".repeat(1_200)}`;
  for (let i = 0; i < 25; i++) {
    await Promise.all(Array.from({ length: 8 }, async () => {
      const sql = connectPostgres(Deno.env.get("DATABASE_URL")!, { applicationName: "test", connections: 1 });
      try {
        assertEquals([...await sql.unsafe(statement, [["a", "b"]])], [{ words: ["a", "b"] }]);
      } finally {
        await closePostgres(sql);
      }
    }));
  }
});

Deno.test("connectPostgres() tells of a connection that is lost anywhere in its first moments to those who ask, and to nobody else", async () => {
  await using proxy = await startTcpProxy(Deno.env.get("DATABASE_URL")!);
  for (let bytes = 0; bytes < 12_000; bytes += 250) {
    const sql = connectPostgres(proxy.url, { applicationName: "test", connections: 1 });
    // It stays pending when no byte comes after them. Every other time the server is away for a moment afterwards.
    void proxy.cutAfterBytes(bytes, "toClient").then(() => bytes % 500 === 0 && proxy.refuse("hang up"));
    try {
      // It fails when the cut comes before its answer, and not with what the test runner would see as an uncaught error.
      const first = sql`SELECT 1 AS one`.then(() => "answered", (error: Error) => error.message);
      assertMatch(await first, /answered|PostgreSQL|CONNECTION/);
      if (bytes % 500 === 0) await sql`SELECT 1`.catch(() => {});
      await proxy.calm();
      assertEquals([...await sql`SELECT 1 AS one`.catch(() => sql`SELECT 1 AS one`)], [{ one: 1 }]);
    } finally {
      await proxy.calm();
      await closePostgres(sql);
    }
  }
});
