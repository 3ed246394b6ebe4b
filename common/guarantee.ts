/**
 * What a producer or consumer promises about one event.
 *
 * - `EXACTLY_ONCE`: the effect commits with the transaction it belongs to, once.
 * - `AT_LEAST_ONCE`: it happens, perhaps more than once.
 * - `AT_MOST_ONCE`: it happens once or not at all.
 */
export type Guarantee = "EXACTLY_ONCE" | "AT_LEAST_ONCE" | "AT_MOST_ONCE";

/** The guarantees by name, so that a typo is a compile error. */
export const Guarantee: {
  readonly EXACTLY_ONCE: "EXACTLY_ONCE";
  readonly AT_LEAST_ONCE: "AT_LEAST_ONCE";
  readonly AT_MOST_ONCE: "AT_MOST_ONCE";
} = Object.freeze({ EXACTLY_ONCE: "EXACTLY_ONCE", AT_LEAST_ONCE: "AT_LEAST_ONCE", AT_MOST_ONCE: "AT_MOST_ONCE" });
