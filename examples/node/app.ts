/**
 * The pipeline in an app of Node.js or Bun, nothing of Deno: it creates the tables, sends events with node-postgres and postgres.js,
 * publishes them, and handles each once. Settings: DATABASE_URL, REDIS_URL.
 */
import { defineEvent, defineStreamName } from "@events-pipeline/common";
import { leaseMigrations } from "@events-pipeline/common/lease";
import { migrate } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { defineConsumer, runConsumers } from "@events-pipeline/consumer";
import { consumerMigrations } from "@events-pipeline/consumer/migrations";
import { sendEvent, withTransaction } from "@events-pipeline/producer";
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import { sendEvent as sendEventWithPg } from "@events-pipeline/producer/pg";
import { runPublisher } from "@events-pipeline/publisher";
import { publisherMigrations } from "@events-pipeline/publisher/migrations";
import process from "node:process";
// @ts-types="@types/pg"
import pg from "pg";
import postgres from "postgres";
import { z } from "zod";

const databaseUrl = process.env["DATABASE_URL"]!;
const redisUrl = process.env["REDIS_URL"]!;

const ORDERS = defineStreamName(process.env["STREAM"] ?? "stream:orders:events");
const OrderPlaced = defineEvent("OrderPlaced", { order_id: z.string(), cents: z.number() });

const billing = defineConsumer({
  stream: ORDERS,
  name: "orders:bill",
  events: [OrderPlaced],
  async handle({ payload }, { eventId }, tx) {
    await tx`INSERT INTO public.bill (order_id, cents, event_id) VALUES (${payload.order_id}, ${payload.cents}, ${eventId})`;
  },
});

/** Sends with a client of node-postgres, and with the transaction around the call. */
async function placeOrders(): Promise<void> {
  const pool = new pg.Pool({ connectionString: databaseUrl });
  const client = await pool.connect();
  await client.query("BEGIN");
  await sendEventWithPg(client, { stream: ORDERS, event: OrderPlaced.create({ order_id: "o-1", cents: 100 }) });
  await client.query("COMMIT");
  await client.query("BEGIN");
  await sendEventWithPg(client, { stream: ORDERS, event: OrderPlaced.create({ order_id: "undone", cents: 1 }) });
  await client.query("ROLLBACK");
  client.release();
  await pool.end();

  const sql = postgres(databaseUrl);
  await withTransaction(sql, async () => {
    await sendEvent({ stream: ORDERS, event: OrderPlaced.create({ order_id: "o-2", cents: 250 }) });
  });
  await sql.end({ timeout: 5 });
}

const sql = connectPostgres(databaseUrl, { applicationName: "app" });
const wakeUpSql = connectPostgres(databaseUrl, { applicationName: "app, wake-up", connections: 1 });
const redis = connectRedis(redisUrl, { clientName: "app" });
const blockingRedis = connectRedis(redisUrl, { clientName: "app, blocking", commandTimeoutMs: 30_000 });
const signal = AbortSignal.timeout(60_000);

await migrate(sql, [leaseMigrations, outboxMigrations, publisherMigrations, consumerMigrations]);
await sql`CREATE TABLE IF NOT EXISTS public.bill (order_id text NOT NULL, cents integer NOT NULL, event_id uuid UNIQUE)`;
await placeOrders();
await runPublisher({ sql, wakeUpSql, redis, once: true, signal });
await runConsumers([billing], { sql, redis, blockingRedis, once: true, signal });
const bills = await sql<
  { order_id: string; cents: number }[]
>`SELECT order_id, cents FROM public.bill ORDER BY order_id`;
console.log(JSON.stringify(bills.map(({ order_id, cents }) => [order_id, cents])));
await Promise.all([redis.close(), blockingRedis.close(), closePostgres(sql), closePostgres(wakeUpSql)]);
