/** What travels with an object. */
export interface ObjectHead {
  /** The lines' SHA-256, in hex, before compression. */
  readonly sha256: string;
  /** How many lines it has. */
  readonly count: number;
}

/** Where segments are put. */
export interface ObjectStore {
  /**
   * Puts an object, whole or not at all. Putting the same object again is no error.
   *
   * @throws {Error} the store refuses it, or holds another object under the key
   */
  put(key: string, body: Uint8Array, head: ObjectHead): Promise<void>;
  /** Ends its connections. */
  close(): void;
}
