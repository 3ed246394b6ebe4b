import { serverAccount } from "./account.ts";
import { findCeph } from "./binaries.ts";
import { startBinaryServer } from "./binary_server.ts";
import { findOrInstall } from "./find_or_install.ts";
import { freePort } from "./free_port.ts";
import { type OwnedServer, ServerError, type StartOptions } from "./server.ts";
import { Watchdog } from "./watchdog.ts";

/** An S3 server of one's own. Its `url` is the endpoint, `http://127.0.0.1:port`. */
export interface S3Server extends OwnedServer {
  /** The access key id of its only user, who may create buckets. */
  readonly accessKeyId: string;
  /** The user's secret key. */
  readonly secretAccessKey: string;
}

/** The only key of the server's key service, for objects that are encrypted with `aws:kms`. */
export const KMS_KEY_ID = "events-key";

/**
 * For `sh`, in the server's folder: a monitor, one disk in memory and the S3 gateway, all of Ceph, until SIGTERM. Writes the file
 * `ready` when the user is there. Arguments: folder of the programs, port of the gateway, of the monitor, first and last of
 * the disk, access key id, secret key, id of a key of its key service.
 */
const SCRIPT = `
bin=$1 port=$2 mon=$3 first=$4 last=$5 access=$6 secret=$7 kms_key=$8
dir=$PWD pids=
trap 'trap "" TERM; kill $pids; wait; exit 0' TERM
rm -rf mon osd keyring monmap ready
mkdir mon osd
new_id() { cat /proc/sys/kernel/random/uuid; }
fsid=$(new_id)
cat >ceph.conf <<CONF
[global]
fsid = $fsid
mon initial members = a
mon host = [v2:127.0.0.1:$mon/0]
ms bind msgr1 = false
ms bind port min = $first
ms bind port max = $last
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = $dir/keyring
run dir = $dir
admin socket =
log file = $dir/ceph.log
mon cluster log file = $dir/ceph.log
auth allow insecure global id reclaim = false
mon allow pool size one = true
mon warn on pool no redundancy = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
[mon]
mon data = $dir/mon
mon data avail crit = 1
[osd]
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = 1073741824
osd class load list = *
osd class default list = *
[client]
rgw frontends = beast endpoint=127.0.0.1:$port
rgw thread pool size = 32
rgw run sync thread = false
rgw dynamic resharding = false
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = $kms_key=$(head -c 32 /dev/urandom | base64)
CONF
key() { "$bin/ceph-authtool" "$@" >/dev/null; }
set -e
key --create-keyring keyring --gen-key -n mon. --cap mon 'allow *'
key keyring --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
key keyring --gen-key -n client.rgw --cap mon 'allow rw' --cap osd 'allow rwx'
key keyring --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
"$bin/monmaptool" --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$mon/0]" monmap >/dev/null
"$bin/ceph-mon" -c ceph.conf -i a --mkfs --monmap monmap --keyring keyring
"$bin/ceph-mon" -c ceph.conf -i a -f & pids="$pids $!"
ask() { timeout 5 "$bin/ceph" -c ceph.conf "$@"; }
until ask -s >/dev/null 2>&1; do sleep 0.2; done
disk=$(new_id)
ask osd new "$disk" >/dev/null
ask auth import -i keyring
"$bin/ceph-osd" -c ceph.conf -i 0 --mkfs --osd-uuid "$disk"
"$bin/ceph-osd" -c ceph.conf -i 0 -f & pids="$pids $!"
until ask osd stat | grep -q '1 up'; do sleep 0.2; done
"$bin/radosgw" -c ceph.conf -n client.rgw -f & pids="$pids $!"
"$bin/radosgw-admin" -c ceph.conf user create --uid=events --display-name=events \\
  --access-key="$access" --secret-key="$secret" >/dev/null
touch ready
set +e
wait
`;

/**
 * Starts an S3 server of one's own on free loopback ports: Ceph's gateway, with its data in memory, since a server that takes
 * conditional writes seriously is what the archiver must be tested on. It takes about 15 s. It is installed first if it is
 * missing and this is root on Debian or Ubuntu. A restart begins with no data.
 *
 * @throws {ServerError} if it cannot be found, installed or started
 *
 * @example
 * ```ts ignore
 * import { startS3 } from "@events-pipeline/local";
 *
 * await using server = await startS3();
 * console.log(server.url, server.accessKeyId);
 * ```
 */
export async function startS3(options: StartOptions = {}): Promise<S3Server> {
  const { signal } = options;
  signal?.throwIfAborted();
  const bin = await findOrInstall({
    name: "an S3 server (Ceph)",
    debianPackage: "ceph-mon ceph-osd radosgw",
    variable: "AWS_ENDPOINT_URL_S3",
    find: findCeph,
  }, options);
  const account = await serverAccount(["ceph", "nobody"]);
  const watchdog = await Watchdog.start("s3", { account, signal: "TERM" });
  const [accessKeyId, secretAccessKey] = [crypto.randomUUID(), crypto.randomUUID()];
  try {
    const server = await startBinaryServer(
      {
        name: "an S3 server",
        account,
        stopSignal: "SIGTERM",
        command: (port) => {
          const disk = freePort();
          const ports = [port, freePort(), disk, disk + 40].map(String);
          return ["sh", "-c", SCRIPT, "s3", bin, ...ports, accessKeyId, secretAccessKey, KMS_KEY_ID];
        },
        url: (port) => `http://127.0.0.1:${port}`,
        startMs: 180_000,
        async ask(url, signal) {
          await Deno.stat(`${watchdog.folder}/ready`);
          const response = await fetch(url, { ...(signal === undefined ? {} : { signal }) });
          await response.body?.cancel();
          if (!response.ok) throw new ServerError(`Cannot use the S3 server: it answers ${response.status}`);
        },
      },
      watchdog,
      signal,
    );
    return Object.assign(server, { accessKeyId, secretAccessKey });
  } catch (error) {
    await watchdog.end();
    throw error;
  }
}
