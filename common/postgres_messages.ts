/**
 * Finds the messages in one direction of PostgreSQL's wire protocol: a byte that says what it is, four that say how long, and the
 * body. They come in any portions. (Source: PostgreSQL's manual, "Frontend/Backend Protocol".)
 */
export class MessageReader {
  readonly #head = new Uint8Array(5);
  #headBytes = 0;
  /** Bytes of the body that are still to come. */
  #left = 0;

  /**
   * Reads on.
   *
   * @param onMessage called with the type of each message when its last byte is there
   */
  read(bytes: Uint8Array, onMessage: (type: string) => void): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#headBytes < 5) {
        this.#head[this.#headBytes++] = bytes[at++]!;
        if (this.#headBytes < 5) continue;
        this.#left = new DataView(this.#head.buffer).getUint32(1) - 4;
      }
      const taken = Math.min(this.#left, bytes.length - at);
      this.#left -= taken;
      at += taken;
      if (this.#left > 0) return;
      this.#headBytes = 0;
      onMessage(String.fromCharCode(this.#head[0]!));
    }
  }
}

/** A query that needs no parameters, as one message. */
export function simpleQuery(text: string): Uint8Array {
  const body = new TextEncoder().encode(`${text}\0`);
  const message = new Uint8Array(5 + body.length);
  message[0] = "Q".charCodeAt(0);
  new DataView(message.buffer).setUint32(1, 4 + body.length);
  message.set(body, 5);
  return message;
}
