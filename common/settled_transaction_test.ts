import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { transaction } from "@events-pipeline/common/transaction";
import { createDatabase } from "@events-pipeline/local/database";
import { startTcpProxy } from "@events-pipeline/local/tcp_proxy";
import { until } from "@events-pipeline/local/until";
import { assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { SettledTransaction } from "./settled_transaction.ts";

/** A message of the protocol, in either direction. */
function message(type: string, body: string): Buffer {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(type + "\0\0\0\0" + body, "latin1");
  bytes.writeUInt32BE(4 + body.length, 1);
  return bytes;
}

const ready = (state: string) => message("Z", state);

/** What the client is given of the server's messages, when they come in portions of so many bytes. */
function given(settled: SettledTransaction, messages: readonly Buffer[], portion: number): Buffer {
  const bytes = Buffer.concat(messages);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += portion) {
    parts.push(settled.received(bytes.subarray(at, at + portion), Buffer.concat));
  }
  return Buffer.concat(parts);
}

Deno.test("SettledTransaction sends Sync for Flush in a transaction, and keeps the ReadyForQuery that it brings", () => {
  for (let portion = 1; portion < 40; portion++) {
    const settled = new SettledTransaction();
    const describe = Buffer.concat([message("P", "a statement"), message("D", "S"), message("H", "")]);
    assertEquals(settled.sent(describe), describe); // Nothing has begun.
    assertEquals(settled.sent(message("Q", "begin")), message("Q", "begin"));
    const begun = [message("1", ""), message("C", "BEGIN"), ready("T")];
    assertEquals(given(settled, begun, portion), Buffer.concat(begun));
    const settling = Buffer.concat([message("P", "a statement"), message("D", "S"), message("S", "")]);
    assertEquals(Buffer.from(settled.sent(describe)), settling);
    const bind = Buffer.concat([message("B", "H\0\0\0\x04H"), message("E", ""), message("S", "")]);
    assertEquals(settled.sent(bind), bind);
    const described = [message("1", ""), message("t", "types"), message("T", "columns")];
    const executed = [message("2", ""), message("D", "Z\0\0\0\x05T"), message("C", "SELECT 1"), ready("T")];
    assertEquals(
      given(settled, [...described, ready("T"), ...executed], portion),
      Buffer.concat([...described, ...executed]),
    );
    settled.sent(message("Q", "commit"));
    assertEquals(given(settled, [ready("I")], portion), ready("I"));
    assertEquals(settled.sent(describe), describe);
  }
});

Deno.test("transaction() whose client is cut off before a statement that it has had described gives its locks back in time", async () => {
  const database = await createDatabase(Deno.env.get("DATABASE_URL")!);
  await using proxy = await startTcpProxy(database.url);
  const sql = connectPostgres(proxy.url, { applicationName: "victim", connections: 1, answerLimitMs: 2_000 });
  const other = connectPostgres(database.url, { applicationName: "other", connections: 1 });
  try {
    await other`CREATE TABLE public.one AS SELECT 1 AS n`;
    const failing = transaction(sql, {}, async (tx) => {
      await tx`SELECT set_config('idle_in_transaction_session_timeout', '500', true) FROM public.one FOR UPDATE`;
      void proxy.stallAfterBytes(1, "toClient"); // The description does not arrive, so that the client goes no further.
      await tx`SELECT ${1}::int AS n`;
    });
    failing.catch(() => {});
    const free = () => other`SELECT FROM public.one FOR UPDATE SKIP LOCKED`.then((rows) => rows.length === 1);
    await until("it has the lock", async () => !await free());
    await until("the lock is free", free);
    await assertRejects(() => failing);
    await proxy.calm();
    assertEquals([...await sql`SELECT 1 AS n`.catch(() => sql`SELECT 1 AS n`)], [{ n: 1 }]);
  } finally {
    await Promise.all([closePostgres(sql), closePostgres(other)]);
    await database.drop();
  }
});

Deno.test("transaction() tells of a statement that cannot be parsed, and the connection goes on", async () => {
  const sql = connectPostgres(Deno.env.get("DATABASE_URL")!, { applicationName: "test", connections: 1 });
  try {
    for (let i = 0; i < 3; i++) {
      const wrong = transaction(sql, {}, (tx) => tx`SELECT ${1}::nothing`);
      await assertRejects(() => wrong, Error, 'type "nothing" does not exist');
      const right = await transaction(sql, {}, async (tx) => {
        await tx.savepoint((savepoint) => savepoint`SELECT ${1} FROM nowhere`).catch(() => {});
        return await Promise.all([1, 2, 3].map((n) => tx.unsafe(`SELECT $1::int AS n, ${i}`, [n])));
      });
      assertEquals(right.map(([row]) => row!["n"]), [1, 2, 3]);
    }
  } finally {
    await closePostgres(sql);
  }
});
