/** A value as JSON carries it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A regular expression that texts must match. */
export interface PatternForm {
  /** Its source, without the slashes. */
  readonly source: string;
  /** Its flags. */
  readonly flags: string;
}

/** A named format that texts must have, such as `uuid`. */
export interface FormatForm {
  /** Zod's name of it. */
  readonly name: string;
  /** The pattern that it stands for, if it is one. */
  readonly pattern?: PatternForm;
  /** What was set about it, such as `{ offset: true }`. */
  readonly options: { readonly [key: string]: Json };
}

/** Bounds of a number, a length, a time. */
export interface BoundsForm {
  /** The least value. */
  readonly min?: number;
  /** Whether `min` itself is excluded. */
  readonly aboveMin?: true;
  /** The greatest value. */
  readonly max?: number;
  /** Whether `max` itself is excluded. */
  readonly belowMax?: true;
}

/** How a field may be absent. */
export type Presence =
  /** It must be there. */
  | "required"
  /** It may be absent, and is then `undefined` in memory. */
  | "optional"
  /** It may be absent, and then has a default in memory. */
  | "default"
  /** It may be absent, and is then `NOT_SET` in memory. */
  | "notSet";

/** A field of an object. */
export interface FieldForm {
  /** Whether it may be absent. */
  readonly presence: Presence;
  /** What it is when it is there. */
  readonly type: TypeForm;
}

/** What a codec makes of a sample from the wire: the sample as JSON text, and the value in memory in words. */
export type SampleForm = readonly [wire: string, memory: string];

/** What types of every kind may have. */
export interface Refined {
  /** The source text of checks that are program code. */
  readonly refinements?: readonly string[];
}

/** What values of one type look like on the wire. */
export type TypeForm = Refined & TypeKind;

/** The kinds of types. */
export type TypeKind =
  | { readonly kind: "any" }
  | { readonly kind: "never" }
  | { readonly kind: "null" }
  | { readonly kind: "boolean" }
  | {
    readonly kind: "string";
    readonly length: BoundsForm;
    readonly patterns: readonly PatternForm[];
    readonly formats: readonly FormatForm[];
  }
  | {
    readonly kind: "number";
    readonly integer: boolean;
    readonly bounds: BoundsForm;
    readonly multipleOf: readonly number[];
  }
  | { readonly kind: "literal"; readonly values: readonly (null | boolean | number | string)[] }
  | { readonly kind: "array"; readonly element: TypeForm; readonly length: BoundsForm }
  | {
    readonly kind: "tuple";
    readonly items: readonly TypeForm[];
    /** How many items must be there. */
    readonly required: number;
    readonly rest?: TypeForm;
  }
  | {
    readonly kind: "object";
    readonly fields: { readonly [name: string]: FieldForm };
    /** What becomes of unknown fields: refused, dropped, kept, or of a type. */
    readonly unknown: "refused" | "dropped" | "kept" | TypeForm;
  }
  | { readonly kind: "record"; readonly key: TypeForm; readonly value: TypeForm }
  | { readonly kind: "union"; readonly branches: readonly TypeForm[]; readonly exclusive: boolean }
  | { readonly kind: "intersection"; readonly parts: readonly TypeForm[] }
  | {
    readonly kind: "codec";
    /** What travels. */
    readonly wire: TypeForm;
    /** What is checked in memory. */
    readonly memory: TypeForm;
    /** What it makes of samples. */
    readonly samples: readonly SampleForm[];
    /** The source text of its way from the wire. */
    readonly source: string;
  }
  | { readonly kind: "ref"; readonly to: string }
  /** What JSON has no word for, such as a Date in memory, or what this program does not know. */
  | { readonly kind: "opaque"; readonly name: string; readonly bounds: BoundsForm; readonly source: string };

/** An event. */
export interface EventForm {
  /** Names under which it was sent before. */
  readonly aliases: readonly string[];
  /** Its payload. */
  readonly payload: TypeForm;
  /** Types that contain themselves, which `ref` names. */
  readonly definitions: { readonly [name: string]: TypeForm };
}

/** Every event and stream of a revision, in a form that two versions of zod would agree on. */
export interface Snapshot {
  /** The version of this form. */
  readonly format: 1;
  /** The events by name. */
  readonly events: { readonly [name: string]: EventForm };
  /** The streams: their names, by what the program calls them. */
  readonly streams: { readonly [key: string]: string };
}
