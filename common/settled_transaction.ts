import type { Buffer } from "node:buffer";

const FLUSH = "H".charCodeAt(0);
const SYNC = "S".charCodeAt(0);
const QUERY = "Q".charCodeAt(0);
const READY = "Z".charCodeAt(0);
const IDLE = "I".charCodeAt(0);

/** Type and length of a message. */
const HEAD = 5;

/** ReadyForQuery: its head, and the state of the transaction. */
const READY_BYTES = 6;

/**
 * Sees to it that the server knows a transaction to be idle whenever it waits for the client.
 *
 * A client that does not know a statement's types has it parsed and described first, and ends that with Flush. Until the statement
 * itself comes, the server counts as working on it: neither idle_in_transaction_session_timeout nor statement_timeout ends a session whose
 * client is paused or cut off at that moment, and its locks stay for hours. So within a transaction Flush is sent as Sync, which changes
 * nothing else there, and the ReadyForQuery that it brings is kept from the client, which expects none.
 *
 * (Source: PostgreSQL's manual, "Message Flow", "Extended Query".)
 */
export class SettledTransaction {
  /** For each ReadyForQuery that is to come, whether it is kept from the client. */
  readonly #owed: boolean[] = [];
  #inTransaction = false;
  /** Bytes of the client's message at hand that are still to come. */
  #sentLeft = 0;
  /** The beginning of a message of the server's whose head is not whole, or which is a ReadyForQuery that is not. */
  #begun: Buffer | undefined;
  /** Bytes of the server's message at hand that are still to come. */
  #receivedLeft = 0;

  /** Takes whole messages of the client's, or portions of long ones. @returns what is to be sent instead */
  sent(bytes: Uint8Array): Uint8Array {
    let changed = bytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = Math.min(this.#sentLeft, bytes.length);
    this.#sentLeft -= at;
    while (at + HEAD <= bytes.length) {
      const type = bytes[at]!;
      const end = at + 1 + view.getUint32(at + 1);
      if (type === FLUSH && this.#inTransaction) {
        if (changed === bytes) changed = bytes.slice();
        changed[at] = SYNC;
        this.#owed.push(true);
      } else if (type === SYNC || type === QUERY) {
        this.#owed.push(false);
      }
      this.#sentLeft = Math.max(0, end - bytes.length);
      at = Math.min(end, bytes.length);
    }
    return changed;
  }

  /** Takes what the server sends, in any portions. @returns what the client is to have of it */
  received(chunk: Buffer, concat: (parts: Buffer[]) => Buffer): Buffer {
    let bytes = chunk;
    if (this.#begun !== undefined) {
      bytes = concat([this.#begun, chunk]);
      this.#begun = undefined;
    }
    const parts: Buffer[] = [];
    let from = 0;
    let at = Math.min(this.#receivedLeft, bytes.length);
    this.#receivedLeft -= at;
    while (at < bytes.length) {
      const left = bytes.length - at;
      if (left < HEAD || (bytes[at] === READY && left < READY_BYTES)) {
        this.#begun = bytes.subarray(at);
        break;
      }
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      if (bytes[at] === READY) {
        this.#inTransaction = bytes[at + HEAD] !== IDLE;
        if (this.#owed.shift() === true) {
          if (at > from) parts.push(bytes.subarray(from, at));
          from = end;
        }
      }
      this.#receivedLeft = Math.max(0, end - bytes.length);
      at = Math.min(end, bytes.length);
    }
    if (from === 0) return at === bytes.length ? bytes : bytes.subarray(0, at);
    if (at > from) parts.push(bytes.subarray(from, at));
    return concat(parts);
  }
}
