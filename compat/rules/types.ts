import type { Obstacle, Rule } from "./rule.ts";

/** Another type. */
export const TYPE_CHANGED: Rule = {
  id: "type-changed",
  what: "a type became another one",
  why: {
    backward: "Events sent before have the old type, so new code rejects them.",
    forward: "Consumers that run the old schema reject new events.",
  },
  fix: "Keep the field as it is, and add one of the new type under another name with notSet().",
};

/** Another literal. */
export const LITERAL_CHANGED: Rule = {
  id: "literal-changed",
  what: "a literal became another one",
  why: {
    backward: "Events sent before have the old literal, so new code rejects them.",
    forward: "Consumers that run the old schema reject the new literal.",
  },
  fix: "Take both, with z.enum() or z.literal([…]), and deploy consumers before producers.",
};

/** A type that the checker does not know. */
export const UNKNOWN_TYPE_CHANGED: Rule = {
  id: "unknown-type-changed",
  what: "a type that the checker cannot look into has changed",
  why: {
    backward: "Whether new code takes events sent before cannot be known here.",
    forward: "Whether consumers that run the old schema take new events cannot be known here.",
  },
  fix: "Use types that JSON carries; or say in a waiver why it is safe.",
};

/** Null or not. */
export const NULLABLE: Obstacle = {
  backward: {
    id: "nullable-dropped",
    what: "null is no longer taken",
    why: { backward: "Events sent before may have null there, so new code rejects them." },
    fix: "Keep .nullable().",
  },
  forward: {
    id: "nullable-added",
    what: "null is taken as well",
    why: { forward: "Consumers that run the old schema reject null." },
    fix: "Deploy every consumer before a producer sends null.",
  },
};

/** The members of an enum. */
export const ENUM_MEMBER: Obstacle = {
  backward: {
    id: "enum-member-removed",
    what: "a value was removed from an enum",
    why: { backward: "Events sent before may have that value, so new code rejects them." },
    fix: "Keep the value; producers may stop sending it.",
  },
  forward: {
    id: "enum-member-added",
    what: "a value was added to an enum",
    why: { forward: "Consumers that run the old schema reject events with the new value." },
    fix: "Deploy every consumer before a producer sends it.",
  },
};

/** The branches of a union. */
export const UNION_BRANCH: Obstacle = {
  backward: {
    id: "union-branch-removed",
    what: "a branch was removed from a union",
    why: { backward: "Events sent before may be of that branch, so new code rejects them." },
    fix: "Keep the branch; producers may stop sending it.",
  },
  forward: {
    id: "union-branch-added",
    what: "a branch was added to a union",
    why: { forward: "Consumers that run the old schema reject events of the new branch." },
    fix: "Deploy every consumer before a producer sends it.",
  },
};

/** A literal that the only literal of the reader is not. */
export const LITERAL: Obstacle = { backward: LITERAL_CHANGED, forward: LITERAL_CHANGED };

/** A type that the reader does not take. */
export const TYPE: Obstacle = { backward: TYPE_CHANGED, forward: TYPE_CHANGED };

/** A type that cannot be looked into. */
export const UNKNOWN_TYPE: Obstacle = { backward: UNKNOWN_TYPE_CHANGED, forward: UNKNOWN_TYPE_CHANGED };

/** The rules about types. */
export const typeRules: readonly Rule[] = [
  TYPE_CHANGED,
  LITERAL_CHANGED,
  UNKNOWN_TYPE_CHANGED,
  ...[NULLABLE, ENUM_MEMBER, UNION_BRANCH].flatMap(({ backward, forward }) => [backward, forward]),
];
