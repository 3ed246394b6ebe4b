/**
 * Types of `promptSecret` of `@std/cli` 1.0 for the JavaScript that `mod.ts` re-exports.
 *
 * @module
 */

/** How {@linkcode promptSecret} asks. */
export type PromptSecretOptions = {
  /**
   * Shown for each character typed; `""` shows nothing.
   *
   * @default {"*"}
   */
  mask?: string;
  /**
   * Wipes the line when done.
   *
   * @default {false}
   */
  clear?: boolean;
};

/**
 * Asks on the terminal for a text that is not shown.
 *
 * @param message what to ask
 * @returns the text, or `null` if standard input is no terminal
 */
export declare function promptSecret(
  message?: string,
  options?: PromptSecretOptions,
): string | null;
