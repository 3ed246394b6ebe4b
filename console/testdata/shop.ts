import { openStore, runArchiver, verifyArchive } from "@events-pipeline/archiver";
import { defineEvent, defineStreamName, type EventDefinition, notSet } from "@events-pipeline/common";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import {
  type EventForm,
  historyOf,
  type Revision,
  type SchemaHistory,
  type Snapshot,
  snapshotOf,
} from "@events-pipeline/compat";
import { type Consumer, DeadLetter, defineConsumer, runConsumers } from "@events-pipeline/consumer";
import { startRedis } from "@events-pipeline/local";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { runPublisher } from "@events-pipeline/publisher";
import { pathToFileURL } from "node:url";
import type { Sql } from "postgres";
import { z } from "zod";

const ORDERS = defineStreamName("stream:orders:events");
const STOCK = defineStreamName("stream:stock:events");

const OrderPlaced = defineEvent("OrderPlaced", {
  order_id: z.string().min(1).describe("Whose it is, within the shop"),
  customer: z.object({ name: z.string(), email: z.string().describe("Where the confirmation goes") }),
  lines: z.array(z.object({ sku: z.string(), quantity: z.int().min(1), price: z.number() })),
  coupon: notSet(z.string().nullable().describe("What the customer typed; null for none")),
}, { description: "A customer has paid for an order.", aliases: ["OrderCreated"] });

const StockCounted = defineEvent("StockCounted", {
  sku: z.string(),
  left: z.int(),
}, { description: "Somebody has counted what is left of an article." });

const CartAbandoned = defineEvent("CartAbandoned", { customer: z.string() }, {
  description: "A customer has left without paying.",
  deprecated: "nobody reads it",
});

/** The events that the shop defines. */
export const shopEvents: readonly EventDefinition[] = [CartAbandoned, OrderPlaced, StockCounted];

/** A shop whose events go the whole way, on a Redis of its own: with real daemons, of which some have trouble. */
export interface Shop extends AsyncDisposable {
  readonly pipeline: TestPipeline;
  /** Where its archive is, for `ARCHIVE_URL`. */
  readonly archiveUrl: string;
  /** How its events have changed. */
  readonly history: SchemaHistory;
  /** An event that was published, handled and archived. */
  readonly eventId: string;
  /** Places orders. */
  order(count: number): Promise<void>;
}

/** Opens a shop. There are orders, segments that were verified, dead letters, and a consumer that fails. */
export async function openShop(): Promise<Shop> {
  await using cleanUp = new AsyncDisposableStack();
  const server = cleanUp.use(await startRedis({ persistence: "none" }));
  const pipeline = cleanUp.use(await testPipeline({ redisUrl: server.url }));
  const { sql, redis, databaseUrl } = pipeline;
  const folder = await Deno.makeTempDir();
  cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
  const archiveUrl = pathToFileURL(folder).href;
  const store = await openStore(archiveUrl);
  cleanUp.defer(() => store.close());
  const connect = (applicationName: string): Sql => {
    const own = connectPostgres(databaseUrl, { applicationName });
    cleanUp.defer(() => closePostgres(own));
    return own;
  };
  const blockingRedis = connectRedis(server.url, { clientName: "consumer", commandTimeoutMs: 15_000 });
  cleanUp.defer(() => blockingRedis.close());
  const order = orders(sql);
  await order(40);

  const stop = new AbortController();
  const { signal } = stop;
  const running = [
    runPublisher({ sql: connect("events-publisher"), wakeUpSql: connect("events-publisher"), redis, signal }),
    runConsumers(consumers, { sql: connect("events-consumer"), redis, blockingRedis, signal }),
    runArchiver({ sql: connect("events-archiver"), redis, store, signal, segmentCount: 10, segmentAgeMs: 1_000 }),
  ];
  cleanUp.defer(async () => {
    stop.abort();
    await Promise.all(running);
  });
  await sql`INSERT INTO events.stream_lease (stream_name, role) VALUES (${STOCK}, 'consumer:warehouse:reorder')`;
  const isSo = async (query: PromiseLike<{ ok: boolean }[]>): Promise<boolean> => (await query)[0]?.ok ?? false;
  await until("orders are handled, set aside, failed, and archived", async () =>
    await isSo(sql`
      SELECT (SELECT count(*) = 4 FROM events.dead_letter)
         AND EXISTS (SELECT FROM events.consumer_state WHERE failing_event_id IS NOT NULL)
         AND (SELECT count(*) = 2 FROM events.stream_lease WHERE role = 'archiver' AND split_part(checkpoint, '-', 2) <> '0')
         AND (SELECT checkpoint LIKE '%-40' FROM events.stream_lease WHERE role = 'consumer:billing:invoice') AS ok`));
  await Array.fromAsync(verifyArchive({ store, sql }));
  const [first] = await sql<{ id: string }[]>`
    SELECT event_id AS id FROM events.outbox_event WHERE stream_name = ${ORDERS} ORDER BY id LIMIT 1`;
  const owned = cleanUp.move();
  return {
    ...{ pipeline, archiveUrl, order, history: shopHistory(), eventId: first!.id },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Places orders, and counts what is left. */
function orders(sql: Sql): (count: number) => Promise<void> {
  let placed = 0;
  return async (count) => {
    const events = Array.from({ length: count }, () => {
      const n = ++placed;
      return OrderPlaced.create({
        order_id: `A-${1000 + n}`,
        customer: { name: "Ada Lovelace", email: "ada@example.org" },
        lines: [{ sku: "mug-blue", quantity: 1 + n % 3, price: 12.5 }],
        ...(n % 2 === 0 ? { coupon: "WELCOME" } : {}),
      });
    });
    await sql.begin((tx) => sendEvents(tx, { stream: ORDERS, events }));
    const counts = Array.from(
      { length: Math.ceil(count / 2) },
      (_, i) => StockCounted.create({ sku: "mug-blue", left: 500 - placed - i }),
    );
    await sql.begin((tx) => sendEvents(tx, { stream: STOCK, events: counts }));
  };
}

const consumers: readonly Consumer[] = [
  defineConsumer({ stream: ORDERS, name: "billing:invoice", events: [OrderPlaced], handle() {} }),
  defineConsumer({
    ...{ stream: ORDERS, name: "mail:confirmation", events: [OrderPlaced] },
    handle({ payload: { order_id, customer } }) {
      if (order_id.endsWith("0")) throw new DeadLetter(`The mail server knows no mailbox ${customer.email}`);
    },
  }),
  defineConsumer({
    ...{ stream: ORDERS, name: "search:index", events: [OrderPlaced], retryMs: 3_600_000 },
    handle({ payload: { order_id, customer } }) {
      if (order_id === "A-1012") {
        throw new TypeError(`Cannot index ${order_id} of ${customer.email}: connect ECONNREFUSED 10.0.3.7:9200`);
      }
    },
  }),
  defineConsumer({ stream: STOCK, name: "analytics:stock", events: [StockCounted], handle() {} }),
];

/** The history of the definitions above, the last of which was made on the last day. */
function shopHistory(): SchemaHistory {
  const { events } = snapshotOf([{ OrderPlaced, StockCounted, CartAbandoned }]);
  const order = events["OrderPlaced"]!;
  const fields = order.payload.kind === "object" ? order.payload.fields : {};
  const { coupon: _, ...without } = fields;
  const has = (of: typeof fields): EventForm => ({
    ...order,
    payload: { ...order.payload, kind: "object", fields: of, unknown: "kept" },
  });
  const text = { kind: "string", length: {}, patterns: [], formats: [] } as const;
  const numbered = { ...without, order_id: { presence: "required", type: text } } as const;
  const { StockCounted: stock, CartAbandoned: cart } = events as Record<string, EventForm>;
  const at = (revision: string, day: string, subject: string): Revision => ({
    ...{ revision, subject, at: `${day}T09:30:00+01:00` },
    commit: revision.replaceAll(/\D/g, "").padStart(10, "c0ffee5eed"),
  });
  const snapshot = (of: Record<string, EventForm>): Snapshot => ({ format: 1, streams: {}, events: of });
  return historyOf([
    [at("v1.0", "2026-02-03", "The shop opens"), snapshot({ OrderPlaced: has(numbered), CartAbandoned: cart! })],
    [
      at("v1.1", "2026-04-20", "feat: count the stock"),
      snapshot({ OrderPlaced: has(numbered), CartAbandoned: cart!, StockCounted: stock! }),
    ],
    [at("v1.2", "2026-06-11", "fix: no order without an id"), snapshot({ ...events, OrderPlaced: has(without) })],
    [at("v2.0", "2026-09-01", "feat: coupons"), snapshot(events)],
  ]);
}
