import { collectionRules } from "./collections.ts";
import { eventRules } from "./events.ts";
import { fieldRules } from "./fields.ts";
import { housekeepingRules } from "./housekeeping.ts";
import { meaningRules } from "./meaning.ts";
import type { Rule } from "./rule.ts";
import { streamRules } from "./streams.ts";
import { typeRules } from "./types.ts";
import { valueRules } from "./values.ts";

/** Every rule of the checker. Their ids are stable: waivers name them. */
export const RULES: readonly Rule[] = [
  ...eventRules,
  ...streamRules,
  ...fieldRules,
  ...typeRules,
  ...valueRules,
  ...collectionRules,
  ...meaningRules,
  ...housekeepingRules,
];
