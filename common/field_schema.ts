// deno-lint-ignore-file no-explicit-any -- what zod keeps for itself has no type here
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

/**
 * A field that is one thing in memory and another on the wire. It fits wherever zod takes a schema: `z.nullable(isoDate)`,
 * `z.array(isoDate)`, `z.object({ at: isoDate })`.
 */
export interface FieldCodec<Memory, Wire = string> {
  /** Zod's own record of the schema: the two types, and what zod's functions want to know besides. */
  readonly _zod:
    & {
      readonly [
        K in "version" | "def" | "deferred" | "run" | "parse" | "traits" | "pattern" | "constr" | "bag" | "isst"
      ]: any;
    }
    & {
      /** The value in memory. */
      readonly output: Memory;
      /** The value on the wire. */
      readonly input: Wire;
      /** Whether the key may be absent on the wire. */
      readonly optin?: "optional" | "defaulted" | undefined;
      /** Whether the key may be absent in memory. */
      readonly optout?: "optional" | undefined;
    };
}
