import { connectRedis, type RedisTls } from "@events-pipeline/common/redis";
import { makeCertificates, startRedis } from "@events-pipeline/local";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { describeError } from "./logger.ts";

/** Asks a server once, with a short time limit. @returns its answer, or why there is none */
async function ping(url: string, tls: RedisTls = {}): Promise<string> {
  const redis = connectRedis(url, { clientName: "test", commandTimeoutMs: 500, tls });
  try {
    return String(await redis.call("PING"));
  } catch (error) {
    return describeError(error);
  } finally {
    await redis.close();
  }
}

Deno.test("connectRedis() over TLS trusts the authority that it is given, and no other one, for the server's own names", async () => {
  const [own, other] = await Promise.all([makeCertificates("IP:127.0.0.1"), makeCertificates("IP:127.0.0.1")]);
  await using server = await startRedis({ tls: own });
  const { port } = new URL(server.url);
  assertEquals(await ping(server.url, { ca: own.ca }), "PONG");
  const refused = /^Cannot wait for Redis any longer: .*: (self-signed certificate|unable to verify)/;
  assertMatch(await ping(server.url, { ca: other.ca }), refused);
  assertMatch(await ping(server.url), refused);
  assertMatch(
    await ping(server.url.replace("127.0.0.1", "localhost"), { ca: own.ca }),
    /Hostname\/IP does not match certificate's altnames/,
  );
  const plain = await ping(`redis://127.0.0.1:${port}`);
  assertMatch(plain, /^Cannot wait for Redis any longer: /);
});

Deno.test("connectRedis() over TLS shows its own certificate to a server that asks for one", async () => {
  const own = await makeCertificates();
  await using server = await startRedis({ tls: own });
  const admin = connectRedis(server.url, { clientName: "test", tls: own });
  try {
    await admin.call("CONFIG", "SET", "tls-auth-clients", "yes");
  } finally {
    await admin.close();
  }
  assertEquals(await ping(server.url, own), "PONG");
  assertMatch(await ping(server.url, { ca: own.ca }), /^Cannot wait for Redis any longer: /);
});

Deno.test("connectRedis() refuses certificates that its connections would not use", () => {
  const connect = (url: string, tls: RedisTls) => () => connectRedis(url, { clientName: "test", tls });
  for (const url of ["redis://h", "redis+sentinel://h/main", "redis+cluster://h"]) {
    assertThrows(connect(url, { ca: "x" }), TypeError, "Cannot use certificates for Redis: its URL begins with redis");
  }
  assertThrows(connect("rediss://h", { cert: "x" }), TypeError, "it needs both a certificate and its key");
});

Deno.test("connectRedis() says why a user is refused, and what of the user's rights is missing", async () => {
  const tls = await makeCertificates();
  await using server = await startRedis({ tls });
  const admin = connectRedis(server.url, { clientName: "test", tls });
  const url = (user: string) => `rediss://${user}@${new URL(server.url).host}`;
  const app = connectRedis(url("app:s%40cret"), { clientName: "test", tls });
  try {
    await admin.call("ACL", "SETUSER", "app", "on", ">s@cret", "~stream:*", "+xlen", "+evalsha", "+eval", "+info");
    assertEquals(await app.call("XLEN", "stream:a:events"), 0);
    for (const user of ["app:wrong", "nobody:wrong"]) {
      const reason = await ping(url(user), tls);
      assertMatch(reason, /WRONGPASS invalid username-password pair or user is disabled/);
      assert(!reason.includes("cret") && !reason.includes(":wrong"), reason);
    }
    assertMatch(await ping(url(":"), tls), /NOAUTH/);
    await assertRejects(
      () => app.call("XTRIM", "stream:a:events", "MAXLEN", 1),
      Error,
      "NOPERM this user has no permissions to run the 'xtrim' command: XTRIM on stream:a:events, as user 'app'",
    );
    const key = await assertRejects(() => app.call("XLEN", "other"), Error);
    assertMatch(key.message, /^NOPERM .*: XLEN on other, as user 'app'$/);
    const script = { name: "testWrite", lua: "return redis.call('XADD', KEYS[1], '*', 'f', 'v')" };
    const inside = await assertRejects(() => app.evaluate(script, "stream:a:events", []), Error);
    assertMatch(
      inside.message,
      /^ERR The user executing the script can't run .*: the script testWrite on stream:a:events, as user 'app'$/,
    );
  } finally {
    await Promise.all([app.close(), admin.close()]);
  }
});
