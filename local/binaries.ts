/** Folders in which Homebrew, on either processor, keeps the programs of a formula. */
async function* homebrewFolders(formula: RegExp): AsyncGenerator<string> {
  for (const prefix of ["/opt/homebrew", "/usr/local"]) {
    yield `${prefix}/bin`;
    for (const name of await namesIn(`${prefix}/opt`)) {
      if (formula.test(name)) yield `${prefix}/opt/${name}/bin`;
    }
  }
}

/** Names in a folder, the highest version first; none if there is no such folder. */
async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) {
      throw error;
    }
  }
  return names.sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}

/** Where the shell finds a program; it knows PATH, so that this library need not read it. */
async function onPath(program: string): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command("sh", {
    args: ["-c", 'command -v "$1"', "sh", program],
    stdin: "null",
    stderr: "null",
  }).output();
  const path = new TextDecoder().decode(stdout).trim();
  return success && path.startsWith("/") ? path : undefined;
}

async function firstFolderWith(
  programs: readonly string[],
  folders: AsyncIterable<string>,
): Promise<string | undefined> {
  for await (const folder of folders) {
    const found = await Promise.all(programs.map((program) => isFile(`${folder}/${program}`)));
    if (found.every(Boolean)) return folder;
  }
  return undefined;
}

async function* postgresFolders(): AsyncGenerator<string> {
  const initdb = await onPath("initdb");
  if (initdb) yield initdb.slice(0, initdb.lastIndexOf("/"));
  for (const version of await namesIn("/usr/lib/postgresql")) {
    yield `/usr/lib/postgresql/${version}/bin`;
  }
  yield* homebrewFolders(/^postgresql(@\d+)?$/);
}

async function* redisFolders(): AsyncGenerator<string> {
  const server = await onPath("redis-server");
  if (server) yield server.slice(0, server.lastIndexOf("/"));
  yield "/usr/bin";
  yield* homebrewFolders(/^redis(@[\d.]+)?$/);
}

async function* pgBouncerFolders(): AsyncGenerator<string> {
  const pooler = await onPath("pgbouncer");
  if (pooler) yield pooler.slice(0, pooler.lastIndexOf("/"));
  yield "/usr/sbin";
  yield* homebrewFolders(/^pgbouncer$/);
}

/** The folder with `initdb` and `postgres` on this machine, if there is one. */
export function findPostgres(): Promise<string | undefined> {
  return firstFolderWith(["initdb", "postgres"], postgresFolders());
}

/** The folder with `redis-server` on this machine, if there is one. */
export function findRedis(): Promise<string | undefined> {
  return firstFolderWith(["redis-server"], redisFolders());
}

async function* prometheusFolders(): AsyncGenerator<string> {
  const server = await onPath("prometheus");
  if (server) yield server.slice(0, server.lastIndexOf("/"));
  yield "/usr/bin";
  yield* homebrewFolders(/^prometheus$/);
}

/** The folder with `prometheus` and its `promtool` on this machine, if there is one. */
export function findPrometheus(): Promise<string | undefined> {
  return firstFolderWith(["prometheus", "promtool"], prometheusFolders());
}

/** The folder with `pgbouncer` on this machine, if there is one. */
export function findPgBouncer(): Promise<string | undefined> {
  return firstFolderWith(["pgbouncer"], pgBouncerFolders());
}

/** The programs of Ceph that an S3 server is made of. */
const CEPH = ["ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin"] as const;

async function* cephFolders(): AsyncGenerator<string> {
  const gateway = await onPath("radosgw");
  if (gateway) yield gateway.slice(0, gateway.lastIndexOf("/"));
  yield "/usr/bin";
}

/** The folder with the programs of a Ceph with its S3 gateway on this machine, if there is one. */
export function findCeph(): Promise<string | undefined> {
  return firstFolderWith(CEPH, cephFolders());
}
