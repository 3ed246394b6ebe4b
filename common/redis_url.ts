/** A host and a port. */
export interface RedisEndpoint {
  /** A name or an address; an IPv6 address has no brackets. */
  readonly host: string;
  /** The port. */
  readonly port: number;
}

/** Who logs in. Without a name it is Redis's user `default`. */
export interface RedisLogin {
  /** The ACL user. */
  readonly username?: string;
  /** The user's password. */
  readonly password?: string;
}

/** What every kind of Redis has. */
interface Reachable {
  /** Who logs in to the servers that hold the streams. */
  readonly login: RedisLogin;
  /** Whether all connections are made by TLS. */
  readonly tls: boolean;
}

/** Where a Redis URL leads. */
export type RedisTarget =
  /** One server. */
  | Reachable & { readonly kind: "single"; readonly server: RedisEndpoint; readonly database: number }
  /** The server that Sentinels name. */
  | Reachable & {
    readonly kind: "sentinel";
    readonly sentinels: readonly RedisEndpoint[];
    /** Who logs in to the Sentinels. */
    readonly sentinelLogin: RedisLogin;
    /** What the Sentinels call the group of servers. */
    readonly group: string;
    readonly database: number;
  }
  /** The servers of a Redis Cluster. */
  | Reachable & {
    readonly kind: "cluster";
    /** Some of them: they name the others. */
    readonly nodes: readonly RedisEndpoint[];
  };

/** What is wrong with a URL, as the end of a sentence: `must name a host`. It repeats nothing of the URL, which holds a password. */
class UrlFault extends Error {}

const URL_FORM = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;

/** How a URL may begin, for people. */
export const REDIS_URL_FORMS = "redis://, redis+sentinel:// or redis+cluster://, each also with rediss for TLS";

/**
 * Reads a Redis URL.
 *
 * - `redis://user:password@host:6379/0`
 * - `redis+sentinel://user:password@host1:26379,host2:26379/group?sentinelUser=name&sentinelPassword=secret`
 * - `redis+cluster://user:password@host1:6379,host2:6379`
 *
 * `rediss` asks for TLS. What has a special meaning in a URL is percent-encoded.
 *
 * @returns where it leads, or what is wrong with it, to be put behind its name
 */
export function readRedisUrl(text: string): { readonly target: RedisTarget } | { readonly fault: string } {
  try {
    return { target: read(text) };
  } catch (error) {
    if (error instanceof UrlFault) return { fault: error.message };
    throw error;
  }
}

/**
 * Reads a Redis URL.
 *
 * @throws {TypeError} what is wrong with it
 */
export function parseRedisUrl(text: string): RedisTarget {
  const outcome = readRedisUrl(text);
  if ("fault" in outcome) throw new TypeError(`Cannot use the Redis URL: it ${outcome.fault}`);
  return outcome.target;
}

function read(text: string): RedisTarget {
  const match = URL_FORM.exec(text);
  if (match === null) throw new UrlFault(`must be a URL that begins with ${REDIS_URL_FORMS}`);
  const [, secure, kind = "single", login = "", hosts = "", path = "", query = ""] = match;
  const words = path.split("/").map((word) => decode(word, "path"));
  const parameters = new URLSearchParams(query);
  const known = kind === "sentinel" ? ["sentinelUser", "sentinelPassword", "tls"] : [];
  for (const name of parameters.keys()) {
    if (!known.includes(name)) {
      throw new UrlFault(`must have no ${known.length > 0 ? `parameters but ${known.join(", ")}` : "parameters"}`);
    }
  }
  const reachable = { login: readLogin(login), tls: secure === "s" || isOn(parameters.get("tls")) };
  if (kind === "single") {
    const [server, ...others] = readEndpoints(hosts, 6379);
    if (others.length > 0) {
      throw new UrlFault("must name one host; redis+sentinel:// and redis+cluster:// take several");
    }
    return { kind, ...reachable, server: server!, database: readDatabase(words) };
  }
  if (kind === "cluster") {
    if (readDatabase(words) !== 0) throw new UrlFault("must name no database but 0: a Redis Cluster has no other");
    return { kind, ...reachable, nodes: readEndpoints(hosts, 6379) };
  }
  const [group, ...rest] = words;
  if (!group) throw new UrlFault("must name what the Sentinels watch: redis+sentinel://host:26379/NAME");
  return {
    kind: "sentinel",
    ...reachable,
    sentinels: readEndpoints(hosts, 26379),
    sentinelLogin: loginOf(parameters.get("sentinelUser") ?? "", parameters.get("sentinelPassword") ?? ""),
    group,
    database: readDatabase(rest),
  };
}

function readLogin(text: string): RedisLogin {
  const colon = text.indexOf(":");
  const [user, password] = colon === -1 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
  return loginOf(decode(user, "user"), decode(password, "password"));
}

function loginOf(username: string, password: string): RedisLogin {
  // A user without a password is one that was made with `nopass`: it logs in with any.
  if (username !== "") return { username, password };
  return password === "" ? {} : { password };
}

function readEndpoints(text: string, defaultPort: number): RedisEndpoint[] {
  return text.split(",").map((part) => {
    const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(part);
    const port = Number(match?.[3] ?? defaultPort);
    if (match === null || port < 1 || port > 65_535) {
      throw new UrlFault("must name hosts as host:port or [address]:port");
    }
    return { host: match[1] ?? match[2]!, port };
  });
}

function readDatabase([text = "", ...rest]: readonly string[]): number {
  if (!/^\d{0,4}$/.test(text) || rest.length > 0) throw new UrlFault("must give the database as a number");
  return Number(text);
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UrlFault(`must have its ${part} percent-encoded: a % stands for itself as %25`);
  }
}

function isOn(text: string | null): boolean {
  if (text === null || text === "false") return false;
  if (text === "true") return true;
  throw new UrlFault("must have tls=true or tls=false");
}
