import { isIP, type Socket } from "node:net";
import { connect, type ConnectionOptions } from "node:tls";

/** How a connection to PostgreSQL is encrypted: what the `sslmode` of a URL says, or options of Node's TLS. */
export type TlsMode = string | true | ConnectionOptions;

/** The message that asks the server for TLS: its length and a number that is no version of the protocol. */
const SSL_REQUEST = new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]);

/** The modes that encrypt, and do not look at whose certificate it is. */
const UNVERIFIED: ReadonlySet<unknown> = new Set(["require", "allow", "prefer"]);

/**
 * Encrypts a connection to PostgreSQL, by the same rules as postgres.js.
 *
 * @param socket a connection on which nothing has been sent
 * @param direct whether the server expects TLS at once, without being asked (`sslnegotiation=direct`)
 * @returns the encrypted socket; with the mode `prefer`, the given one when the server offers no TLS
 * @throws {Error} the server offers no TLS
 */
export async function secureSocket(socket: Socket, host: string, mode: TlsMode, direct: boolean): Promise<Socket> {
  if (!direct) {
    socket.write(SSL_REQUEST);
    const answer = await new Promise<Uint8Array>((resolve) => socket.once("data", resolve));
    if (answer[0] !== "S".charCodeAt(0)) {
      if (mode === "prefer") return socket;
      throw new Error(
        `Cannot encrypt the connection to PostgreSQL at ${host}: it offers no TLS, and sslmode asks for it`,
      );
    }
  }
  return connect({
    socket,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(direct ? { ALPNProtocols: ["postgresql"] } : {}),
    ...(UNVERIFIED.has(mode) ? { rejectUnauthorized: false } : typeof mode === "object" ? mode : {}),
  });
}
