/**
 * The program of `deno task test:node`: builds the packages, installs them in an empty project of Node.js with `postgres` and `pg`, checks
 * the types of `examples/node` with tsc, and runs it on Node.js 20 and 22 and on Bun, with a PostgreSQL and a Redis.
 *
 * @module
 */
import { resolve } from "node:path";
import { createDatabase } from "./database.ts";
import { output, packMembers } from "./node_packages.ts";
import { startStack } from "./stack.ts";

const ROOT = resolve(import.meta.dirname!, "..");

const USAGE =
  `Builds the packages, installs them in an empty project, and runs examples/node on Node.js 20 and 22 and on Bun.

Usage: deno task test:node [--help]

PostgreSQL and Redis are found as deno task up finds them. The packages are installed with npm.`;

/** What it runs on, as npm has it. */
const RUNTIMES: Readonly<Record<string, string>> = {
  "Node.js 20": "node@20",
  "Node.js 22": "node@22",
  Bun: "bun@1",
};

/** How a runtime is called: the Node.js of this machine, when it is of that version. */
async function callOf(runtime: string, cwd: string): Promise<readonly [program: string, ...args: string[]]> {
  const [major] = (await output("node", ["--version"], { cwd })).slice(1).split(".");
  return RUNTIMES[runtime] === `node@${major}` ? ["node"] : ["npx", "-y", RUNTIMES[runtime]!];
}

const EXPECTED = '[["o-1",100],["o-2",250]]';

async function step<T>(name: string, act: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  const result = await act();
  console.log(`${name.padEnd(60)} ok  ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  return result;
}

async function main(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "events_node_" });
  try {
    const project = `${folder}/project`;
    await Deno.mkdir(project);
    const packages = await step("the packages are built", () => packMembers(folder));
    for (const name of ["app.ts", "tsconfig.json"]) {
      await Deno.copyFile(`${ROOT}/examples/node/${name}`, `${project}/${name}`);
    }
    const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`)) as { imports: Record<string, string> };
    const version = (name: string): string => imports[name]!.slice(imports[name]!.lastIndexOf("@") + 1);
    const dependencies = Object.fromEntries(
      ["pg", "postgres", "zod", "@types/pg"].map((name) => [name, version(name)]),
    );
    const members = Object.fromEntries(Object.entries(packages).map(([name, path]) => [name, `file:${path}`]));
    await Deno.writeTextFile(
      `${project}/package.json`,
      JSON.stringify({
        ...{ name: "app", private: true, type: "module" },
        dependencies: { ...dependencies, ...members, "@types/node": "^20", typescript: "^5.9" },
        // The members name each other by version: here is where those are.
        overrides: members,
      }),
    );
    await step(
      "they are installed in an empty project",
      () => output("npm", ["install", "--install-links", "--no-audit", "--no-fund"], { cwd: project }),
    );
    await step("tsc accepts the app's types", () => output("npx", ["tsc"], { cwd: project }));
    await using stack = await startStack({
      environment: { DATABASE_URL: Deno.env.get("DATABASE_URL"), REDIS_URL: Deno.env.get("REDIS_URL") },
    });
    let run = 0;
    for (const runtime of Object.keys(RUNTIMES)) {
      const [program, ...args] = await callOf(runtime, project);
      await step(`sent, published and handled once on ${runtime}`, async () => {
        const database = await createDatabase(stack.databaseUrl);
        try {
          const stream = `stream:node-${crypto.randomUUID()}:events`;
          const env = { DATABASE_URL: database.url, REDIS_URL: stack.redisUrl, STREAM: stream };
          const printed = await output(program, [...args, "dist/app.js"], { cwd: project, env });
          if (printed.trim() !== EXPECTED) throw new Error(`The app on ${runtime} printed ${printed}`);
          run++;
        } finally {
          await database.drop();
        }
      });
    }
    console.log(`${run} passed, 0 failed`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  if (Deno.args.length === 0) await main();
  else {
    const help = Deno.args.every((arg) => arg === "--help" || arg === "-h");
    (help ? console.log : console.error)(help ? USAGE : `Unknown argument ${Deno.args.join(" ")}\n\n${USAGE}`);
    Deno.exit(help ? 0 : 2);
  }
}
