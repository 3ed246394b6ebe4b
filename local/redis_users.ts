import { resolve } from "node:path";
import { callRedis } from "./redis_call.ts";

/** A user of Redis, with the rights that a document names. */
export interface RedisUser {
  /** `publisher`, `consumer`, `archiver` or `observer`. */
  readonly name: string;
  /** The document that names its rights, from the root of the repository. @default the README of the package of its name */
  readonly document?: string;
  /** The keys that it may touch. @default those that the document names */
  readonly keys?: string;
  /** The authority that signed the server's certificate, as PEM text. @default the public ones */
  readonly ca?: string | undefined;
}

/** A password with all that is special in a URL or a configuration. */
const PASSWORD = "s3cret/@:%?#";

const ROOT = resolve(import.meta.dirname!, "..");

/** Creates a user on a server as a document says. @returns the server's URL for that user */
export async function createRedisUser(
  url: string,
  { name, document = `${name}/README.md`, keys, ca }: RedisUser,
): Promise<string> {
  const readme = await Deno.readTextFile(`${ROOT}/${document}`);
  const rule = new RegExp(`^(ACL) (SETUSER) (${name} on >PASSWORD [^\`]*)`, "m").exec(readme);
  if (rule === null) throw new Error(`Cannot find the rights of the user '${name}' in ${document}`);
  const words = rule[3]!.replaceAll("\\\n", "").trim().split(/\s+/).map((word) => {
    if (word === ">PASSWORD") return `>${PASSWORD}`;
    return keys !== undefined && /^(?:%\w+)?~/.test(word) ? word.replace(/~.*/, `~${keys}`) : word;
  });
  await callRedis(url, ["ACL", "SETUSER", ...words], { ca });
  return urlFor(url, name);
}

/** A URL for a user that {@linkcode createRedisUser} has created. */
export function urlFor(url: string, name: string): string {
  return url.replace(/\/\/[^@]*@/, `//${name}:${encodeURIComponent(PASSWORD)}@`);
}

/** What a server has refused to its users since it was started: who, and what. */
export async function refusals(url: string, ca?: string): Promise<string[]> {
  const log = await callRedis(url, ["ACL", "LOG"], { ca }) as string[][];
  return log.map((entry) => `${entry[entry.indexOf("username") + 1]}: ${entry[entry.indexOf("object") + 1]}`);
}
