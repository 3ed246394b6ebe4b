import type { Rule } from "./rule.ts";

/** An event that is gone. */
export const EVENT_REMOVED: Rule = {
  id: "event-removed",
  what: "an event was removed, or is no longer exported",
  why: {
    backward: "Events of that name are in the outbox, the streams and the archive, and new code cannot read them.",
    forward: "Consumers that wait for it get no more of them, and nobody tells them.",
    additive: "Consumers of the event can no longer be built.",
  },
  fix: "Keep the definition, and export it; producers may stop sending it.",
};

/** An event that has another name now. */
export const EVENT_RENAMED: Rule = {
  id: "event-renamed",
  what: "an event has another name",
  why: {
    backward: "The name travels with each event: those sent before have the old one, and new code cannot read them.",
    forward: "Consumers wait for the old name, and pass over the new one.",
    additive: "Consumers of the event can no longer be built.",
  },
  fix: "Keep the old definition beside the new one, and send both until nobody consumes the old one. " +
    "If consumers are deployed first, the old name as one of the new event's aliases is enough.",
};

/** An earlier name of an event that is no longer read. */
export const ALIAS_REMOVED: Rule = {
  id: "alias-removed",
  what: "an earlier name of an event is no longer one of its aliases",
  why: { backward: "Events sent under that name are in the archive at least, and new code cannot read them." },
  fix: "Keep the name among the event's aliases.",
};

/** The rules about whole events. */
export const eventRules: readonly Rule[] = [EVENT_REMOVED, EVENT_RENAMED, ALIAS_REMOVED];
