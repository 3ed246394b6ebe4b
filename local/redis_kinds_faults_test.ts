import { reportText } from "@events-pipeline/checker";
import { assert, assertEquals } from "@std/assert";
import { resolve } from "node:path";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { createDatabase } from "./database.ts";
import { type DemoOptions, runDemo } from "./demo_run.ts";
import { startRedis } from "./redis.ts";
import { startRedisCluster } from "./redis_cluster.ts";
import { startSentinelGroup } from "./redis_sentinel.ts";
import { createRedisUser, refusals, urlFor } from "./redis_users.ts";

const root = resolve(import.meta.dirname!, "..");
const COUNT = 100;

/** The user of Redis that each daemon needs. */
const USERS: Readonly<Record<string, string>> = { publisher: "publisher", consume: "consumer", archive: "archiver" };

async function createUsers(url: string, ca?: string): Promise<void> {
  for (const name of Object.values(USERS)) await createRedisUser(url, { name, ca });
}

/** Runs the demo with each daemon as its own user of Redis, and asserts that nothing is lost, doubled or reordered. */
async function demonstrate(
  redisUrl: string,
  options: Partial<DemoOptions> & { readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  await using cleanUp = new AsyncDisposableStack();
  const database = await createDatabase(Deno.env.get("DATABASE_URL")!);
  cleanUp.defer(() => database.drop());
  const archiveFolder = await Deno.makeTempDir();
  cleanUp.defer(() => Deno.remove(archiveFolder, { recursive: true }));
  const told: string[] = [];
  const result = await runDemo({
    databaseUrl: database.url,
    redisUrl,
    archiveFolder,
    count: COUNT,
    signal: AbortSignal.timeout(60_000),
    environmentOf: (task) => ({ REDIS_URL: urlFor(redisUrl, USERS[task]!), ...options.environment }),
    onProgress: (line) => told.push(line),
    ...options,
  });
  const failures = told.filter((line) => line.includes("failed"));
  assert(result.report.right, [reportText(result.report), ...failures].join("\n"));
  assertEquals(result.report.streams[0]!.stages.map(({ events }) => events), [90, 90, 90, 90]);
}

/** Puts an authority's certificate where the publisher may read it, for as long as the test runs. */
async function certificateFile({ ca }: Certificates): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = resolve(root, "certs");
  await Deno.mkdir(folder, { recursive: true });
  const path = await Deno.makeTempFile({ dir: folder, suffix: ".pem" });
  await Deno.writeTextFile(path, ca);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

Deno.test("the daemons work over TLS with a private authority, each as a user with the rights that its README names", async () => {
  const tls = await makeCertificates();
  await using server = await startRedis({ tls });
  await createUsers(server.url, tls.ca);
  await using file = await certificateFile(tls);
  await demonstrate(server.url, { redisTls: tls, environment: { REDIS_CA_FILE: file.path } });
  assertEquals(await refusals(server.url, tls.ca), []);
});

Deno.test("the daemons trust the private authority that DENO_CERT names", async () => {
  const tls = await makeCertificates();
  await using server = await startRedis({ tls });
  await createUsers(server.url, tls.ca);
  await using file = await certificateFile(tls);
  await demonstrate(server.url, { redisTls: tls, environment: { DENO_CERT: file.path } });
});

Deno.test("the daemons work with the primary that Sentinels name, each as a user with the rights that its README names", async () => {
  await using group = await startSentinelGroup();
  for (const server of group.servers) await createUsers(server.url);
  await demonstrate(group.url, { environment: { PUBLISHER_WAIT_REPLICAS: "2" } });
  for (const server of group.servers) assertEquals(await refusals(server.url), []);
});

Deno.test("the daemons work on a Redis Cluster of six, each as a user with the rights that its README names", async () => {
  await using cluster = await startRedisCluster();
  for (const node of cluster.nodes) await createUsers(node.url);
  await demonstrate(cluster.url, { environment: { PUBLISHER_WAIT_REPLICAS: "1" } });
  for (const node of cluster.nodes) assertEquals(await refusals(node.url), []);
});
