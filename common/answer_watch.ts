import { MessageReader } from "./postgres_messages.ts";

/**
 * PostgreSQL owed an answer, and no byte of it came for too long: the connection counts as lost. What it was asked for may have been
 * done or not.
 */
export class NoAnswerError extends Error {
  /** The error's name, `NoAnswerError`. */
  override readonly name = "NoAnswerError";
  /** A code that {@linkcode isTransient} knows. */
  readonly code = "ETIMEDOUT";

  /** Made when a connection has been silent for too long. */
  constructor(server: string, ms: number) {
    super(`Cannot wait for PostgreSQL at ${server} any longer: it owes an answer and has been silent for ${ms} ms`);
  }
}

/** The client's messages that are answered by ReadyForQuery: Sync and Query. */
const ASKING = /^[SQ]$/;

/** The server's messages that end the answer to a Flush: a description, an error, the end of a portal or a close. */
const FLUSHED = /^[TnEsC3]$/;

/**
 * Watches one connection: whether the server owes an answer, and for how long it has been silent. It has to, because a network that
 * loses every packet tells nobody: TCP tries again for about 15 minutes, and a proxy that holds the connection open does so for ever.
 * A connection that is idle, or idle in a transaction, or listens, owes nothing.
 */
export class AnswerWatch {
  readonly #limitMs: number;
  readonly #onSilence: () => void;
  readonly #sent = new MessageReader();
  readonly #received = new MessageReader();
  /** ReadyForQuery that are to come: one for the start of the session. */
  #owed = 1;
  #flush = false;
  #heardAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onSilence called when an answer is owed and nothing has been sent or received for so long */
  constructor(limitMs: number, onSilence: () => void) {
    this.#limitMs = limitMs;
    this.#onSilence = onSilence;
  }

  /** The client begins the session. */
  begin(): void {
    this.#heardAt = performance.now();
    this.#timer ??= setTimeout(() => this.#look(), this.#limitMs);
  }

  /** The client sends messages, after the one that begins the session. */
  sent(bytes: Uint8Array): void {
    this.#sent.read(bytes, (type) => {
      if (ASKING.test(type)) this.#owed++;
      this.#flush = type === "H";
    });
    this.begin();
  }

  /** The server sends messages, or portions of them. */
  received(bytes: Uint8Array): void {
    this.#heardAt = performance.now();
    this.#received.read(bytes, (type) => {
      if (type === "Z") this.#owed--;
      if (FLUSHED.test(type)) this.#flush = false;
    });
  }

  /** The connection is over. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#owed <= 0 && !this.#flush) return;
    const leftMs = this.#heardAt + this.#limitMs - performance.now();
    if (leftMs <= 0) return this.#onSilence();
    this.#timer = setTimeout(() => this.#look(), leftMs);
  }
}
