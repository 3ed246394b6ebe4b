/** How often something is told of, in milliseconds. */
const EVERY_MS = 2_000;

/** Tells of work that takes long, every two seconds, so that whoever waits sees it move. */
export class Progress {
  readonly #say: (text: string) => void;
  #saidAt = Date.now();

  /**
   * Says nothing yet.
   *
   * @param say says it, on a line of its own
   */
  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  /** Tells, if it is time. */
  tell(text: () => string): void {
    if (Date.now() - this.#saidAt < EVERY_MS) return;
    this.#saidAt = Date.now();
    this.#say(text());
  }
}
