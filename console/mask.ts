/** What stands in the place of a masked value. */
export const MASKED = "•••";

/** Hides fields of payloads and metadata. */
export interface Mask {
  /** Whether it hides anything. */
  readonly hidesFields: boolean;
  /** JSON text, indented, with its masked fields hidden. Numbers keep their digits. */
  json(text: string): string;
  /** A text such as an error, without the values that are masked in a payload. */
  textAbout(text: string, payload: string): string;
}

/** What TypeScript's library does not know of yet: the text of a number, and how to write one back. */
const { parse, rawJSON } = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
};

/**
 * Makes a mask.
 *
 * @param fields names (`email`), masked wherever they are, or paths from the top (`customer.address`); lists are passed through
 */
export function maskOf(fields: readonly string[]): Mask {
  const hidden = new Set(fields);
  const read = (text: string): unknown =>
    parse(
      text,
      (_key, value, { source }) => typeof value === "number" && source !== undefined ? rawJSON(source) : value,
    );
  return {
    hidesFields: hidden.size > 0,
    json(text) {
      return JSON.stringify(masked(read(text), "", hidden, () => {}), null, 2);
    },
    textAbout(text, payload) {
      if (hidden.size === 0) return text;
      const values = new Set<string>();
      masked(read(payload), "", hidden, (value) => void (value.length > 2 && values.add(value)));
      return [...values].sort((a, b) => b.length - a.length).reduce(
        (rest, value) => rest.replaceAll(value, MASKED),
        text,
      );
    },
  };
}

function masked(value: unknown, path: string, hidden: ReadonlySet<string>, tell: (value: string) => void): unknown {
  if (Array.isArray(value)) return value.map((item) => masked(item, path, hidden, tell));
  if (typeof value !== "object" || value === null || isRaw(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const inside = path === "" ? key : `${path}.${key}`;
      if (!hidden.has(key) && !hidden.has(inside)) return [key, masked(inner, inside, hidden, tell)];
      tellAll(inner, tell);
      return [key, MASKED];
    }),
  );
}

function tellAll(value: unknown, tell: (value: string) => void): void {
  if (typeof value === "object" && value !== null && !isRaw(value)) {
    for (const inner of Object.values(value)) tellAll(inner, tell);
  } else tell(typeof value === "string" ? value : JSON.stringify(value));
}

function isRaw(value: object): boolean {
  return (JSON as unknown as { isRawJSON(value: object): boolean }).isRawJSON(value);
}
