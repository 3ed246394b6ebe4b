import type { Rule } from "./rule.ts";

/** A waiver that waives nothing. */
export const WAIVER_UNUSED: Rule = {
  id: "waiver-unused",
  what: "a waiver waives nothing",
  why: { additive: "It would let through, unseen, the next change that happens to fit it." },
  fix: "Delete it from compat.json: either it has done its work, or its rule, event or path is misspelt.",
};

/** A waiver that has run out. */
export const WAIVER_EXPIRED: Rule = {
  id: "waiver-expired",
  what: "a waiver has run out",
  why: { additive: "It was agreed until a day that has passed." },
  fix: "Delete it from compat.json, or agree on it again with another date.",
};

/** A mode for an event that does not exist. */
export const OVERRIDE_UNUSED: Rule = {
  id: "override-unused",
  what: "a mode is set for an event that does not exist",
  why: { additive: "Its name may be misspelt, and the event that was meant is checked by another mode." },
  fix: "Correct the name in compat.json, or delete it.",
};

/** The rules about compat.json. */
export const housekeepingRules: readonly Rule[] = [WAIVER_UNUSED, WAIVER_EXPIRED, OVERRIDE_UNUSED];
