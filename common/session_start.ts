import { Buffer } from "node:buffer";
import { simpleQuery } from "./postgres_messages.ts";

/** What {@linkcode SessionStart} works with. */
export interface SessionStartOptions {
  /** Gives bytes of the server to the client. */
  readonly deliver: (bytes: Buffer) => void;
  /** Sends bytes to the server. */
  readonly ask: (bytes: Uint8Array) => void;
  /** Called when there is a pooler in between. @default nobody looks */
  readonly onPooler?: (() => void) | undefined;
}

/**
 * The start of a session, up to the server's first ReadyForQuery. Before the client is given that, the server is asked for its process
 * id: PostgreSQL has named the same one a moment ago, a pooler such as PgBouncer has made one up. So what the client must not do
 * with a pooler is known before its first statement, on every connection, whatever the settings say.
 */
export class SessionStart {
  readonly #options: SessionStartOptions;
  #bytes: Buffer = Buffer.alloc(0);
  #pid: number | undefined;
  #ready: Buffer | undefined;

  constructor(options: SessionStartOptions) {
    this.#options = options;
  }

  /** Takes what the server sends. @returns what comes after the start; `undefined` while it lasts */
  take(bytes: Buffer): Buffer | undefined {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.length >= 5) {
      const end = 1 + this.#bytes.readUInt32BE(1);
      if (end > this.#bytes.length) break;
      const message = this.#bytes.subarray(0, end);
      this.#bytes = this.#bytes.subarray(end);
      if (this.#isLast(message)) return this.#bytes;
    }
    return undefined;
  }

  #isLast(message: Buffer): boolean {
    const { deliver, ask, onPooler } = this.#options;
    const type = String.fromCharCode(message[0]!);
    if (type === "K") this.#pid = message.readUInt32BE(5);
    if (type === "Z") {
      if (this.#ready === undefined && onPooler !== undefined) {
        this.#ready = message;
        ask(simpleQuery("SELECT pg_catalog.pg_backend_pid()"));
        return false;
      }
      deliver(this.#ready ?? message);
      return true;
    }
    if (this.#ready === undefined || !/^[TDCE]$/.test(type)) deliver(message);
    else if (type === "D" && firstColumn(message) !== String(this.#pid)) onPooler?.();
    return false;
  }
}

/** The first column of a row, as text. */
function firstColumn(row: Buffer): string {
  return row.toString("utf8", 11, 11 + row.readInt32BE(7));
}
