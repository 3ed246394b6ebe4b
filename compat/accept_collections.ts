import type { Context } from "./acceptance.ts";
import { isTighter } from "./accept_values.ts";
import { valueFits } from "./accept_values.ts";
import { boundsWords, describeField, describeType } from "./describe.ts";
import type { BoundsForm, FieldForm, TypeForm } from "./normal_form.ts";
import { RECORD_KEY, TUPLE, TUPLE_LENGTH } from "./rules/collections.ts";
import {
  FIELD_MAY_LACK,
  FIELD_REFUSED,
  FIELD_REMOVED,
  FIELD_UNKNOWN,
  NOT_SET_DROPPED,
  OPTIONAL_WITHOUT_NOT_SET,
} from "./rules/fields.ts";
import { LENGTH } from "./rules/values.ts";

type Of<Kind extends TypeForm["kind"]> = Extract<TypeForm, { readonly kind: Kind }>;

/** Compares two lists, tuples, objects or records. @returns whether the two can be compared */
export function compareCollections(context: Context, writer: TypeForm, reader: TypeForm, path: string): boolean {
  if (writer.kind === "array" && reader.kind === "array") compareArrays(context, writer, reader, path);
  else if (writer.kind === "array" && reader.kind === "tuple") {
    context.refuse(TUPLE, path, describeType(writer), describeType(reader));
  } else if (writer.kind === "tuple" && reader.kind === "array") compareTupleToArray(context, writer, reader, path);
  else if (writer.kind === "tuple" && reader.kind === "tuple") compareTuples(context, writer, reader, path);
  else if (writer.kind === "object" && reader.kind === "object") compareObjects(context, writer, reader, path);
  else if (writer.kind === "object" && reader.kind === "record") compareObjectToRecord(context, writer, reader, path);
  else if (writer.kind === "record" && reader.kind === "object") compareRecordToObject(context, writer, reader, path);
  else if (writer.kind === "record" && reader.kind === "record") {
    const keys = context.attempt(writer.key, reader.key, path);
    if (keys.refusals.length > 0) {
      context.refuse(RECORD_KEY, `${path}<key>`, describeType(writer.key), describeType(reader.key));
    }
    context.compare(writer.value, reader.value, `${path}.*`);
  } else return false;
  return true;
}

function lengthWords(bounds: BoundsForm): string {
  return boundsWords(bounds, "", " item") || "any length";
}

function compareArrays(context: Context, writer: Of<"array">, reader: Of<"array">, path: string): void {
  if (isTighter(writer.length, reader.length)) {
    context.refuse(LENGTH, path, lengthWords(writer.length), lengthWords(reader.length));
  }
  if (writer.length.max !== 0) context.compare(writer.element, reader.element, `${path}[]`);
}

function tupleLength({ items, required, rest }: Of<"tuple">): BoundsForm {
  return { min: required, ...(rest === undefined ? { max: items.length } : {}) };
}

function compareTupleToArray(context: Context, writer: Of<"tuple">, reader: Of<"array">, path: string): void {
  const length = tupleLength(writer);
  if (isTighter(length, reader.length)) context.refuse(LENGTH, path, lengthWords(length), lengthWords(reader.length));
  writer.items.forEach((item, i) => context.compare(item, reader.element, `${path}[${i}]`));
  if (writer.rest !== undefined) context.compare(writer.rest, reader.element, `${path}[…]`);
}

function compareTuples(context: Context, writer: Of<"tuple">, reader: Of<"tuple">, path: string): void {
  const lengths = [tupleLength(writer), tupleLength(reader)] as const;
  if (isTighter(...lengths)) context.refuse(TUPLE_LENGTH, path, lengthWords(lengths[0]), lengthWords(lengths[1]));
  for (let i = 0; i < Math.max(writer.items.length, reader.items.length); i++) {
    const [sent, taken] = [writer.items[i] ?? writer.rest, reader.items[i] ?? reader.rest];
    if (sent !== undefined && taken !== undefined) context.compare(sent, taken, `${path}[${i}]`);
  }
  if (writer.rest !== undefined && reader.rest !== undefined) context.compare(writer.rest, reader.rest, `${path}[…]`);
}

function fieldOf(object: Of<"object">, name: string): FieldForm | undefined {
  return Object.hasOwn(object.fields, name) ? object.fields[name] : undefined;
}

function fieldPath(path: string, name: string): string {
  const key = /^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(name) ? name : JSON.stringify(name);
  return path === "" ? key : `${path}.${key}`;
}

function compareObjects(context: Context, writer: Of<"object">, reader: Of<"object">, path: string): void {
  for (const [name, taken] of Object.entries(reader.fields)) {
    const sent = fieldOf(writer, name);
    const at = fieldPath(path, name);
    if (sent === undefined) {
      compareUnsent(context, writer, taken, at);
      continue;
    }
    if (taken.presence === "required" && sent.presence !== "required") {
      context.refuse(FIELD_MAY_LACK, at, describeField(sent), describeField(taken));
    } else if (sent.presence === "notSet" && taken.presence !== "notSet") {
      context.remark(NOT_SET_DROPPED, at, describeField(sent), describeField(taken));
    }
    context.compare(sent.type, taken.type, at);
  }
  for (const [name, sent] of Object.entries(writer.fields)) {
    if (fieldOf(reader, name) !== undefined) continue;
    const at = fieldPath(path, name);
    context.remark(FIELD_REMOVED, at, describeField(sent), "no such field");
    if (reader.unknown === "refused") context.refuse(FIELD_REFUSED, at, describeField(sent), "no unknown field");
    else if (typeof reader.unknown !== "string") context.compare(sent.type, reader.unknown, at);
  }
  compareUnknown(context, writer, reader, path);
}

/** A field that the writer does not name. */
function compareUnsent(context: Context, writer: Of<"object">, taken: FieldForm, path: string): void {
  if (taken.presence === "required") context.refuse(FIELD_UNKNOWN, path, "no such field", describeField(taken));
  else {
    if (taken.presence !== "notSet") {
      context.remark(OPTIONAL_WITHOUT_NOT_SET, path, "no such field", describeField(taken));
    }
    if (typeof writer.unknown !== "string") context.compare(writer.unknown, taken.type, path);
  }
}

function compareUnknown(context: Context, writer: Of<"object">, reader: Of<"object">, path: string): void {
  if (writer.unknown === "refused") return;
  const at = path === "" ? "*" : `${path}.*`;
  if (reader.unknown === "refused") {
    context.refuse(FIELD_REFUSED, path, "unknown fields are taken", "no unknown field");
  } else if (typeof reader.unknown !== "string") {
    if (typeof writer.unknown === "string") {
      context.refuse(
        FIELD_REFUSED,
        path,
        "unknown fields are taken",
        `unknown fields are ${describeType(reader.unknown)}`,
      );
    } else context.compare(writer.unknown, reader.unknown, at);
  }
}

function compareObjectToRecord(context: Context, writer: Of<"object">, reader: Of<"record">, path: string): void {
  for (const [name, sent] of Object.entries(writer.fields)) {
    const at = fieldPath(path, name);
    if (!keyFits(name, context.reader(reader.key))) {
      context.refuse(RECORD_KEY, at, JSON.stringify(name), describeType(context.reader(reader.key)));
    } else context.compare(sent.type, reader.value, at);
  }
  if (writer.unknown === "kept" || writer.unknown === "dropped") {
    context.refuse(FIELD_REFUSED, path, "unknown fields are taken", `unknown fields are ${describeType(reader.value)}`);
  } else if (writer.unknown !== "refused") {
    const keys = context.attempt({ kind: "string", length: {}, patterns: [], formats: [] }, reader.key, path);
    if (keys.refusals.length > 0) context.refuse(RECORD_KEY, `${path}<key>`, "any text", describeType(reader.key));
    context.compare(writer.unknown, reader.value, `${path}.*`);
  }
}

function compareRecordToObject(context: Context, writer: Of<"record">, reader: Of<"object">, path: string): void {
  for (const [name, taken] of Object.entries(reader.fields)) {
    const at = fieldPath(path, name);
    if (taken.presence === "required") context.refuse(FIELD_UNKNOWN, at, "any key, or none", describeField(taken));
    else context.compare(writer.value, taken.type, at);
  }
  if (reader.unknown === "refused") {
    context.refuse(FIELD_REFUSED, path, describeType(writer), "no unknown field");
  } else if (typeof reader.unknown !== "string") context.compare(writer.value, reader.unknown, `${path}.*`);
}

/** Whether a record has a key: keys are texts on the wire, and numbers if that is their type. */
function keyFits(name: string, key: TypeForm): boolean {
  if (valueFits(name, key) === true) return true;
  return /^-?\d+(\.\d+)?$/.test(name) && valueFits(Number(name), key) === true;
}
