/**
 * What the pipeline needs to know of a zod schema's type. Every zod 4 schema fits; naming only this much keeps zod's own
 * types out of the public signatures.
 */
export interface FieldSchema {
  /** Zod's own record of the schema. */
  readonly _zod: {
    /** The value in memory. */
    readonly output: unknown;
    /** The value on the wire. */
    readonly input: unknown;
    /** `"optional"` when the key may be absent in memory. */
    readonly optout?: "optional" | undefined;
  };
}

/** The fields of an event by name. */
export type EventShape = Readonly<Record<string, FieldSchema>>;

/** The fields whose key may be absent in memory. */
export type OptionalKeys<Shape extends EventShape> = {
  [K in keyof Shape]: Shape[K]["_zod"]["optout"] extends "optional" ? K : never;
}[keyof Shape];

/** The payload in memory that a shape describes. */
export type PayloadOf<Shape extends EventShape> =
  & { readonly [K in Exclude<keyof Shape, OptionalKeys<Shape>>]: Shape[K]["_zod"]["output"] }
  & { readonly [K in OptionalKeys<Shape>]?: Shape[K]["_zod"]["output"] };
