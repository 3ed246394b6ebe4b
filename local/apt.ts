import { ServerError } from "./server.ts";

/**
 * For `sh`, in a session of its own, so that an installation once begun is finished even if this
 * program dies. Arguments: package, lock file, policy file, apt-get.
 *
 * The lock makes processes that install at the same time take turns: `flock` is part of every
 * Debian. The policy file keeps the package's own service from starting; one that exists
 * belongs to somebody else and is left alone.
 */
const SCRIPT = `
trap '' INT TERM HUP QUIT
package=$1 lock=$2 policy=$3 apt=$4
exec 9>"$lock"
flock 9
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
"$apt" update -q -o DPkg::Lock::Timeout=300 || exit
"$apt" install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$package"
`;

/** Paths of an installation; only a test has a reason to change them. */
export interface AptOptions {
  /** @default "/var/cache/apt/events_pipeline.lock" */
  readonly lock?: string;
  /** @default "/usr/sbin/policy-rc.d" */
  readonly policy?: string;
  /** @default "apt-get" */
  readonly program?: string;
}

/** Whether {@linkcode aptInstall} may be tried: root, on Debian, Ubuntu or a relative. */
export async function canAptInstall(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(await Deno.readTextFile("/etc/os-release"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Installs a Debian package without starting its services.
 *
 * @throws {ServerError} if apt-get fails, with the end of its output
 */
export async function aptInstall(name: string, options: AptOptions = {}): Promise<void> {
  const {
    lock = "/var/cache/apt/events_pipeline.lock",
    policy = "/usr/sbin/policy-rc.d",
    program = "apt-get",
  } = options;
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", SCRIPT, "apt", name, lock, policy, program],
    detached: true,
    stdin: "null",
  }).output();
  if (code === 0) return;
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  const tail = output.trimEnd().split("\n").slice(-20).join("\n");
  throw new ServerError(`Cannot install ${name}: apt-get exited with code ${code}\n${tail}`);
}
