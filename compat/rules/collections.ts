import type { Obstacle, Rule } from "./rule.ts";

/** Lists of any length, or of fixed places. */
export const TUPLE: Obstacle = {
  backward: {
    id: "array-to-tuple",
    what: "a list became a tuple",
    why: { backward: "Events sent before may have lists of any length, so new code rejects them." },
    fix: "Keep the list, and add a field with the tuple under another name with notSet().",
  },
  forward: {
    id: "tuple-to-array",
    what: "a tuple became a list",
    why: { forward: "Consumers that run the old schema reject lists of another length." },
    fix: "Deploy every consumer before a producer sends other lengths.",
  },
};

/** The places of a tuple. */
export const TUPLE_LENGTH: Obstacle = {
  backward: {
    id: "tuple-length-tightened",
    what: "a tuple must have more places, or may have fewer",
    why: { backward: "Events sent before may have another number of places, so new code rejects them." },
    fix: "Keep the places, and add new ones as optional at the end.",
  },
  forward: {
    id: "tuple-length-loosened",
    what: "a tuple may have more places, or need not have all",
    why: { forward: "Consumers that run the old schema reject another number of places." },
    fix: "Deploy every consumer before a producer sends such tuples.",
  },
};

/** The keys of a record. */
export const RECORD_KEY: Obstacle = {
  backward: {
    id: "record-key-narrowed",
    what: "the keys of a record are narrower",
    why: { backward: "Events sent before may have keys that are no longer taken, so new code rejects them." },
    fix: "Keep the old type of the keys.",
  },
  forward: {
    id: "record-key-widened",
    what: "the keys of a record are wider",
    why: { forward: "Consumers that run the old schema reject events with such keys." },
    fix: "Deploy every consumer before a producer sends such keys.",
  },
};

/** The rules about lists, tuples and records. */
export const collectionRules: readonly Rule[] = [TUPLE, TUPLE_LENGTH, RECORD_KEY].flatMap(
  ({ backward, forward }) => [backward, forward],
);
