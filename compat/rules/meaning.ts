import type { Obstacle, Rule } from "./rule.ts";

/** A codec that makes something else of the same wire value. */
export const CODEC_CHANGED: Rule = {
  id: "codec-changed",
  what: "a codec makes something else of what is on the wire",
  why: {
    backward: "Events sent before are read as something that they did not mean.",
    forward: "Consumers that run the old schema read new events as something that they do not mean.",
  },
  fix: "Keep the codec, and add a field with the new one under another name with notSet().",
};

/** A codec stands where the plain value stood. */
export const CODEC_ADDED: Rule = {
  id: "codec-added",
  what: "a codec was put on a plain value",
  why: {
    backward: "What the codec refuses cannot be known here; if values sent before are among it, new code rejects them.",
  },
  fix: "Make sure that the codec reads every value that the plain type takes, and say so in a waiver.",
};

/** The plain value stands where a codec stood. */
export const CODEC_REMOVED: Rule = {
  id: "codec-removed",
  what: "a codec was taken off",
  why: {
    forward: "Consumers that run the old schema reject new values that its codec cannot read.",
  },
  fix: "Deploy every consumer before a producer sends values that the codec would not have written.",
};

/** The branch of a union that takes a value is another one. */
export const UNION_MEANING_CHANGED: Rule = {
  id: "union-meaning-changed",
  what: "another branch of a union may now take a value, and read it as something else",
  why: {
    backward:
      "The first branch that takes a value reads it: events sent before may be read as something that they did not mean.",
    forward:
      "Consumers that run the old schema may read new events by another branch, as something that they do not mean.",
  },
  fix: "Add branches at the end, keep the order, or tell branches apart by a literal (z.discriminatedUnion()).",
};

/** The reader's codec makes something else of it. */
export const CODEC: Obstacle = { backward: CODEC_CHANGED, forward: CODEC_CHANGED };

/** The reader has a codec, the writer has none. */
export const CODEC_PUT_ON: Obstacle = { backward: CODEC_ADDED, forward: CODEC_REMOVED };

/** Another branch of the reader takes it first. */
export const UNION_MEANING: Obstacle = { backward: UNION_MEANING_CHANGED, forward: UNION_MEANING_CHANGED };

/** The rules about meaning. */
export const meaningRules: readonly Rule[] = [CODEC_CHANGED, CODEC_ADDED, CODEC_REMOVED, UNION_MEANING_CHANGED];
