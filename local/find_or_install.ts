import { aptInstall, canAptInstall } from "./apt.ts";
import { ServerError, type StartOptions } from "./server.ts";

/** A program, and how to come by it. */
export interface Wanted {
  /** Name in messages. */
  readonly name: string;
  /** Debian packages that have it, in one string. */
  readonly debianPackage: string;
  /** Variable that says where one already runs. */
  readonly variable: string;
  /** Finds the folder of its binaries. */
  readonly find: () => Promise<string | undefined>;
}

/**
 * The folder of a server's binaries, installed with apt-get if need and right be.
 *
 * @throws {ServerError} if they are nowhere and cannot be installed
 */
export async function findOrInstall(wanted: Wanted, options: StartOptions): Promise<string> {
  const { name, debianPackage, variable, find } = wanted;
  const found = await find();
  if (found !== undefined) return found;
  if (await canAptInstall()) {
    options.say?.(`No ${name} on this machine: installing ${debianPackage} with apt-get`);
    for (const name of debianPackage.split(" ")) await aptInstall(name);
    const installed = await find();
    if (installed !== undefined) return installed;
  }
  throw new ServerError(
    `Cannot start ${name}: it is not installed. Set ${variable}, or install it, or start a ` +
      "Docker engine with the compose plugin, or run as root on Debian or Ubuntu",
  );
}
