import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { Socket } from "node:net";
import { AnswerWatch, NoAnswerError } from "./answer_watch.ts";
import { SessionStart } from "./session_start.ts";
import { SettledTransaction } from "./settled_transaction.ts";
import { secureSocket, type TlsMode } from "./secure_socket.ts";

/** Where a {@linkcode PostgresSocket} connects, and what it sees to. */
export interface PostgresSocketOptions {
  /** The server's name or address. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
  /** Its Unix socket, instead of host and port. */
  readonly path?: string | undefined;
  /** How the connection is encrypted. @default not at all */
  readonly tls?: TlsMode | false | null | undefined;
  /** Whether the server expects TLS without being asked. */
  readonly directTls: boolean;
  /** For how long the server may be silent while it owes an answer, in milliseconds. @default for ever */
  readonly answerLimitMs?: number | undefined;
  /** Called when there is a pooler between this client and PostgreSQL. @default nobody wants to know */
  readonly onPooler?: (() => void) | undefined;
  /** Whether the client's own first question is which types have arrays. */
  readonly asksTypes: boolean;
  /** Called with what ended the connection, if anything is known of that, just before the client is told. */
  readonly onFault: (fault: Error) => void;
}

/** A cancel request has this number where a session has the version of the protocol. */
const CANCEL_REQUEST = 80_877_102;

/** The version of the protocol with which a session begins. */
const SESSION = 196_608;

/** The client begins within so many rounds of the event loop; the second one is the rule. */
const BEGIN_ROUNDS = 4;

/** What only the client's own question contains. */
const TYPES_QUESTION = "select b.oid, b.typarray";

/** What the server's last message contains when it ends a session that was idle in a transaction for longer than it may: its code. */
const IDLE_LIMIT = "C25P03\0";

/** How long an orderly end may take, in milliseconds. */
const END_MS = 2_000;

/**
 * The socket that postgres.js is given. It tells of a fault as postgres.js 3.4 needs it: the error and the close in one go. A query
 * that is sent between the two, as its own ROLLBACK is, is never answered, and leaves a connection that answers the wrong queries, or
 * none any more. A server that hangs up before the session has begun is a fault too: postgres.js would connect again at once, and
 * again, and tell nobody.
 *
 * It connects when the client begins. A client that had bytes in hand when its last connection ended does not begin: postgres.js
 * keeps them in front of what it wants to send, and waits for a timer that it has cleared itself, until it has 1024 bytes. So this
 * closes without a fault and without having asked the server, and the client tries again, with one greeting more. Its 13th at the
 * latest brings the bytes out; they are thrown away, and the next time it begins as it should.
 *
 * The client's own first question is which types have arrays. Nobody catches what that question throws, so it is never in doubt: it has
 * been asked already, at the start of the session, and is answered here, also when the connection is lost meanwhile. The client takes in
 * the answer a moment after it has sent the next query, and may have the answer to that one first, if that is written at once; then it
 * sends arrays as if they were text. So what it sends at the first answer waits for the next round of the event loop.
 */
export class PostgresSocket extends EventEmitter {
  readonly #options: PostgresSocketOptions;
  readonly #raw: Socket;
  readonly #watch: AnswerWatch | undefined;
  /** `undefined` until it is encrypted. */
  #socket: Socket | undefined;
  readonly #early: (readonly [bytes: Uint8Array, done?: () => void])[] = [];
  /** What the client's first message says it is here for. */
  #purpose: "session" | "cancel" | undefined;
  #start: SessionStart | undefined;
  readonly #transaction = new SettledTransaction();
  /** What the client is to be told if that is what it asks first. It does not ask where it opens a connection for no query. */
  #types: Buffer | undefined;
  /** Whether what the client sends has to wait. */
  #holds = false;
  #fault: Error | undefined;
  /** What has come last: it may say why the server ends the session. */
  #last: Buffer | undefined;
  #closed = false;
  #ended = false;
  #gone = false;
  /** Ends what is not ended in time. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #keepAlive: readonly [on: boolean, ms: number] | undefined;

  /** Waits for the client to begin, then connects. */
  constructor(options: PostgresSocketOptions) {
    super();
    this.#options = options;
    const { host, port, path, answerLimitMs } = options;
    if (answerLimitMs !== undefined) {
      const onSilence = (): void => this.destroy(new NoAnswerError(path ?? `${host}:${port}`, answerLimitMs));
      this.#watch = new AnswerWatch(answerLimitMs, onSilence);
    }
    this.#start = new SessionStart({
      deliver: (bytes) => this.emit("data", bytes),
      ask: (bytes) => {
        this.#watch?.sent(bytes);
        this.#socket?.write(bytes);
      },
      onPooler: options.onPooler,
    });
    this.#raw = new Socket();
    this.#listen(this.#raw);
    void this.#awaitClient();
  }

  /** As a socket's: postgres.js asks whether it is `open`, and whether it is `closed`. It may be written to from the start. */
  get readyState(): "open" | "closed" {
    return this.#closed ? "closed" : "open";
  }

  /** Sends bytes. @returns whether more are welcome */
  write(bytes: Uint8Array, done?: () => void): boolean {
    const types = this.#types;
    this.#types = undefined;
    if (types !== undefined && Buffer.from(bytes).includes(TYPES_QUESTION)) {
      queueMicrotask(() => this.#tellTypes(types)); // When the client has sent it, as it believes.
      return true;
    }
    if (this.#closed) return true;
    let message = bytes;
    if (this.#purpose === undefined) this.#begin(bytes);
    else {
      if (this.#start === undefined) message = this.#transaction.sent(bytes);
      this.#watch?.sent(message);
    }
    if (this.#socket !== undefined && !this.#holds) return this.#socket.write(message, done);
    this.#early.push(done === undefined ? [message] : [message, done]);
    return true;
  }

  /** Sends the last bytes, and ends the connection: in order if the server answers, and in any case. */
  end(bytes: Uint8Array): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.destroy(), END_MS);
    this.#watch?.end();
    this.#sendEarly();
    if (this.#socket === undefined) this.destroy();
    else this.#socket.end(bytes);
  }

  /** Ends the connection at once. */
  destroy(fault?: Error): void {
    this.#fault ??= fault;
    this.#socket?.destroy();
    this.#raw.destroy();
  }

  /** Ends the connection at once. Resolves when it is gone. */
  async close(): Promise<void> {
    if (this.#gone) return;
    const gone = new Promise((resolve) => this.once("close", resolve));
    this.destroy();
    await gone;
  }

  /** Has the system look whether the other machine is still there. */
  setKeepAlive(on: boolean, ms: number): void {
    this.#keepAlive = [on, ms];
  }

  /** Reads no more until {@linkcode PostgresSocket.resume}. */
  pause(): void {
    this.#socket?.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#socket?.resume();
  }

  async #awaitClient(): Promise<void> {
    for (let round = 0; round < BEGIN_ROUNDS; round++) await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.#purpose === undefined) this.destroy();
  }

  #begin(bytes: Uint8Array): void {
    const code = bytes.length < 8 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(4);
    if (code !== SESSION && code !== CANCEL_REQUEST) return this.destroy();
    this.#purpose = code === SESSION ? "session" : "cancel";
    if (code === SESSION) this.#watch?.begin();
    this.#connect();
  }

  #connect(): void {
    const { host, port, path, tls, directTls } = this.#options;
    if (path === undefined) this.#raw.connect(port, host);
    else this.#raw.connect(path);
    if (this.#keepAlive !== undefined) this.#raw.setKeepAlive(...this.#keepAlive);
    if (!tls) return this.#use(this.#raw);
    secureSocket(this.#raw, host, tls, directTls).then((socket) => {
      if (socket !== this.#raw) this.#listen(socket);
      this.#use(socket);
    }, (error) => this.destroy(error));
  }

  #unreachable(reason: string, cause?: Error): Error {
    const { host, port, path } = this.#options;
    const error = new Error(`Cannot reach PostgreSQL at ${path ?? `${host}:${port}`}: ${reason}`);
    return Object.assign(error, { code: cause !== undefined && "code" in cause ? cause.code : "ECONNRESET" });
  }

  /** The error of a session that was idle in a transaction for too long, if that has ended it. The client takes no note of it. */
  #idleLimit(): Error | undefined {
    if (!this.#last?.includes(IDLE_LIMIT)) return undefined;
    return Object.assign(new Error("PostgreSQL has ended the session: it was idle in its transaction"), {
      code: "25P03",
    });
  }

  #listen(socket: Socket): void {
    socket.on("error", (error) => this.#fault ??= this.#unreachable(error.message, error));
    socket.on("close", () => this.#onClose());
  }

  #use(socket: Socket): void {
    this.#socket = socket;
    socket.on("drain", () => this.emit("drain"));
    socket.on("data", (bytes: Buffer) => this.#onData(bytes));
    this.#sendEarly();
  }

  #sendEarly(): void {
    for (const [bytes, done] of this.#early.splice(0)) this.#socket?.write(bytes, done);
  }

  #onData(bytes: Buffer): void {
    this.#watch?.received(bytes);
    this.#last = bytes;
    if (this.#start === undefined) return this.#deliver(bytes);
    const start = this.#start;
    const rest = start.take(bytes);
    if (rest === undefined) return;
    this.#start = undefined;
    if (this.#options.asksTypes) this.#types = start.types;
    this.#deliver(rest);
  }

  #deliver(bytes: Buffer): void {
    const rest = this.#transaction.received(bytes, Buffer.concat);
    if (rest.length > 0) this.emit("data", rest);
  }

  /** Tells the client which types have arrays. What it sends then waits for the next round of the event loop. */
  #tellTypes(types: Buffer): void {
    this.#holds = true;
    this.emit("data", types);
    setImmediate(() => {
      this.#holds = false;
      this.#sendEarly();
    });
  }

  #onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#watch?.end();
    this.destroy();
    if (this.#start !== undefined && this.#purpose === "session" && !this.#ended) {
      this.#fault ??= this.#unreachable("it hung up before the session began");
    }
    // What the client has in hand to send is let go first: the next connection would send it. Its own question gets its answer so.
    setImmediate(() => {
      const fault = this.#fault;
      const reason = fault ?? this.#idleLimit();
      if (reason !== undefined) this.#options.onFault(reason);
      if (fault !== undefined) this.emit("error", fault);
      this.#gone = true;
      this.emit("close", fault !== undefined);
    });
  }
}
