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

/** What a store tells of an object without reading it. */
export interface ListedObject {
  /** Its key. */
  readonly key: string;
  /** How many bytes it has. */
  readonly bytes: number;
}

/** Which objects are listed. */
export interface ListOptions {
  /** Only those whose key stands behind this one; it need not exist. @default all of the folder */
  readonly after?: string;
}

/** A store has no object under a key: it was removed, or never put. */
export class MissingObjectError extends Error {
  /** The error's name, `MissingObjectError`. */
  override readonly name = "MissingObjectError";
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
   * @param folder the beginning of their keys, which ends in `/`; empty for all
   */
  list(folder: string, options?: ListOptions): AsyncIterable<ListedObject>;
  /**
   * Reads an object.
   *
   * @throws {MissingObjectError} the store has none under the key
   * @throws {Error} the store refuses it
   */
  get(key: string): Promise<StoredObject>;
  /**
   * Removes an object. It is no error when there is none.
   *
   * @throws {Error} the store refuses it
   */
  delete(key: string): Promise<void>;
  /** Ends its connections. */
  close(): void;
}
