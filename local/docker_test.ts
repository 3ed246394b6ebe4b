import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { askRedis } from "./answers.ts";
import { findRedis } from "./binaries.ts";
import { textUntil } from "./testdata/text_until.ts";
import { until } from "./until.ts";

/**
 * Stands in for Docker, which test machines may lack: keeps its arguments, and runs a Redis
 * between `up` and `down`. Like `up --wait`, it returns when Redis answers, or fails with its log.
 */
const DOCKER = `#!/bin/sh
folder=$(dirname "$0")
echo "$*" >>"$folder/calls"
case $* in
*" up "*)
  echo "requirepass $REDIS_PASSWORD" | @BIN@/redis-server - --bind 127.0.0.1 \\
    --port "$REDIS_PORT" --save "" --dir "$folder" >"$folder/log" 2>&1 &
  echo $! >"$folder/pid"
  until grep -q "Ready to accept connections" "$folder/log"; do
    kill -0 $! 2>/dev/null || { cat "$folder/log"; exit 1; }
    sleep 0.05
  done ;;
*" down "*) kill "$(cat "$folder/pid")" ;;
esac
`;

for (const end of ["stop", "kill"] as const) {
  Deno.test(`startDockerServer() takes its project down after ${end}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const script = DOCKER.replace("@BIN@", await findRedis() ?? "");
      await Deno.writeTextFile(`${folder}/docker`, script, { mode: 0o755 });
      const program = new Deno.Command(Deno.execPath(), {
        args: ["run", "--allow-all", `${import.meta.dirname}/testdata/through_docker.ts`],
        env: { PATH: `${folder}:${Deno.env.get("PATH")}` },
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      const url = (await textUntil(program.stdout, /\n/)).trim();
      await askRedis(url);
      if (end === "kill") program.kill("SIGKILL");
      await program.stdin.close().catch(() => {});
      await Promise.all([program.status, program.stdout.cancel()]);
      const calls = async () => (await Deno.readTextFile(`${folder}/calls`)).trim().split("\n");
      await until("docker compose down was called", async () => (await calls()).length === 2);
      const [up = "", down = ""] = await calls();
      const common = /^compose --file \S+docker-compose\.yml --project-name (ep-[-0-9a-f]+) /;
      assertEquals(up.match(common)?.[1], down.match(common)?.[1]);
      assertMatch(up, /[0-9a-f] up --detach --wait redis$/);
      assertMatch(down, /[0-9a-f] down --volumes --timeout 5$/);
      await until("Redis is gone", () => askRedis(url).then(() => false, () => true));
      await assertRejects(() => askRedis(url));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
