import type { Obstacle, Rule } from "./rule.ts";

/** A field that new events have and new code relies on, but old events lack. */
export const REQUIRED_FIELD_ADDED: Rule = {
  id: "required-field-added",
  what: "a field was added that must be there",
  why: { backward: "Events sent before have no such field, so new code rejects them." },
  fix: "Wrap it in notSet(): it is then absent in old events, and NOT_SET in memory.",
};

/** A field that is gone. */
export const FIELD_REMOVED: Rule = {
  id: "field-removed",
  what: "a field was removed or renamed",
  why: {
    forward: "Consumers that run the old schema require the field, and reject new events.",
    additive: "Consumers that use the field no longer get it.",
  },
  fix:
    "Keep the field. To rename it, add the new name with notSet() and send both; to retire it, define another event.",
};

/** A field that old events may lack, and new code requires. */
export const FIELD_MADE_REQUIRED: Rule = {
  id: "field-made-required",
  what: "a field that could be absent must now be there",
  why: { backward: "Events sent before may lack it, so new code rejects them." },
  fix: "Leave it as it was, and have producers always send it.",
};

/** A field that old code requires, and new events may lack. */
export const FIELD_MADE_OPTIONAL: Rule = {
  id: "field-made-optional",
  what: "a field that had to be there may now be absent",
  why: { forward: "Consumers that run the old schema reject new events without it." },
  fix: "Deploy every consumer before a producer leaves it out, or keep sending it.",
};

/** A field that was added without saying that producers may not have known it. */
export const OPTIONAL_WITHOUT_NOT_SET: Rule = {
  id: "optional-without-not-set",
  what: "a field was added as optional or with a default, not with notSet()",
  why: {
    additive:
      "A handler cannot tell 'the producer did not know this field' from 'it has no value': old events would seem to say the latter.",
  },
  fix: "Wrap it in notSet() instead: absent in old events, NOT_SET in memory.",
};

/** A field that handlers ask isSet() about is now undefined or a default instead. */
export const NOT_SET_DROPPED: Rule = {
  id: "not-set-dropped",
  what: "notSet() was taken off a field that may still be absent",
  why: {
    additive: "Where old events lack the field, handlers that ask isSet() now take undefined or a default for a value.",
  },
  fix: "Leave notSet() on the field.",
};

/** An object that takes no unknown fields. */
export const OBJECT_CLOSED: Rule = {
  id: "object-closed",
  what: "an object no longer takes unknown fields",
  why: { backward: "Events sent before may have fields that the new schema does not name, and new code rejects them." },
  fix: "Use z.object() or z.looseObject() instead of z.strictObject() or a narrower catchall.",
};

/** An object has fields that the old schema, which was closed, refuses. */
export const OBJECT_EXTENDED: Rule = {
  id: "object-extended",
  what: "an object that took no unknown fields may have more of them",
  why: { forward: "Consumers that run the old schema reject fields that it does not name." },
  fix: "Deploy every consumer before a producer sends the new fields.",
};

/** The reader requires a field that the writer does not know. */
export const FIELD_UNKNOWN: Obstacle = { backward: REQUIRED_FIELD_ADDED, forward: FIELD_REMOVED };

/** The reader requires a field that the writer may leave out. */
export const FIELD_MAY_LACK: Obstacle = { backward: FIELD_MADE_REQUIRED, forward: FIELD_MADE_OPTIONAL };

/** The reader refuses fields that the writer may send. */
export const FIELD_REFUSED: Obstacle = { backward: OBJECT_CLOSED, forward: OBJECT_EXTENDED };

/** The rules about fields. */
export const fieldRules: readonly Rule[] = [
  REQUIRED_FIELD_ADDED,
  FIELD_REMOVED,
  FIELD_MADE_REQUIRED,
  FIELD_MADE_OPTIONAL,
  OPTIONAL_WITHOUT_NOT_SET,
  NOT_SET_DROPPED,
  OBJECT_CLOSED,
  OBJECT_EXTENDED,
];
