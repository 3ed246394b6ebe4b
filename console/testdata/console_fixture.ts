import type { ObjectStore } from "@events-pipeline/archiver";
import { silentLogger } from "@events-pipeline/common/logger";
import { loadEvents } from "@events-pipeline/cli/schemas/load_schemas";
import type { SchemaHistory } from "@events-pipeline/compat";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { Access, type AccessOptions, maskOf, startConsole } from "../mod.ts";

/** What would run if a payload were taken for HTML. */
export const ATTACK = "<script>document.title='owned'</script><img src=x onerror=alert(1)>";

/** A console on a pipeline of its own. */
export interface ConsoleFixture extends AsyncDisposable {
  readonly pipeline: TestPipeline;
  readonly url: string;
  /** The event that was sent and published. */
  readonly eventId: string;
  /** Sets an event aside. @returns its number */
  deadLetter(): Promise<string>;
  /** The token that the forms of a page carry. */
  csrf(): Promise<string>;
  /** Sends a form. */
  post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>;
}

/** Starts a console with a published event, a consumer named `mailer`, and a dead letter, whose texts are attacks. */
export async function consoleFixture(
  options: {
    readonly access?: AccessOptions;
    readonly allowActions?: boolean;
    readonly mask?: readonly string[];
    readonly store?: ObjectStore;
    readonly history?: SchemaHistory;
  } = {},
): Promise<ConsoleFixture> {
  await using cleanUp = new AsyncDisposableStack();
  const pipeline = cleanUp.use(await testPipeline());
  const { sql, redis, stream } = pipeline;
  const eventId = "01990000-0000-7000-8000-000000000001";
  const payload = JSON.stringify({ note: ATTACK, email: "ada@example.org", big: 1 }).replace(
    ":1}",
    ":12345678901234567890}",
  );
  await sql`
    INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload)
    VALUES (${eventId}, ${stream}, 'NoteTaken', ${payload}::text::json)`;
  await pipeline.publish();
  await sql`INSERT INTO events.stream_lease (stream_name, role) VALUES (${stream}, 'consumer:mailer'), (${stream}, 'archiver')`;
  await sql`
    INSERT INTO events.archive_verification (stream_name, verified_to, faults) VALUES (${stream}, 1, 0)`;
  const running = cleanUp.use(startConsole({ host: "127.0.0.1", port: 0 }, {
    ...{ sql, outbox: sql, redis, stalledSeconds: 0, logger: silentLogger, events: await loadEvents(undefined) },
    access: new Access(options.access ?? {}),
    allowActions: options.allowActions ?? true,
    store: options.store,
    history: options.history,
    mask: maskOf(options.mask ?? []),
  }));
  const { url } = running;
  const deadLetter = async (): Promise<string> => {
    const [row] = await sql<{ id: string }[]>`
      INSERT INTO events.dead_letter (consumer_name, stream_name, stream_position, entry_id, event_id, event_type, sent_at,
        metadata, payload, reason, error, attempts)
      VALUES ('mailer', ${stream}, 1, '1-1', ${crypto.randomUUID()}, 'NoteTaken', clock_timestamp(), '{}',
        ${payload}::text::json, 'attempts', ${`Cannot mail ada@example.org ${ATTACK}`}, 3) RETURNING id::text`;
    return row!.id;
  };
  await deadLetter();
  const owned = cleanUp.move();
  return {
    pipeline,
    url,
    eventId,
    deadLetter,
    async csrf() {
      const text = await (await fetch(`${url}/consumers`)).text();
      return /name="csrf" value="([^"]+)"/.exec(text)![1]!;
    },
    post: (path, fields, headers = {}) =>
      fetch(url + path, { method: "POST", body: new URLSearchParams(fields), headers, redirect: "manual" }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
