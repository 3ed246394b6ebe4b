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

/** How an object is put. */
export interface PutOptions {
  /** Gives it up; the object may be there all the same. @default never */
  readonly signal?: AbortSignal;
}

/** What came of putting an object, beside that it is there. */
export interface PutReport {
  /** How many requests were sent again. */
  readonly retries: number;
  /** Whether the store itself refuses to write over an object; `undefined` when that is not known yet. */
  readonly conditional: boolean | undefined;
  /** What a person should know of the store, if anything: the same words each time. */
  readonly notes: readonly string[];
}

/** A store holds another object under the key of one that is put. What is there is never written over. */
export class OtherObjectError extends Error {
  /** The error's name, `OtherObjectError`. */
  override readonly name = "OtherObjectError";
}

/** What a store tells of an object without reading it. */
export interface ListedObject {
  /** Its key. */
  readonly key: string;
  /** How many bytes it has. */
  readonly bytes: number;
  /** When it was written, by the store's clock; `undefined` where the store does not tell. */
  readonly writtenAt?: Date | undefined;
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
   * @throws {OtherObjectError} the store holds another object under the key
   * @throws {Error} the store refuses it, or cannot be reached
   */
  put(key: string, body: Uint8Array, head: ObjectHead, options?: PutOptions): Promise<PutReport>;
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
