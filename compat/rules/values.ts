import type { Obstacle, Rule } from "./rule.ts";

/** The two rules of a constraint on values: it became tighter, or looser. */
function constraint(id: string, subject: string, keep: string): Obstacle {
  return {
    backward: {
      id: `${id}-tightened`,
      what: `${subject} is tighter`,
      why: { backward: "Events sent before may have values beyond it, so new code rejects them." },
      fix: `${keep}, and check the tighter one in producers.`,
    },
    forward: {
      id: `${id}-loosened`,
      what: `${subject} is looser`,
      why: { forward: "Consumers that run the old schema reject new events with values beyond the old one." },
      fix: "Deploy every consumer before a producer sends such values.",
    },
  };
}

/** The least or greatest number. */
export const BOUND: Obstacle = constraint("bound", "the least or greatest value", "Keep the old bound");

/** The length of a text or a list. */
export const LENGTH: Obstacle = constraint("length", "the least or greatest length", "Keep the old length");

/** A regular expression. */
export const PATTERN: Obstacle = constraint("pattern", "a pattern that texts must match", "Keep the old pattern");

/** A named format. */
export const FORMAT: Obstacle = constraint("format", "a format that texts must have", "Keep the old format");

/** What numbers are a multiple of. */
export const MULTIPLE_OF: Obstacle = constraint(
  "multiple-of",
  "what numbers must be a multiple of",
  "Keep the old step",
);

/** A check that is program code. */
export const REFINEMENT: Obstacle = {
  backward: {
    id: "refinement-tightened",
    what: "a check in program code was added or changed",
    why: {
      backward: "What it refuses cannot be known here; if events sent before are among it, new code rejects them.",
    },
    fix: "Check it in producers, or say in a waiver why no event sent before fails it.",
  },
  forward: {
    id: "refinement-loosened",
    what: "a check in program code was removed or changed",
    why: { forward: "Consumers that run the old schema reject new events that fail it." },
    fix: "Deploy every consumer before a producer sends such values.",
  },
};

/** Whole numbers or any. */
export const INTEGER: Obstacle = {
  backward: {
    id: "number-to-integer",
    what: "any number became a whole number",
    why: { backward: "Events sent before may have fractions, so new code rejects them." },
    fix: "Keep z.number(), and round in the handler.",
  },
  forward: {
    id: "integer-to-number",
    what: "a whole number became any number",
    why: { forward: "Consumers that run the old schema reject fractions." },
    fix: "Deploy every consumer before a producer sends fractions.",
  },
};

/** The rules about values. */
export const valueRules: readonly Rule[] = [BOUND, LENGTH, PATTERN, FORMAT, MULTIPLE_OF, REFINEMENT, INTEGER].flatMap(
  ({ backward, forward }) => [backward, forward],
);
