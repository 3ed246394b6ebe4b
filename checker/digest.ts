import { createHash } from "node:crypto";

/** How metadata and payload are compared: byte for byte, or as the archive has them, with spaces for line breaks. */
export type TextForm = "as sent" | "one line";

/** The SHA-256 of an event's metadata and payload, in hex. `readRowsAt` has PostgreSQL make the same of a row. */
export function digestOf({ metadata, payload }: { readonly metadata: string; readonly payload: string }): string {
  return createHash("sha256").update(metadata).update("\n").update(payload).digest("hex");
}
