import type { Context } from "./acceptance.ts";
import { FIXED_SAMPLES } from "./codec_samples.ts";
import { describeType } from "./describe.ts";
import type { TypeForm } from "./normal_form.ts";
import { CODEC, CODEC_PUT_ON } from "./rules/meaning.ts";
import { REFINEMENT } from "./rules/values.ts";

type Codec = Extract<TypeForm, { readonly kind: "codec" }>;

/** Compares two types of which one at least is a codec: what travels, and what is made of it. */
export function compareCodecs(
  context: Context,
  writer: TypeForm,
  reader: TypeForm,
  path: string,
  insideUnion: boolean,
): void {
  const travels = writer.kind === "codec" ? writer.wire : writer;
  const taken = reader.kind === "codec" ? reader.wire : reader;
  const wire = context.attempt(travels, taken, path);
  if (wire.refusals.length > 0 || reader.kind !== "codec") return context.compare(travels, taken, path, insideUnion);
  context.adopt(wire);
  if (writer.kind !== "codec") {
    context.refuse(CODEC_PUT_ON, path, describeType(writer), describeType(reader));
    return;
  }
  // What memory refuses shows in the samples as well, and is told once.
  if (isMemoryTaken(context, writer, reader, path)) compareMeaning(context, writer, reader, path);
}

/** Whether what is checked in memory, after the codec, narrows nothing of what is taken from the wire; reports it if it does. */
function isMemoryTaken(context: Context, writer: Codec, reader: Codec, path: string): boolean {
  const [sent, taken] = [writer.memory, reader.memory];
  if (sent.kind === taken.kind) {
    // What it is in memory shows in the samples; its source text may change with the library that made it.
    const alike = sent.kind === "opaque" && taken.kind === "opaque"
      ? { ...sent, name: taken.name, source: taken.source }
      : sent;
    const memory = context.attempt(alike, taken, path);
    context.adopt(memory);
    return memory.refusals.length === 0;
  }
  if (!isLimited(taken)) return true;
  context.refuse(REFINEMENT, path, describeType(sent), describeType(taken));
  return false;
}

function isLimited(memory: TypeForm): boolean {
  if (memory.refinements !== undefined) return true;
  switch (memory.kind) {
    case "any":
    case "boolean":
      return false;
    case "opaque":
      return Object.keys(memory.bounds).length > 0;
    case "string":
      return memory.patterns.length > 0 || memory.formats.length > 0 || Object.keys(memory.length).length > 0;
    case "number":
      return memory.multipleOf.length > 0 || Object.keys(memory.bounds).length > 0;
    default:
      return true;
  }
}

function compareMeaning(context: Context, writer: Codec, reader: Codec, path: string): void {
  const meant = new Map(writer.samples);
  const read = new Map(reader.samples);
  let common = 0;
  for (const [sample, words] of meant) {
    const other = read.get(sample);
    if (other === undefined) {
      if (!FIXED_SAMPLES.has(sample)) continue;
      return context.refuse(CODEC, path, `${sample} is ${words}`, `${sample} is refused`);
    }
    if (other !== words) return context.refuse(CODEC, path, `${sample} is ${words}`, `${sample} is ${other}`);
    common++;
  }
  if (common === 0 && writer.source !== reader.source) {
    context.refuse(
      CODEC,
      path,
      writer.source.slice(0, 100),
      `${reader.source.slice(0, 100)} (no sample shows whether it is the same)`,
    );
  }
}
