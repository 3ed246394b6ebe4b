/**
 * The publisher: brings committed events from the PostgreSQL outbox to Redis Streams, exactly once each, in order. It usually
 * runs as a daemon (`deno task publisher`); this module runs it inside another program.
 *
 * @module
 */
export { type PublisherOptions, runPublisher } from "./publisher.ts";
export { type HousekeepingOptions, runHousekeeping } from "./housekeeping.ts";
export { MemoryPressure } from "./memory_pressure.ts";
export type { ReplicaWait } from "./append_script.ts";
export type { RoundStep } from "./round.ts";
export type { TrimContext } from "./trim.ts";
export {
  type Backlog,
  type BackloggedStream,
  type BackloggedStreams,
  readBackloggedStreams,
  readBacklogs,
} from "./outbox_rows.ts";
export { evictsStreams, readMemory, type RedisMemory, usedShare } from "./memory_pressure.ts";
export type { StreamFloor } from "./outbox_rows.ts";
