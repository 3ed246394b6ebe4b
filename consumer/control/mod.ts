/**
 * What people do about consumers: look at them, pause and resume them, put their checkpoints back, forget them; look at dead letters,
 * have them handled again, or drop them. `deno task consumers` and `deno task dead-letters` are made of this.
 *
 * @module
 */
export type { ConsumerKey } from "../consumer_state.ts";
export { type ConsumerStatus, type FailingStatus, readConsumers, readLags } from "./consumer_status.ts";
export {
  countDeadLetters,
  type DeadLetterFilter,
  dropDeadLetters,
  listDeadLetters,
  redriveDeadLetters,
  type StoredDeadLetter,
} from "./dead_letter_box.ts";
export { findConsumers, UnknownConsumerError } from "./find_consumer.ts";
export { ConsumerAtWorkError, forgetConsumer, type Forgotten } from "./forget.ts";
export { pauseConsumer, resumeConsumer } from "./pause.ts";
export { countFailedReplays, countReplaying, type QueuedReplay, queueReplay } from "./replay.ts";
export { parseTarget, parseTime } from "./flag_values.ts";
export { resetConsumer, type ResetResult } from "./reset.ts";
export { checkpointFor, type ResetTarget } from "./reset_target.ts";
