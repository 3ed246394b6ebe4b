import type { Rule } from "./rule.ts";

const why = {
  backward: "What is in the old stream is read by nobody, and checkpoints and leases are kept under its name.",
  forward: "Consumers that read the old stream get no more events, and nobody tells them.",
  additive: "Producers and consumers of the stream no longer meet.",
};

/** A stream that is gone. */
export const STREAM_REMOVED: Rule = {
  id: "stream-removed",
  what: "a stream's name was removed, or is no longer exported",
  why,
  fix: "Keep the name until producers, consumers and the archiver are done with the stream.",
};

/** A stream that has another name now. */
export const STREAM_RENAMED: Rule = {
  id: "stream-renamed",
  what: "a stream has another name",
  why,
  fix: "Keep the old name beside the new one, and move producers only when every consumer reads both.",
};

/** The rules about streams. */
export const streamRules: readonly Rule[] = [STREAM_REMOVED, STREAM_RENAMED];
