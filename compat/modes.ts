import type { Broken } from "./rules/rule.ts";

/** What must not break, in the words of schema registries, and `additive`, which is the default. */
export const MODES = [
  "additive",
  "additive_transitive",
  "backward",
  "backward_transitive",
  "forward",
  "forward_transitive",
  "full",
  "full_transitive",
  "none",
] as const;

/**
 * What must not break:
 *
 * - `backward`: new code reads what was sent before.
 * - `forward`: consumers that still run the old schema read what is sent now.
 * - `full`: both.
 * - `additive`: `backward`; and events, streams and fields stay, and fields are added with `notSet`. What `forward` would reject is told.
 * - `none`: nothing is asked.
 *
 * With `_transitive`, it must hold against every older revision, not only the last one.
 */
export type Mode = typeof MODES[number];

const REJECTED: { readonly [mode: string]: readonly Broken[] } = {
  additive: ["backward", "additive"],
  backward: ["backward"],
  forward: ["forward"],
  full: ["backward", "forward"],
  none: [],
};

/** Whether a mode looks at every older revision. */
export function isTransitive(mode: Mode): boolean {
  return mode.endsWith("_transitive");
}

/** Whom a mode protects. */
export function rejectedBy(mode: Mode): readonly Broken[] {
  return REJECTED[mode.replace("_transitive", "")]!;
}

/**
 * Reads a mode. Registries write them in capitals, which is taken as well.
 *
 * @returns the mode, or `undefined` when the text is none
 */
export function parseMode(text: string): Mode | undefined {
  const name = text.toLowerCase();
  return MODES.find((mode) => mode === name);
}
