/**
 * The archiver: writes every stream to S3 or to a folder, as gzipped JSON lines. It usually runs as a daemon
 * (`deno task archive`); this module runs it inside another program.
 *
 * @module
 */
export { type ArchiverOptions, runArchiver } from "./archiver.ts";
export { ArchiveHistory } from "./archive_history.ts";
export {
  type ArchivedSegment,
  listSegments,
  listStreams,
  type SegmentIds,
  type SegmentListOptions,
} from "./archived_segments.ts";
export { isSuperseded } from "./read/superseded.ts";
export { readSegment } from "./read/read_segment.ts";
export { ArchiveGapError, type ArchiveRange, readArchive, type ReadArchiveOptions } from "./read/read_archive.ts";
export {
  type Compacted,
  CompactionRunningError,
  type CompactOptions,
  compactStream,
  NotCompactableError,
} from "./compact/compact_stream.ts";
export type { ArchiveFault, ArchiveFaultKind } from "./verify/archive_fault.ts";
export { verifyArchive, type VerifyArchiveOptions } from "./verify/verify_archive.ts";
export type { VerifiedStream } from "./verify/verify_stream.ts";
export { DamagedSegmentError } from "./read/scan_segment.ts";
export {
  type ListedObject,
  type ListOptions,
  MissingObjectError,
  type ObjectHead,
  type ObjectStore,
  OtherObjectError,
  type PutOptions,
  type PutReport,
  type StoredObject,
} from "./object_store.ts";
export type { Segment, SegmentRecord } from "./segment.ts";
export { makeSegment } from "./segment_writer.ts";
export { openStore } from "./open_store.ts";
export {
  archiveUrlSetting,
  isArchiveUrl,
  s3OptionsOf,
  s3PutOptionsOf,
  type S3PutSettings,
  s3PutSettings,
  type StoreSettings,
  storeSettings,
} from "./store_settings.ts";
export type { S3Options } from "./s3_store.ts";
export type { S3Encryption, S3PutOptions } from "./s3_put.ts";
export type { ArchiveStep } from "./archive_stream.ts";
export type { EntryHistory } from "./entry_reader.ts";
export type { SegmentLimits } from "./segment.ts";
export { parseStreamLimits } from "./stream_limits_setting.ts";
export type { StreamRule } from "./stream_rules.ts";
export { readVerifications, type RecordedVerification, recordVerification, type Verification } from "./verification.ts";
