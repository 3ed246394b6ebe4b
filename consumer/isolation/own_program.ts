/** How a program is called. */
export interface ProgramCall {
  /** The program's file. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** What its environment has beside this process's own. */
  readonly environment: Readonly<Record<string, string>>;
}

const granted = async (descriptor: Deno.PermissionDescriptor): Promise<boolean> =>
  (await Deno.permissions.query(descriptor)).state === "granted";

/** What a process that runs a consumer cannot do without. */
const NEEDED = ["net", "env", "read"] as const;

/** What it is given as well, if this process has all of it. */
const PASSED_ON = ["write", "import"] as const;

/**
 * Gives up the permission to run programs, which `deno task consume` has for `--isolate` alone: handlers shall not have it. A permission
 * for some programs by name, or one for everything (which shows in `--allow-ffi`), was meant for the handlers, and stays.
 */
export async function giveUpRunning(): Promise<void> {
  if (await granted({ name: "run" }) && !await granted({ name: "ffi" })) await Deno.permissions.revoke({ name: "run" });
}

/**
 * Says how this program is called again with other arguments: the same main module, by the same Deno, with this process's permissions
 * except that to run programs.
 *
 * @param flags the flags of `deno run` for it, separated by spaces. @default this process's permissions
 * @returns makes the call from its arguments
 * @throws {Error} this process may not run Deno; or there are no flags, and which permissions it has in part cannot be found out
 */
export async function ownProgram(flags?: string): Promise<(args: readonly string[]) => ProgramCall> {
  const program = Deno.execPath();
  if (!await granted({ name: "run", command: program })) {
    throw new Error("Cannot isolate consumers: this process may not start others, and needs --allow-run");
  }
  const denoFlags = flags?.trim().split(/\s+/) ?? await ownPermissions();
  return (args) => ({
    program,
    args: ["run", "--no-prompt", ...denoFlags, Deno.mainModule, ...args],
    // Health and metrics are the supervisor's to serve.
    environment: { MONITOR_ADDRESS: "" },
  });
}

async function ownPermissions(): Promise<readonly string[]> {
  if (await granted({ name: "ffi" })) return ["--allow-all"];
  const flags: string[] = [];
  for (const name of [...NEEDED, ...PASSED_ON]) {
    if (await granted({ name } as Deno.PermissionDescriptor)) flags.push(`--allow-${name}`);
    else if (NEEDED.includes(name as never)) {
      throw new Error(
        `Cannot isolate consumers: this process does not have all of --allow-${name}, ` +
          "so CONSUMER_ISOLATE_FLAGS must say which permissions each of theirs gets",
      );
    }
  }
  // What the AWS SDK asks for, when the archive is in S3.
  if (await granted({ name: "sys", kind: "osRelease" })) flags.push("--allow-sys=osRelease");
  return flags;
}
