import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { askPostgres, askRedis } from "./answers.ts";
import { serverAccount } from "./account.ts";
import { printedUrls } from "./testdata/text_until.ts";

Deno.test("serverAccount() is the own one unless that is root", async () => {
  const account = await serverAccount(["no_such_user", "nobody"]);
  if (Deno.uid() === 0) assertNotEquals(account?.uid ?? 0, 0);
  else assertEquals(account, undefined);
});

/** As root: the stack for `nobody`, who sees neither root's cache nor, perhaps, root's Deno. */
async function startAsNobody(): Promise<void> {
  const { uid, gid } = await serverAccount(["nobody"]) ?? {};
  if (uid === undefined || gid === undefined) return; // The other tests run without root then
  const folder = await Deno.makeTempDir({ dir: "/tmp" });
  try {
    await Deno.copyFile(Deno.execPath(), `${folder}/deno`);
    const bundle = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["bundle", "--quiet", "--platform", "deno"],
        ...["--output", `${folder}/up.js`, `${import.meta.dirname}/up.ts`],
      ],
    }).output();
    assertEquals(bundle.code, 0, new TextDecoder().decode(bundle.stderr));
    await Deno.chown(folder, uid, gid);
    const program = new Deno.Command(`${folder}/deno`, {
      args: ["run", "--allow-all", "--no-config", `${folder}/up.js`],
      cwd: folder,
      env: { HOME: folder, DENO_DIR: `${folder}/cache`, DATABASE_URL: "", REDIS_URL: "" },
      uid,
      gid,
      stdout: "piped",
    }).spawn();
    const [database, redis] = await printedUrls(program.stdout);
    await askPostgres(database);
    await askRedis(redis);
    program.kill("SIGINT");
    assertEquals((await program.status).code, 0);
    await program.stdout.cancel();
    await assertRejects(() => askPostgres(database));
    await assertRejects(() => askRedis(redis));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("startStack() works without root", startAsNobody);
