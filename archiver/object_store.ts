/** What travels with an object. */
export interface ObjectHead {
  /** The lines' SHA-256, in hex, before compression. */
  readonly sha256: string;
  /** How many lines it has. */
  readonly count: number;
}

/** An object as a store gives it back. */
export interface StoredObject {
  /** Its bytes. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** What it was put with; `undefined` where the store does not keep that. */
  readonly head: ObjectHead | undefined;
}

/** Where segments are put, and read again. */
export interface ObjectStore {
  /**
   * Puts an object, whole or not at all. Putting the same object again is no error.
   *
   * @throws {Error} the store refuses it, or holds another object under the key
   */
  put(key: string, body: Uint8Array, head: ObjectHead): Promise<void>;
  /**
   * Names the objects below a folder, in the order of their keys.
   *
   * @param folder the beginning of their keys, which ends in `/`
   */
  list(folder: string): AsyncIterable<string>;
  /**
   * Reads an object.
   *
   * @throws {Error} the store has none under the key, or refuses it
   */
  get(key: string): Promise<StoredObject>;
  /** Ends its connections. */
  close(): void;
}
