/**
 * Types of `parseArgs` of `@std/cli` 1.0 for the JavaScript that `mod.ts` re-exports. Its result is
 * inferred as upstream infers it:
 *
 * - no `string`, `boolean` or `collect`: every flag is `any`; else a flag not named there is `unknown`
 * - `string`: `string`, may be missing; `boolean`: `boolean`, always there; `collect`: an array of
 *   these (of `unknown` if named nowhere else), always there
 * - `default`: always there, its type added; `negatable`: `false` added
 * - `alias`: the alias has the type of its flag; a dotted name makes nested objects
 *
 * @module
 */

// Without this line every declaration below would be exported, exported or not.
export {};

/**
 * Names of boolean flags, or whether all flags are.
 *
 * @internal
 */
type BooleanNames = boolean | string | undefined;
/**
 * Names of flags.
 *
 * @internal
 */
type Names = string | undefined;
/**
 * The other names of each flag.
 *
 * @internal
 */
type Aliases<TFlag = string, TAlias extends string = string> = Partial<
  Record<Extract<TFlag, string>, TAlias | ReadonlyArray<TAlias>>
>;

type UnionToIntersection<T> = (T extends unknown ? (value: T) => void : never) extends (value: infer I) => void ? I
  : never;

/**
 * Shows intersections as one object, nested ones too.
 *
 * @internal
 */
type Flatten<T> = T extends Record<string, unknown> ? { [K in keyof T]: Flatten<T[K]> }
  : T;

/** `Nest<"a.b", V>` is `{ a: { b: V } }`. */
type Nest<TName extends string, TValue> = TName extends `${infer Head}.${infer Tail}`
  ? { [K in Head]: Nest<Tail, TValue> }
  : { [K in TName]: TValue };

type NestOptional<TName extends string, TValue> = TName extends `${infer Head}.${infer Tail}`
  ? { [K in Head]?: NestOptional<Tail, TValue> }
  : { [K in TName]?: TValue };

type OrFalse<TName, TNegatable> = TName extends TNegatable ? false : never;

type StringFlag<TName, TCollect, TNegatable> = TName extends string
  ? TName extends TCollect ? Nest<TName, string[] | OrFalse<TName, TNegatable>>
  : NestOptional<TName, string | OrFalse<TName, TNegatable>>
  : never;

type BooleanFlag<TName, TCollect> = TName extends string ? Nest<TName, TName extends TCollect ? boolean[] : boolean>
  : never;

type CollectFlag<TName, TNegatable> = TName extends string ? Nest<TName, unknown[] | OrFalse<TName, TNegatable>>
  : never;

type NestDefaults<TDefault> = string extends keyof TDefault ? TDefault
  : UnionToIntersection<
    { [K in keyof TDefault]: Nest<K & string, TDefault[K]> }[keyof TDefault]
  >;

type WithDefaults<TFlags, TDefault> = TDefault extends undefined ? TFlags
  :
    & { [K in keyof TFlags as Exclude<K, keyof TDefault>]: TFlags[K] }
    & {
      [K in keyof TDefault]: K extends keyof TFlags ? OrDefault<NonNullable<TFlags[K]>, TDefault[K]>
        : unknown;
    };

type OrDefault<TFlag, TDefault> = TFlag extends Record<string, unknown>
  ? TDefault extends Record<string, unknown> ? WithDefaults<TFlag, TDefault>
  : TFlag | TDefault
  : TFlag | TDefault;

type WithAliases<TFlags, TAliases> = {
  [K in keyof TFlags as K | AliasOf<K, TAliases>]: TFlags[K];
};

type AliasOf<TFlag, TAliases> = TFlag extends keyof TAliases ? Literal<
    TAliases[TFlag] extends Array<infer TAlias> ? TAlias : TAliases[TFlag]
  >
  : never;

/** Drops `string`: an alias only known at run time must not turn into an index signature. */
type Literal<T> = T extends string ? string extends T ? never : T : never;

/** Whether no flag was named: `boolean: false` names none, `boolean: true` all. */
type IsUntyped<TBooleans, TStrings, TCollect> = undefined extends
  (false extends TBooleans ? undefined : TBooleans) & TStrings & TCollect ? true
  : false;

/**
 * The flags of a result, whatever else is in it.
 *
 * @internal
 */
type Flags<
  TBooleans extends BooleanNames,
  TStrings extends Names,
  TCollect extends Names,
  TNegatable extends Names,
  TDefault extends Record<string, unknown> | undefined,
  TAliases extends Aliases | undefined,
> = IsUntyped<TBooleans, TStrings, TCollect> extends true
  // deno-lint-ignore no-explicit-any
  ? Record<string, any>
  :
    & Record<string, unknown>
    & WithAliases<
      WithDefaults<
        UnionToIntersection<
          | StringFlag<TStrings, TCollect, TNegatable>
          | BooleanFlag<TBooleans, TCollect>
          | CollectFlag<Exclude<TCollect, TStrings | TBooleans>, TNegatable>
        >,
        NestDefaults<TDefault>
      >,
      TAliases
    >;

/** What {@linkcode parseArgs} returns: the flags, the other arguments in `_`, those after `--` in `--`. */
export type Args<
  // deno-lint-ignore no-explicit-any
  TArgs extends Record<string, unknown> = Record<string, any>,
  TDoubleDash extends boolean | undefined = undefined,
> = Flatten<
  & TArgs
  & { _: Array<string | number> }
  & (boolean extends TDoubleDash ? { "--"?: string[] }
    : TDoubleDash extends true ? { "--": string[] }
    : Record<never, never>)
>;

/** How {@linkcode parseArgs} reads its arguments. */
export interface ParseOptions<
  TBooleans extends BooleanNames = BooleanNames,
  TStrings extends Names = Names,
  TCollectable extends Names = Names,
  TNegatable extends Names = Names,
  TDefault extends Record<string, unknown> | undefined =
    | Record<string, unknown>
    | undefined,
  TAliases extends Aliases | undefined = Aliases | undefined,
  TDoubleDash extends boolean | undefined = boolean | undefined,
> {
  /**
   * Puts what follows `--` into `"--"` of the result instead of `_`.
   *
   * @default {false}
   */
  "--"?: TDoubleDash;
  /**
   * Other names of a flag; the result has the value under each.
   *
   * @default {{}}
   */
  alias?: TAliases;
  /**
   * Flags that take no value and are `false` when missing; `true` for every `--flag` without `=`.
   *
   * @default {false}
   */
  boolean?: TBooleans | ReadonlyArray<Extract<TBooleans, string>>;
  /**
   * Values of missing flags.
   *
   * @default {{}}
   */
  default?: TDefault;
  /**
   * Leaves everything after the first argument that is no flag unread, in `_`.
   *
   * @default {false}
   */
  stopEarly?: boolean;
  /**
   * Flags whose value stays text, even if it looks like a number.
   *
   * @default {[]}
   */
  string?: TStrings | ReadonlyArray<Extract<TStrings, string>>;
  /**
   * Flags that may be given more than once; elsewhere the last one counts.
   *
   * @default {[]}
   */
  collect?: TCollectable | ReadonlyArray<Extract<TCollectable, string>>;
  /**
   * Flags that `--no-…` sets to `false`.
   *
   * @default {[]}
   */
  negatable?: TNegatable | ReadonlyArray<Extract<TNegatable, string>>;
  /**
   * Called for every argument that no option names; `false` leaves it out of the result.
   *
   * @param arg the argument as it was given
   * @param key the flag's name, if it is a flag
   * @param value the flag's value, if it is a flag
   */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/**
 * Reads command line arguments.
 *
 * @param args the arguments, as in `Deno.args`
 * @param options which flags there are and what they hold
 */
export declare function parseArgs<
  TArgs extends Flags<
    TBooleans,
    TStrings,
    TCollectable,
    TNegatable,
    TDefaults,
    TAliases
  >,
  TDoubleDash extends boolean | undefined = undefined,
  TBooleans extends BooleanNames = undefined,
  TStrings extends Names = undefined,
  TCollectable extends Names = undefined,
  TNegatable extends Names = undefined,
  TDefaults extends Record<string, unknown> | undefined = undefined,
  TAliases extends Aliases<TAliasArgNames, TAliasNames> | undefined = undefined,
  TAliasArgNames extends string = string,
  TAliasNames extends string = string,
>(
  args: string[],
  options?: ParseOptions<
    TBooleans,
    TStrings,
    TCollectable,
    TNegatable,
    TDefaults,
    TAliases,
    TDoubleDash
  >,
): Args<TArgs, TDoubleDash>;
