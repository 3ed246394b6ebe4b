/**
 * What upstream's loggers make of a message that is no text: an error becomes its stack, another
 * object `{"key":value}` (even an array), a function `undefined`.
 */
export function messageText(data: unknown): string {
  if (typeof data === "function") return "undefined";
  if (typeof data !== "object" || data === null) return String(data);
  if (data instanceof Error) return data.stack ?? String(data);
  const entries = Object.entries(data).map(([key, value]) => {
    const text = typeof value === "string" ? `"${value}"` : messageText(value);
    return `"${key}":${text}`;
  });
  return `{${entries.join(",")}}`;
}
