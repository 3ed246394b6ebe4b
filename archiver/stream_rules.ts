import type { SegmentLimits } from "./segment.ts";

/** What holds for the streams whose names fit a pattern. */
export interface StreamRule {
  /** A name, in which `*` stands for any text. */
  readonly pattern: string;
  /** The limits that differ from the ordinary ones. */
  readonly limits: Partial<SegmentLimits>;
}

/** Which streams are archived, and how. */
export interface StreamRulesOptions {
  /** Only streams that fit one of these patterns. @default all */
  readonly include?: readonly string[] | undefined;
  /** No streams that fit one of these, even if they are included. @default none */
  readonly exclude?: readonly string[] | undefined;
  /** Limits of some streams; the first rule that fits counts. @default none */
  readonly rules?: readonly StreamRule[] | undefined;
  /** The limits of all others. */
  readonly limits: SegmentLimits;
}

/** Says of each stream whether it is archived, and when its segments are full. */
export class StreamRules {
  readonly #include: readonly RegExp[] | undefined;
  readonly #exclude: readonly RegExp[];
  readonly #rules: readonly (readonly [pattern: RegExp, limits: SegmentLimits])[];
  readonly #limits: SegmentLimits;

  /** Made once. */
  constructor({ include, exclude = [], rules = [], limits }: StreamRulesOptions) {
    this.#include = include?.map(toRegExp);
    this.#exclude = exclude.map(toRegExp);
    this.#rules = rules.map((rule) => [toRegExp(rule.pattern), { ...limits, ...rule.limits }]);
    this.#limits = limits;
  }

  /** Whether a stream is archived. */
  archives(stream: string): boolean {
    const fits = (pattern: RegExp): boolean => pattern.test(stream);
    return (this.#include?.some(fits) ?? true) && !this.#exclude.some(fits);
  }

  /** When a stream's segments are full. */
  limitsOf(stream: string): SegmentLimits {
    return this.#rules.find(([pattern]) => pattern.test(stream))?.[1] ?? this.#limits;
  }
}

/** A pattern in which `*` stands for any text and everything else for itself. */
function toRegExp(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}
