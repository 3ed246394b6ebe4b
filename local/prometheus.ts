import { serverAccount } from "./account.ts";
import { findPrometheus } from "./binaries.ts";
import { startBinaryServer } from "./binary_server.ts";
import { findOrInstall } from "./find_or_install.ts";
import type { OwnedServer, StartOptions } from "./server.ts";
import { Watchdog } from "./watchdog.ts";

/** The folder of `prometheus` and `promtool`, installed first if they are missing and this is root on Debian or Ubuntu. */
export async function prometheusFolder(options: StartOptions = {}): Promise<string> {
  return await findOrInstall({
    name: "Prometheus",
    debianPackage: "prometheus",
    variable: "PATH",
    find: findPrometheus,
  }, options);
}

/**
 * Starts a Prometheus of one's own on a free loopback port.
 *
 * @param files its configuration by name: `prometheus.yml`, and the files of rules that it names
 * @throws {ServerError} if it cannot be found, installed or started
 */
export async function startPrometheus(
  files: Readonly<Record<string, string>>,
  options: StartOptions = {},
): Promise<OwnedServer> {
  const bin = await prometheusFolder(options);
  const account = await serverAccount(["prometheus", "nobody"]);
  const watchdog = await Watchdog.start("prometheus", { account, signal: "TERM" });
  const { folder } = watchdog;
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text, { createNew: true });
      if (account) await Deno.chown(`${folder}/${name}`, account.uid, account.gid);
    }
    return await startBinaryServer(
      {
        name: "Prometheus",
        account,
        stopSignal: "SIGTERM",
        command: (port) => [
          `${bin}/prometheus`,
          `--config.file=${folder}/prometheus.yml`,
          `--storage.tsdb.path=${folder}/data`,
          `--web.listen-address=127.0.0.1:${port}`,
        ],
        url: (port) => `http://127.0.0.1:${port}`,
        ask: async (url, signal) => {
          const response = await fetch(`${url}/-/ready`, signal ? { signal } : {});
          await response.body?.cancel();
          if (!response.ok) throw new Error(`Prometheus answers ${response.status}`);
        },
      },
      watchdog,
      options.signal,
    );
  } catch (error) {
    await watchdog.end();
    throw error;
  }
}
