import { Buffer } from "node:buffer";
import { simpleQuery } from "./postgres_messages.ts";

/** Which process serves the session; and which types have arrays, as postgres.js wants to know. */
const QUESTIONS = simpleQuery(
  "SELECT pg_catalog.pg_backend_pid(); " +
    "SELECT oid, typarray FROM pg_catalog.pg_type WHERE typarray <> 0 ORDER BY oid",
);

/** What precedes the answer to a question that was prepared first: ParseComplete and BindComplete. */
const PREPARED = Buffer.from([0x31, 0, 0, 0, 4, 0x32, 0, 0, 0, 4]);

/** What {@linkcode SessionStart} works with. */
export interface SessionStartOptions {
  /** Gives bytes of the server to the client. */
  readonly deliver: (bytes: Buffer) => void;
  /** Sends bytes to the server. */
  readonly ask: (bytes: Uint8Array) => void;
  /** Called when there is a pooler in between. @default nobody wants to know */
  readonly onPooler?: (() => void) | undefined;
}

/**
 * The start of a session, up to the server's first ReadyForQuery. Before the client is given that, the server is asked two things.
 *
 * For its process id: PostgreSQL has named the same one a moment ago, a pooler such as PgBouncer has made one up. So what the client
 * must not do with a pooler is known before its first statement, on every connection, whatever the settings say.
 *
 * And which types have arrays: the client's own first question, whose answer then waits for it.
 */
export class SessionStart {
  readonly #options: SessionStartOptions;
  #bytes: Buffer = Buffer.alloc(0);
  #pid: number | undefined;
  #ready: Buffer | undefined;
  #pooled = false;
  /** How many of the questions are answered. */
  #answered = 0;
  readonly #types: Buffer[] = [PREPARED];

  constructor(options: SessionStartOptions) {
    this.#options = options;
  }

  /** The server's answer to the question which types have arrays, as to a prepared statement; `undefined` if it refused it. */
  get types(): Buffer | undefined {
    return this.#answered === 2 ? Buffer.concat(this.#types) : undefined;
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
    const { deliver, ask } = this.#options;
    const type = String.fromCharCode(message[0]!);
    if (this.#ready !== undefined) return this.#isLastAnswer(type, message);
    if (type === "K") this.#pid = message.readUInt32BE(5);
    if (type !== "Z") deliver(message);
    else {
      this.#ready = message;
      ask(QUESTIONS);
    }
    return false;
  }

  #isLastAnswer(type: string, message: Buffer): boolean {
    const { deliver, onPooler } = this.#options;
    if (type === "Z") {
      if (this.#pooled) onPooler?.();
      this.#types.push(message);
      deliver(this.#ready!);
      return true;
    }
    if (!/^[TDCE]$/.test(type)) deliver(message);
    else if (this.#answered === 1 && type !== "E") this.#types.push(message);
    else if (type === "D" && firstColumn(message) !== String(this.#pid)) this.#pooled = true;
    if (type === "C") this.#answered++;
    return false;
  }
}

/** The first column of a row, as text. */
function firstColumn(row: Buffer): string {
  return row.toString("utf8", 11, 11 + row.readInt32BE(7));
}
