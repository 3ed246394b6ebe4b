/** The check could not be made. The message says why, and what to do. */
export class CannotCheckError extends Error {
  /** The error's name, `CannotCheckError`. */
  override readonly name = "CannotCheckError";
}
