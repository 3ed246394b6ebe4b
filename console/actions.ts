import { describeError } from "@events-pipeline/common/logger";
import { OutboxHistory } from "@events-pipeline/consumer";
import {
  checkpointFor,
  type ConsumerKey,
  type DeadLetterFilter,
  dropDeadLetters,
  findConsumers,
  parseTarget,
  parseTime,
  pauseConsumer,
  redriveDeadLetters,
  resetConsumer,
  resumeConsumer,
} from "@events-pipeline/consumer/control";
import type { Context } from "hono";
import { html } from "hono/html";
import { audited } from "./audit.ts";
import type { ConsoleApp, ConsoleEnv, ConsoleOptions } from "./console_app.ts";
import { page } from "./layout.ts";
import { isTrouble } from "./trouble.ts";

/** How a form is read: every value of a field that may come more than once. */
type Form = Readonly<Record<string, string | File | (string | File)[]>>;

/** What an action does: tells what it will be done to, and does it. */
type Action = (form: Form) => Promise<{ target: Readonly<Record<string, unknown>>; act: () => Promise<string> }>;

/** Serves what changes something. */
export function serveActions(app: ConsoleApp, options: ConsoleOptions): void {
  const { sql, outbox, redis } = options;
  const serve = (path: string, back: string, name: string, action: Action): void => {
    app.post(path, async (c) => {
      if (!options.allowActions) return refuse(c, 403, "This console is read-only: it runs without --allow-actions.");
      let id: string;
      try {
        const { target, act } = await action(await c.req.parseBody({ all: true }));
        id = await audited(sql, { actor: c.get("frame").actor, action: name, target }, act);
      } catch (error) {
        if (isTrouble(error)) throw error;
        return refuse(c, 422, describeError(error));
      }
      options.logger.info("Action", { actor: c.get("frame").actor, action: name, record: id });
      return c.redirect(`${back}?done=${id}`, 303);
    });
  };
  const onConsumer = (act: (key: ConsumerKey, form: Form) => Promise<string>): Action => async (form) => {
    const [name, stream] = [textOf(form, "consumer") ?? "", textOf(form, "stream")];
    const key = (await findConsumers(sql, name)).find((known) => known.stream === stream);
    if (key === undefined) throw new Error(`Cannot find '${name}' on ${stream}`);
    const to = textOf(form, "to");
    return { target: { ...key, ...(to === undefined ? {} : { to }) }, act: () => act(key, form) };
  };
  const title = ({ consumer, stream }: ConsumerKey): string => `${consumer} on ${stream}`;

  serve(
    "/consumers/pause",
    "/consumers",
    "Pause consumer",
    onConsumer(async (key) => `${title(key)} ${await pauseConsumer(sql, key) ? "is paused" : "was paused already"}`),
  );
  serve(
    "/consumers/resume",
    "/consumers",
    "Resume consumer",
    onConsumer(async (key) => `${title(key)} ${await resumeConsumer(sql, key) ? "goes on" : "was not paused"}`),
  );
  serve(
    "/consumers/reset",
    "/consumers",
    "Reset consumer",
    onConsumer(async (key, form) => {
      confirmed(form);
      const to = parseTarget(textOf(form, "to") ?? "");
      if (to === undefined) throw new RangeError("Cannot reset: the place must be an entry id, a date, or beginning");
      const checkpoint = await checkpointFor(to, key.stream, redis, new OutboxHistory(outbox));
      const { from, handled, deadLetters } = await resetConsumer(sql, key, checkpoint);
      return `${
        title(key)
      }: ${from} → ${checkpoint}; ${handled} handled events and ${deadLetters} dead letters come again`;
    }),
  );
  const onDeadLetters = (act: (filter: DeadLetterFilter, form: Form) => Promise<string>): Action => (form) => {
    const filter = chosenOf(form);
    return Promise.resolve({ target: filter as Record<string, unknown>, act: () => act(filter, form) });
  };
  serve(
    "/dead-letters/redrive",
    "/dead-letters",
    "Redrive dead letters",
    onDeadLetters(async (filter) => `${await redriveDeadLetters(sql, filter)} will be handled again`),
  );
  serve(
    "/dead-letters/drop",
    "/dead-letters",
    "Drop dead letters",
    onDeadLetters(async (filter, form) => {
      confirmed(form);
      return `${await dropDeadLetters(sql, filter)} are dropped`;
    }),
  );
}

/** Which dead letters a query or a form means. @throws {RangeError} a value of it has the wrong form */
export function deadLetterFilter(text: (name: string) => string | undefined): DeadLetterFilter {
  const when = (name: string): Date | undefined => {
    const given = text(name);
    const at = given === undefined ? undefined : parseTime(given);
    if (given !== undefined && at === undefined) {
      throw new RangeError(`Cannot read '${given}': it must be a time such as 2026-01-31T12:00Z`);
    }
    return at;
  };
  const eventId = text("event");
  if (eventId !== undefined && !isUuid(eventId)) {
    throw new RangeError(`Cannot read '${eventId}': it must be an event id`);
  }
  return { consumer: text("consumer"), eventId, eventType: text("type"), since: when("since"), until: when("until") };
}

/** Whether a text is an event id. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** Those that were ticked, or all that a filter shows. */
function chosenOf(form: Form): DeadLetterFilter {
  if (textOf(form, "which") === "all") return deadLetterFilter((name) => textOf(form, name));
  const ids = [form["id"] ?? []].flat().filter((id): id is string => typeof id === "string");
  if (ids.length === 0) throw new RangeError("Cannot do that: no dead letter is chosen. Tick some");
  const wrong = ids.find((id) => !/^\d{1,18}$/.test(id));
  if (wrong !== undefined) throw new RangeError(`Cannot read '${wrong}': it must be the number of a dead letter`);
  return { ids };
}

function confirmed(form: Form): void {
  if (textOf(form, "confirm") !== "yes") throw new RangeError("Cannot do that: it is not confirmed. Tick 'I am sure'");
}

function textOf(form: Form, name: string): string | undefined {
  const value = form[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function refuse(c: Context<ConsoleEnv>, status: 403 | 422, text: string): Response | Promise<Response> {
  return c.html(page(c.get("frame"), "Not done", html`<p class="error" role="alert">${text}</p>`), status);
}
