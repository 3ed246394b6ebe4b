import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseRedisUrl, type RedisTarget } from "./redis_url.ts";

const targets: Record<string, RedisTarget> = {
  "redis://db": { kind: "single", login: {}, tls: false, server: { host: "db", port: 6379 }, database: 0 },
  "rediss://app:p%40s%3A%2Fs@db:7000/3": {
    kind: "single",
    login: { username: "app", password: "p@s:/s" },
    tls: true,
    server: { host: "db", port: 7000 },
    database: 3,
  },
  "redis://:p@ss@[::1]:7000/": {
    kind: "single",
    login: { password: "p@ss" },
    tls: false,
    server: { host: "::1", port: 7000 },
    database: 0,
  },
  "redis://app@db": {
    kind: "single",
    login: { username: "app", password: "" },
    tls: false,
    server: { host: "db", port: 6379 },
    database: 0,
  },
  "redis+sentinel://app:secret@s1,s2:26380/main/1?sentinelUser=watch&sentinelPassword=p%26w": {
    kind: "sentinel",
    login: { username: "app", password: "secret" },
    tls: false,
    sentinels: [{ host: "s1", port: 26379 }, { host: "s2", port: 26380 }],
    sentinelLogin: { username: "watch", password: "p&w" },
    group: "main",
    database: 1,
  },
  "redis+sentinel://s1/main?tls=true": {
    kind: "sentinel",
    login: {},
    tls: true,
    sentinels: [{ host: "s1", port: 26379 }],
    sentinelLogin: {},
    group: "main",
    database: 0,
  },
  "rediss+cluster://app:secret@n1:7001,n2": {
    kind: "cluster",
    login: { username: "app", password: "secret" },
    tls: true,
    nodes: [{ host: "n1", port: 7001 }, { host: "n2", port: 6379 }],
  },
};

for (const [url, target] of Object.entries(targets)) {
  Deno.test(`parseRedisUrl() reads ${url}`, () => assertEquals(parseRedisUrl(url), target));
}

const faults: Record<string, string> = {
  "http://secret@db": "must be a URL that begins with redis://, redis+sentinel:// or redis+cluster://",
  "redis:secret@db": "must be a URL that begins with redis://",
  "redis+ring://secret@db": "must be a URL that begins with redis://",
  "redis://:secret@": "must name hosts as host:port or [address]:port",
  "redis://:secret@db:0": "must name hosts as host:port",
  "redis://:secret@db:70000": "must name hosts as host:port",
  "redis://:secret@::1": "must name hosts as host:port",
  "redis://:secret@db1,db2": "must name one host; redis+sentinel:// and redis+cluster:// take several",
  "redis://:secret@db/secret": "must give the database as a number",
  "redis://:secret%@db": "must have its password percent-encoded",
  "redis://db?secret=1": "must have no parameters",
  "redis+sentinel://:secret@s1:26379": "must name what the Sentinels watch: redis+sentinel://host:26379/NAME",
  "redis+sentinel://s1/main?password=secret": "must have no parameters but sentinelUser, sentinelPassword, tls",
  "redis+sentinel://s1/main?tls=secret": "must have tls=true or tls=false",
  "redis+cluster://:secret@n1/1": "must name no database but 0: a Redis Cluster has no other",
};

for (const [url, fault] of Object.entries(faults)) {
  Deno.test(`parseRedisUrl() says what is wrong with ${url}, and shows nothing of it`, () => {
    const error = assertThrows(() => parseRedisUrl(url), TypeError, `Cannot use the Redis URL: it ${fault}`);
    assert(!error.message.includes("secret"));
  });
}
