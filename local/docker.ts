import { askPostgres, askRedis } from "./answers.ts";
import { freePort } from "./free_port.ts";
import { logTail, spawnGuarded } from "./guarded_process.ts";
import { type Server, ServerError, type StartOptions } from "./server.ts";
import { Watchdog } from "./watchdog.ts";

const FILE = `${import.meta.dirname}/../docker-compose.yml`;

async function succeeds(program: string, ...args: string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "null",
      signal: AbortSignal.timeout(10_000),
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether a Docker engine answers and the compose plugin is there. */
export async function dockerAnswers(): Promise<boolean> {
  return await succeeds("docker", "version", "--format", "{{.Server.Version}}") &&
    await succeeds("docker", "compose", "version");
}

interface Attempt {
  readonly url: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly ask: (url: string, signal?: AbortSignal) => Promise<void>;
}

function attempt(service: "postgres" | "redis", port: number): Attempt {
  const password = crypto.randomUUID().replaceAll("-", "");
  if (service === "redis") {
    return {
      url: `redis://:${password}@127.0.0.1:${port}`,
      environment: { REDIS_PORT: `${port}`, REDIS_PASSWORD: password },
      ask: askRedis,
    };
  }
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    environment: {
      POSTGRES_PORT: `${port}`,
      POSTGRES_USER: "postgres",
      POSTGRES_PASSWORD: password,
      POSTGRES_DB: "postgres",
    },
    ask: askPostgres,
  };
}

/**
 * Starts one service of docker-compose.yml on a free loopback port, as a project of its own that
 * is taken down, data included, when the server is stopped or this program ends.
 *
 * @throws {ServerError} if `docker compose up` fails, with the end of its output
 */
export async function startDockerServer(
  service: "postgres" | "redis",
  options: StartOptions = {},
): Promise<Server> {
  options.say?.(`Starting ${service} with docker compose`);
  for (let tries = 1;; tries++) {
    options.signal?.throwIfAborted();
    const { url, environment, ask } = attempt(service, freePort());
    const compose = [
      ...["docker", "compose", "--file", FILE],
      ...["--project-name", `ep-${crypto.randomUUID()}`],
    ] as const;
    const watchdog = await Watchdog.start("docker", {
      cleanUp: [...compose, "down", "--volumes", "--timeout", "5"],
    });
    const log = `${watchdog.folder}/log`;
    try {
      const child = await spawnGuarded(
        watchdog,
        ["docker", ...compose.slice(1), "up", "--detach", "--wait", service],
        { log, environment },
      );
      const abort = () => child.kill("SIGTERM");
      options.signal?.addEventListener("abort", abort);
      const { code } = await child.status;
      options.signal?.removeEventListener("abort", abort);
      options.signal?.throwIfAborted();
      await watchdog.release();
      if (code === 0) {
        await ask(url, options.signal);
        const stop = () => watchdog.end();
        return { url, origin: "docker", stop, [Symbol.asyncDispose]: stop };
      }
      const tail = await logTail(log);
      if (/already (in use|allocated)/i.test(tail) && tries < 10) {
        await watchdog.end();
        continue;
      }
      throw new ServerError(
        `Cannot start ${service}: docker compose exited with code ${code}\n${tail}`,
      );
    } catch (error) {
      await watchdog.end();
      throw error;
    }
  }
}
