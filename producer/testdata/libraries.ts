import type { Database } from "@events-pipeline/common/driver";
import * as viaDrizzle from "@events-pipeline/producer/drizzle";
import * as viaKnex from "@events-pipeline/producer/knex";
import * as viaKysely from "@events-pipeline/producer/kysely";
import * as viaPg from "@events-pipeline/producer/pg";
import * as viaPrisma from "@events-pipeline/producer/prisma";
import * as viaTypeorm from "@events-pipeline/producer/typeorm";
import { PrismaPg } from "@prisma/adapter-pg";
import { sql as drizzleSql } from "drizzle-orm";
import { drizzle as drizzleNodePostgres } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePostgresJs } from "drizzle-orm/postgres-js";
import knex from "knex";
import { Kysely, PostgresDialect, sql as kyselySql, type Transaction } from "kysely";
// @ts-types="@types/pg"
import pg from "pg";
import postgres, { type TransactionSql } from "postgres";
import "reflect-metadata";
import { DataSource } from "typeorm";
import { databaseOf } from "@events-pipeline/common/driver";
import { postgresJs } from "../postgres_js.ts";
import { sendEvent, sendEvents, withTransaction } from "../send_event.ts";
import type { SendEventOptions, SendEventsOptions } from "../send_options.ts";
import { openPrisma } from "./prisma_client.ts";

/** A library with a pool of so many connections, as the suite uses it. Its transactions are begun by the library, not by us. */
export interface OpenLibrary<Tx> extends AsyncDisposable {
  /** Its own transaction. */
  begin<T>(act: (tx: Tx) => Promise<T>): Promise<T>;
  /** Its own transaction within a transaction, where it has that. */
  readonly nest?: <T>(tx: Tx, act: (tx: Tx) => Promise<T>) => Promise<T>;
  /** Its own way to run text. */
  execute(tx: Tx, text: string): Promise<unknown>;
  sendEvent(tx: Tx, options: SendEventOptions): Promise<string>;
  sendEvents(tx: Tx, options: SendEventsOptions): Promise<readonly string[]>;
  /** Sends through the pool. */
  sendOutside(options: SendEventOptions): Promise<string>;
  withTransaction<T>(act: (tx: Tx) => Promise<T>): Promise<T>;
  readonly database: Database<Tx>;
}

/** A library that has an adapter. */
export interface Library<Tx = unknown> {
  readonly name: string;
  open(url: string, connections: number): Promise<OpenLibrary<Tx>>;
}

function libraryOf<Tx>(name: string, open: Library<Tx>["open"]): Library {
  return { name, open } as Library as Library<unknown>;
}

/** Runs a transaction of node-postgres by hand. */
async function beginPg<T>(pool: pg.Pool, act: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const result = await act(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

/** Every library, with each driver that it is used with. */
export const libraries: readonly Library[] = [
  libraryOf<TransactionSql>("postgres.js", (url, max) => {
    const sql = postgres(url, { max, onnotice() {} });
    return Promise.resolve({
      begin: async (act) => await sql.begin(act) as never,
      nest: async (tx, act) => await tx.savepoint(act) as never,
      execute: (tx, text) => tx.unsafe(text),
      sendEvent,
      sendEvents,
      sendOutside: (options) => sendEvent(sql, options),
      withTransaction: (act) => withTransaction(sql, act),
      database: databaseOf(postgresJs, sql),
      [Symbol.asyncDispose]: () => sql.end({ timeout: 5 }),
    });
  }),
  libraryOf<pg.PoolClient>("node-postgres", (connectionString, max) => {
    const pool = new pg.Pool({ connectionString, max });
    return Promise.resolve({
      begin: (act) => beginPg(pool, act),
      execute: (client, text) => client.query(text),
      sendEvent: viaPg.sendEvent,
      sendEvents: viaPg.sendEvents,
      sendOutside: (options) => viaPg.sendEvent(pool, options),
      withTransaction: (act) => viaPg.withTransaction(pool, act),
      database: viaPg.nodePostgres(pool),
      [Symbol.asyncDispose]: () => pool.end(),
    });
  }),
  libraryOf<Parameters<Parameters<ReturnType<typeof drizzlePostgresJs>["transaction"]>[0]>[0]>(
    "drizzle, postgres.js",
    (url, max) => {
      const client = postgres(url, { max, onnotice() {} });
      const db = drizzlePostgresJs(client);
      return Promise.resolve({
        begin: (act) => db.transaction(act),
        nest: (tx, act) => tx.transaction(act),
        execute: async (tx, text) => await tx.execute(drizzleSql.raw(text)),
        sendEvent: viaDrizzle.sendEvent,
        sendEvents: viaDrizzle.sendEvents,
        sendOutside: (options) => viaDrizzle.sendEvent(db, options),
        withTransaction: (act) => viaDrizzle.withTransaction(db, act),
        database: viaDrizzle.drizzle(db),
        [Symbol.asyncDispose]: () => client.end({ timeout: 5 }),
      });
    },
  ),
  libraryOf<Parameters<Parameters<ReturnType<typeof drizzleNodePostgres>["transaction"]>[0]>[0]>(
    "drizzle, node-postgres",
    (connectionString, max) => {
      const pool = new pg.Pool({ connectionString, max });
      const db = drizzleNodePostgres(pool);
      return Promise.resolve({
        begin: (act) => db.transaction(act),
        nest: (tx, act) => tx.transaction(act),
        execute: async (tx, text) => await tx.execute(drizzleSql.raw(text)),
        sendEvent: viaDrizzle.sendEvent,
        sendEvents: viaDrizzle.sendEvents,
        sendOutside: (options) => viaDrizzle.sendEvent(db, options),
        withTransaction: (act) => viaDrizzle.withTransaction(db, act),
        database: viaDrizzle.drizzle(db),
        [Symbol.asyncDispose]: () => pool.end(),
      });
    },
  ),
  libraryOf<Transaction<Record<string, never>>>("kysely", (connectionString, max) => {
    const pool = new pg.Pool({ connectionString, max });
    const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) });
    return Promise.resolve({
      begin: (act) => db.transaction().execute(act),
      execute: (tx, text) => kyselySql.raw(text).execute(tx),
      sendEvent: viaKysely.sendEvent,
      sendEvents: viaKysely.sendEvents,
      sendOutside: (options) => viaKysely.sendEvent(db, options),
      withTransaction: (act) => viaKysely.withTransaction(db, act),
      database: viaKysely.kysely(db),
      [Symbol.asyncDispose]: () => db.destroy(),
    });
  }),
  libraryOf<knex.Knex.Transaction>("knex", (connection, max) => {
    const db = knex({ client: "pg", connection, pool: { min: 0, max } });
    return Promise.resolve({
      begin: async (act) => await db.transaction((tx) => act(tx)),
      nest: async (tx, act) => await tx.transaction((inner) => act(inner)),
      execute: async (tx, text) => await tx.raw(text),
      sendEvent: viaKnex.sendEvent,
      sendEvents: viaKnex.sendEvents,
      sendOutside: (options) => viaKnex.sendEvent(db, options),
      withTransaction: (act) => viaKnex.withTransaction(db, act),
      database: viaKnex.knexDatabase(db),
      [Symbol.asyncDispose]: () => db.destroy(),
    });
  }),
  libraryOf<Parameters<Parameters<ReturnType<typeof openPrisma>["$transaction"]>[0]>[0]>(
    "prisma",
    (connectionString, max) => {
      const client = openPrisma(new PrismaPg({ connectionString, max }));
      return Promise.resolve({
        begin: (act) => client.$transaction(act, { maxWait: 10_000 }),
        execute: (tx, text) => tx.$executeRawUnsafe(text),
        sendEvent: viaPrisma.sendEvent,
        sendEvents: viaPrisma.sendEvents,
        sendOutside: (options) => viaPrisma.sendEvent(client, options),
        withTransaction: (act) => viaPrisma.withTransaction(client, act),
        database: viaPrisma.prismaDatabase(client),
        [Symbol.asyncDispose]: () => client.$disconnect(),
      });
    },
  ),
  libraryOf<DataSource["manager"]>("typeorm", async (url, max) => {
    const db = await new DataSource({ type: "postgres", url, poolSize: max }).initialize();
    return {
      begin: (act) => db.transaction(act),
      nest: (tx, act) => tx.transaction(act),
      execute: (tx, text) => tx.query(text),
      sendEvent: viaTypeorm.sendEvent,
      sendEvents: viaTypeorm.sendEvents,
      sendOutside: (options) => viaTypeorm.sendEvent(db, options),
      withTransaction: (act) => viaTypeorm.withTransaction(db, act),
      database: viaTypeorm.typeorm(db),
      [Symbol.asyncDispose]: () => db.destroy(),
    };
  }),
];
