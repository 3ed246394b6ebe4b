/**
 * Asks people before a program does what cannot be undone.
 *
 * @module
 */

/** Asks on the terminal; without one it says what to do instead, and takes it for a no. Only programs use it. */
export function agreed(question: string): boolean {
  if (!Deno.stdin.isTerminal()) {
    console.error(`${question} Nothing is changed: there is no terminal to ask on. Say --yes`);
    return false;
  }
  return confirm(question);
}
