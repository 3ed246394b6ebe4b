/**
 * Rejects breaking changes of event schemas and stream names: takes two revisions down in one normal form, and compares them.
 * The program is `deno task check-compat`, or `jsr:@events-pipeline/compat/main`.
 *
 * @module
 */
export { type CheckOptions, checkSnapshots, type Finding, type OlderSnapshot } from "./check_snapshots.ts";
export { type CompatFile, CompatFileError, readCompatFile, type Waiver } from "./compat_file.ts";
export { describeType } from "./describe.ts";
export { type Change, diffSnapshots } from "./diff.ts";
export { type Mode, MODES } from "./modes.ts";
export type {
  BoundsForm,
  EventForm,
  FieldForm,
  FormatForm,
  Json,
  PatternForm,
  Presence,
  Refined,
  SampleForm,
  Snapshot,
  TypeForm,
  TypeKind,
} from "./normal_form.ts";
export type { Broken, Rule } from "./rules/rule.ts";
export type { FieldChange } from "./field_changes.ts";
export {
  type EventVersion,
  eventVersions,
  historyOf,
  isSameForm,
  readSchemaHistory,
  type RecordedForm,
  type Revision,
  type SchemaHistory,
} from "./schema_history.ts";
export { RULES } from "./rules/rules.ts";
export { snapshotOf } from "./snapshot.ts";
