/**
 * The settings of a program: one zod schema for each environment variable, read together.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { MonitorAddress } from "./monitor.ts";
import type { RedisTls } from "./redis_tls.ts";
import { readRedisUrl, REDIS_URL_FORMS } from "./redis_url.ts";
import { defineStreamName } from "./stream_name.ts";
import type { StreamName } from "./stream_names.ts";

/** Settings that are missing or wrong: all of them, one line each. Values are not repeated, for they may be secret. */
export class SettingsError extends Error {
  /** The error's name, `SettingsError`. */
  override readonly name = "SettingsError";
  /** One sentence a fault. */
  readonly faults: readonly string[];

  /** Made from one sentence a fault. */
  constructor(faults: readonly string[]) {
    super(faults.join("\n"));
    this.faults = faults;
  }
}

/** A zod schema that reads a setting from its text; `undefined` stands for a variable that is not set. */
export interface SettingSchema<T = unknown> {
  /** What `--help` says of it. */
  readonly description?: string | undefined;
  /** Zod's own record of the schema. */
  readonly _zod: {
    /** The value that is read. */
    readonly output: T;
  };
}

/** The settings of a program by the name of their environment variable. */
export type SettingsShape = Readonly<Record<string, SettingSchema>>;

/** The values that a shape reads. */
export type SettingsOf<Shape extends SettingsShape> = { readonly [K in keyof Shape]: Shape[K]["_zod"]["output"] };

/**
 * Reads settings from the environment.
 *
 * @param shape the settings
 * @param environment gives a variable's value, or `undefined`; an empty value counts as not set
 * @throws {SettingsError} with every fault at once
 *
 * @example
 * ```ts
 * import { readSettings, secondsSetting } from "@events-pipeline/common/settings";
 * import { assertEquals } from "@std/assert";
 *
 * const shape = { LEASE_SECONDS: secondsSetting("How long a lease lasts", 10) };
 * assertEquals(readSettings(shape, () => "2.5"), { LEASE_SECONDS: 2_500 });
 * assertEquals(readSettings(shape, () => undefined), { LEASE_SECONDS: 10_000 });
 * ```
 */
export function readSettings<Shape extends SettingsShape>(
  shape: Shape,
  environment: (name: string) => string | undefined,
): SettingsOf<Shape> {
  const schema = z.object(shape as unknown as z.ZodRawShape);
  const values = Object.fromEntries(Object.keys(shape).map((name) => [name, environment(name) || undefined]));
  const result = schema.safeParse(values);
  if (result.success) return result.data as SettingsOf<Shape>;
  throw new SettingsError(result.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`));
}

/** The database of the producers: `DATABASE_URL`. */
export const databaseUrlSetting: SettingSchema<string> = urlSetting(["postgres:", "postgresql:"])
  .describe("The producers' database, postgres://user:password@host:port/name (required)");

/** The database of the producers, for what can do without: `DATABASE_URL`. */
export const optionalDatabaseUrlSetting: SettingSchema<string | undefined> = urlSetting(["postgres:", "postgresql:"])
  .optional().describe("The producers' database, postgres://user:password@host:port/name (default: none)");

/** The database that the handlers write, if it is another one: `CONSUMER_DATABASE_URL`. */
export const consumerDatabaseUrlSetting: SettingSchema<string | undefined> = urlSetting(["postgres:", "postgresql:"])
  .optional().describe("The database that the handlers write (default: DATABASE_URL)");

/** The Redis that holds the streams: `REDIS_URL`. */
export const redisUrlSetting: SettingSchema<string> = z
  .string({ error: `is not set: it must be a URL that begins with ${REDIS_URL_FORMS}` })
  .transform((text, context) => {
    const outcome = readRedisUrl(text);
    if ("fault" in outcome) context.addIssue(outcome.fault);
    return text;
  })
  .describe(
    "The Redis, redis://user:password@host:port, redis+sentinel:// or redis+cluster://, rediss for TLS (required)",
  );

/** Certificates for TLS connections to Redis: `REDIS_CA_FILE`, `REDIS_CERT_FILE` and `REDIS_KEY_FILE`. */
export const redisTlsSettings: Readonly<
  Record<"REDIS_CA_FILE" | "REDIS_CERT_FILE" | "REDIS_KEY_FILE", SettingSchema<string | undefined>>
> = {
  REDIS_CA_FILE: pemFileSetting("The authority that signed Redis's certificate, a PEM file (default: the public ones)"),
  REDIS_CERT_FILE: pemFileSetting("The client certificate for Redis, a PEM file (default: none)"),
  REDIS_KEY_FILE: pemFileSetting("Its private key, a PEM file (default: none)"),
};

/** The certificates that {@linkcode redisTlsSettings} has read, for `connectRedis`. */
export function redisTls(settings: SettingsOf<typeof redisTlsSettings>): RedisTls {
  return { ca: settings.REDIS_CA_FILE, cert: settings.REDIS_CERT_FILE, key: settings.REDIS_KEY_FILE };
}

/** The least level that is logged: `LOG_LEVEL`. */
export const logLevelSetting: SettingSchema<"DEBUG" | "INFO" | "WARN" | "ERROR"> = z
  .preprocess(
    (text) => typeof text === "string" ? text.toUpperCase() : "INFO",
    z.enum(["DEBUG", "INFO", "WARN", "ERROR"], { error: "must be debug, info, warn or error" }),
  ).describe("debug, info, warn or error (default: info)");

/** The form of the log: `LOG_FORMAT`. */
export const logFormatSetting: SettingSchema<"text" | "json"> = z
  .enum(["text", "json"], { error: "must be text or json" }).default("text")
  .describe("text or json (default: text)");

/** Where health and metrics are served: `MONITOR_ADDRESS`. */
export const monitorAddressSetting: SettingSchema<MonitorAddress | undefined> = z
  .string().transform((text, context) => {
    const match = /^(?:(.+):)?(\d{1,5})$/.exec(text);
    const port = Number(match?.[2]);
    if (match !== null && port <= 65_535) return { host: match[1]?.replace(/^\[|\]$/g, "") ?? "127.0.0.1", port };
    context.addIssue("must be PORT or HOST:PORT");
    return z.NEVER;
  }).optional().describe("PORT (on loopback) or HOST:PORT to serve /health and /metrics on (default: not served)");

/**
 * A length of time, set in seconds (a fraction is allowed) and read in milliseconds.
 *
 * @param what what it is, for `--help`
 * @param defaultSeconds its value when it is not set
 */
export function secondsSetting(what: string, defaultSeconds: number): SettingSchema<number> {
  const error = "must be a number of seconds above 0";
  return z.preprocess(
    (text) => text === undefined ? defaultSeconds : Number(text),
    z.number({ error }).positive({ error }).max(1e9, { error }),
  ).transform((seconds) => Math.round(seconds * 1_000)).describe(`${what}, in seconds (default: ${defaultSeconds})`);
}

/**
 * A whole number above 0.
 *
 * @param what what it counts, for `--help`
 * @param byDefault its value when it is not set
 */
export function countSetting(what: string, byDefault: number): SettingSchema<number> {
  const error = "must be a whole number above 0";
  return z.preprocess(
    (text) => text === undefined ? byDefault : Number(text),
    z.number({ error }).int({ error }).positive({ error }),
  ).describe(`${what} (default: ${byDefault})`);
}

/**
 * A whole number above 0, or nothing.
 *
 * @param what what it counts, for `--help`
 */
export function optionalCountSetting(what: string): SettingSchema<number | undefined> {
  const error = "must be a whole number above 0";
  return z.preprocess(
    (text) => text === undefined ? undefined : Number(text),
    z.number({ error }).int({ error }).positive({ error }).optional(),
  ).describe(`${what} (default: none)`);
}

/**
 * A share, above 0 and up to 1.
 *
 * @param what what it is a share of, for `--help`
 * @param byDefault its value when it is not set
 */
export function shareSetting(what: string, byDefault: number): SettingSchema<number> {
  const error = "must be a number above 0 and up to 1";
  return z.preprocess(
    (text) => text === undefined ? byDefault : Number(text),
    z.number({ error }).positive({ error }).max(1, { error }),
  ).describe(`${what} (default: ${byDefault})`);
}

/**
 * On or off, or nothing.
 *
 * @param what what it switches, for `--help`
 */
export function switchSetting(what: string): SettingSchema<boolean | undefined> {
  return z.enum(["on", "off"], { error: "must be on or off" }).transform((text) => text === "on").optional().describe(
    what,
  );
}

/**
 * Any text, or nothing.
 *
 * @param what what it is, for `--help`
 */
export function textSetting(what: string): SettingSchema<string | undefined> {
  return z.string().optional().describe(what);
}

/**
 * The name of a stream, which is defined by that.
 *
 * @param what what it is, for `--help`
 * @param byDefault its value when it is not set
 */
export function streamNameSetting(what: string, byDefault: string): SettingSchema<StreamName> {
  return z.string().default(byDefault).transform((text, context) => {
    try {
      return defineStreamName(text);
    } catch {
      context.addIssue("must be stream:<domain>:events in lower case");
      return z.NEVER;
    }
  }).describe(`${what} (default: ${byDefault})`);
}

/**
 * A file of certificates or keys, read as text; or nothing.
 *
 * @param what what it is, for `--help`
 */
export function pemFileSetting(what: string): SettingSchema<string | undefined> {
  return z.string().transform((path, context) => {
    try {
      const text = readFileSync(path, "utf8");
      if (text.includes("-----BEGIN ")) return text;
      context.addIssue("must name a PEM file: the one that it names has no line that begins with -----BEGIN");
    } catch (error) {
      // Errors name the path; who has put the key itself there shall not see it in a log.
      context.addIssue(`must name a file that can be read: ${reasonOf(error)}`);
    }
    return z.NEVER;
  }).optional().describe(what);
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === "NotCapable") {
    return "it is in none of the folders that the task's --allow-read names";
  }
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}

function urlSetting(protocols: readonly string[]): z.ZodType<string> {
  const expected = protocols.map((protocol) => `${protocol}//`).join(" or ");
  return z.string({ error: `is not set: it must be a URL that begins with ${expected}` }).refine(
    (text) => protocols.includes(URL.parse(text)?.protocol ?? ""),
    { error: `must be a URL that begins with ${expected}` },
  );
}

/**
 * A URL without its password, for logs and messages.
 *
 * @example
 * ```ts
 * import { redactUrl } from "@events-pipeline/common/settings";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(redactUrl("postgres://app:secret@db:5432/shop"), "postgres://app:***@db:5432/shop");
 * ```
 */
export function redactUrl(text: string): string {
  const url = URL.parse(text);
  // Without the slashes nothing is known as a password: all of `app:secret@db` is the path of a URL of protocol `app:`.
  if (url === null || !url.href.startsWith(`${url.protocol}//`)) return "***";
  if (url.password !== "") url.password = "***";
  url.search = url.search === "" ? "" : "?***";
  return url.href;
}
