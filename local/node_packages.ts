import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname!, "..");

/** The members that run in Node.js, each after those it needs. */
export const NODE_MEMBERS = ["common", "producer", "publisher", "archiver", "consumer"] as const;

/** Runs a program, and gives what it printed. @throws {Error} it failed; the message has its output */
export async function output(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args], stdin: "null", ...options })
    .output();
  const decoder = new TextDecoder();
  const [out, errors] = [decoder.decode(stdout), decoder.decode(stderr)];
  if (code === 0) return out;
  throw new Error(`Cannot go on: '${[program, ...args].join(" ")}' exited with ${code}\n${out}${errors}`);
}

/** What is read and completed of a package.json. */
interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/**
 * Builds the npm package of each member with `deno pack` into folders of `into`, and completes what that leaves out of their
 * dependencies: other members, and npm packages of which only types are used.
 *
 * @returns the folders by package name
 */
export async function packMembers(into: string): Promise<Readonly<Record<string, string>>> {
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`)) as { imports: Record<string, string> };
  const versions = new Map(
    Object.values(imports).flatMap((specifier) => {
      const [, name, version] = /^npm:\/?(@[^/]+\/[^@/]+|[^@/]+)@([^/]+)/.exec(specifier) ?? [];
      return name === undefined ? [] : [[name, version!]];
    }),
  );
  const folders: Record<string, string> = {};
  await Promise.all(NODE_MEMBERS.map(async (member) => {
    const folder = `${into}/${member}`;
    await Deno.mkdir(folder, { recursive: true });
    const tarball = `${into}/${member}.tgz`;
    await output(Deno.execPath(), ["pack", "--quiet", "--allow-dirty", "-o", tarball], { cwd: `${ROOT}/${member}` });
    await output("tar", ["xzf", tarball, "--strip-components=1", "-C", folder], { cwd: into });
    folders[`@events-pipeline/${member}`] = folder;
  }));
  for (const folder of Object.values(folders)) {
    const file = `${folder}/package.json`;
    const description = JSON.parse(await Deno.readTextFile(file)) as PackageJson;
    const dependencies: Record<string, string> = { ...description.dependencies };
    for (const name of await importedBy(folder)) {
      const version = versions.get(name) ?? (name in folders ? description.version : undefined);
      if (version !== undefined && name !== description.name) dependencies[name] ??= version;
    }
    await Deno.writeTextFile(file, JSON.stringify({ ...description, dependencies }, undefined, 2));
  }
  return folders;
}

/** The packages that the built files of a folder name in their imports. */
async function importedBy(folder: string): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) { for (const inner of await importedBy(`${folder}/${name}`)) names.add(inner); }
    if (!/\.(?:js|d\.ts)$/.test(name)) continue;
    const text = await Deno.readTextFile(`${folder}/${name}`);
    for (
      const [, found] of text.matchAll(/(?:from|import) ?\(?["']((?:@[^/"']+\/)?[^./"'@][^/"':]*)(?:\/[^"']*)?["']/g)
    ) {
      names.add(found!);
    }
  }
  return names;
}
