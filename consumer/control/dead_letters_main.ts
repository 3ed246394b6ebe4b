/**
 * The program of `deno task dead-letters`.
 *
 * @module
 */
import { leaseMigrations } from "@events-pipeline/common/lease";
import { describeError } from "@events-pipeline/common/logger";
import { checkSchema } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { readSubcommand } from "@events-pipeline/common/subcommands";
import { textTable } from "@events-pipeline/common/text-table";
import type { Sql } from "postgres";
import { consumerMigrations } from "../migrations.ts";
import { agreed } from "@events-pipeline/common/agreed";
import { deadLettersCommand } from "./dead_letters_config.ts";
import {
  countDeadLetters,
  type DeadLetterFilter,
  dropDeadLetters,
  listDeadLetters,
  redriveDeadLetters,
  type StoredDeadLetter,
} from "./dead_letter_box.ts";
import { findConsumers } from "./find_consumer.ts";
import { parseTime } from "./flag_values.ts";

const command = readSubcommand(deadLettersCommand, Deno.args, (name) => Deno.env.get(name));
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const NONE = "There are no such dead letters.";
const AGAIN = "handled again, as soon as a worker of the consumer runs";
const run = command;
await using cleanUp = new AsyncDisposableStack();
Deno.exitCode = await main().catch((error) => {
  console.error(`${deadLettersCommand.call} ${run.name}: ${describeError(error)}`);
  return 1;
});

async function main(): Promise<number> {
  const url = run.settings.CONSUMER_DATABASE_URL ?? run.settings.DATABASE_URL;
  const sql = connectPostgres(url, { applicationName: "events-dead-letters", connections: 1 });
  cleanUp.defer(() => closePostgres(sql));
  await checkSchema(sql, [leaseMigrations, consumerMigrations]);
  switch (run.name) {
    case "list":
      return await list(sql, run.flags);
    case "show":
      return await show(sql, { eventId: run.flags["event-id"], consumer: run.flags.consumer });
    case "redrive": {
      const filter = filterOf(run.flags);
      if (!isNarrow(filter, run.flags.all)) return 2;
      await assertKnown(sql, filter);
      const count = await redriveDeadLetters(sql, filter);
      const waiting = count === 0 ? await countDeadLetters(sql, filter) : 0;
      if (count + waiting === 0) console.log(NONE);
      else console.log(`${are(count || waiting)} ${waiting > 0 ? "already to be " : ""}${AGAIN}`);
      return 0;
    }
    case "drop": {
      const filter = filterOf(run.flags);
      if (!isNarrow(filter, run.flags.all)) return 2;
      await assertKnown(sql, filter);
      const count = await countDeadLetters(sql, filter);
      if (count > 0 && !run.flags.yes && !agreed(`${are(count)} to be dropped for good. Drop?`)) return 1;
      console.log(count === 0 ? NONE : `${are(await dropDeadLetters(sql, filter))} gone`);
      return 0;
    }
  }
}

function are(count: number): string {
  return count === 1 ? "1 dead letter is" : `${count} dead letters are`;
}

/** A consumer whose name is wrong shall not look like one that has none. */
async function assertKnown(sql: Sql, { consumer }: DeadLetterFilter): Promise<void> {
  if (consumer !== undefined) await findConsumers(sql, consumer);
}

interface FilterFlags {
  readonly consumer: string | undefined;
  readonly "event-id": string | undefined;
  readonly type: string | undefined;
  readonly since: string | undefined;
  readonly until: string | undefined;
}

function filterOf(flags: FilterFlags): DeadLetterFilter {
  const time = (text: string | undefined): Date | undefined => text === undefined ? undefined : parseTime(text);
  return {
    consumer: flags.consumer,
    eventId: flags["event-id"],
    eventType: flags.type,
    since: time(flags.since),
    until: time(flags.until),
  };
}

/** Nobody shall change every dead letter by leaving something out. */
function isNarrow(filter: DeadLetterFilter, all: boolean): boolean {
  const narrow = all || Object.values(filter).some((value) => value !== undefined);
  if (!narrow) {
    console.error(
      `${deadLettersCommand.call}: say which, by --consumer, --event-id, --type, --since or --until; or --all`,
    );
  }
  return narrow;
}

async function list(
  sql: Sql,
  flags: FilterFlags & {
    readonly limit: string | undefined;
    readonly after: string | undefined;
    readonly json: boolean;
  },
): Promise<number> {
  const limit = Number(flags.limit ?? "100");
  await assertKnown(sql, filterOf(flags));
  const found = await listDeadLetters(sql, filterOf(flags), { limit: limit + 1, after: flags.after });
  const letters = found.slice(0, limit);
  if (flags.json) { for (const letter of letters) console.log(jsonOf(letter)); }
  else if (letters.length === 0) console.log(NONE);
  else console.log(table(letters));
  if (found.length > limit) console.error(`There are more: --after ${letters.at(-1)!.id}`);
  return 0;
}

async function show(sql: Sql, filter: DeadLetterFilter): Promise<number> {
  await assertKnown(sql, filter);
  const letters = await listDeadLetters(sql, filter, { limit: 1_000 });
  if (letters.length === 0) throw new Error(`Cannot show ${filter.eventId}: no consumer has set it aside`);
  for (const letter of letters) console.log(JSON.stringify(JSON.parse(jsonOf(letter)), null, 2));
  return 0;
}

function jsonOf({ metadata, payload, ...letter }: StoredDeadLetter): string {
  // As they were sent, number by number: parsing them could change them.
  return `${JSON.stringify(letter).slice(0, -1)},"metadata":${metadata},"payload":${payload}}`;
}

function table(letters: readonly StoredDeadLetter[]): string {
  const head = ["NUMBER", "CONSUMER", "EVENT", "TYPE", "SET ASIDE", "ATTEMPTS", "STATE", "REASON"];
  return textTable(
    head,
    letters.map((letter) => [
      ...[letter.id, letter.consumer, letter.eventId, letter.eventType, letter.createdAt.toISOString()],
      ...[String(letter.attempts), letter.redriving ? "redriving" : "-", letter.reason.slice(0, 200)],
    ]),
  );
}
