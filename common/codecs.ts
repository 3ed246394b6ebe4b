/**
 * Codecs: fields that are one thing in memory and another on the wire.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { z } from "zod";
import type { FieldCodec } from "./field_schema.ts";

/**
 * A point in time: a `Date` in memory, ISO 8601 on the wire, such as `2026-01-31T12:00:00.000Z`. Reads any offset and any number of digits;
 * what is finer than a millisecond is cut. Writes UTC with milliseconds, from the year 0 to 9999.
 *
 * @example
 * ```ts
 * import { defineEvent, isoDate } from "@events-pipeline/common";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const LampLit = defineEvent("LampLit", { at: isoDate });
 *
 * const event = LampLit.create({ at: new Date(0) });
 * assertEquals(LampLit.encode(event), '{"at":"1970-01-01T00:00:00.000Z"}');
 * assertEquals(event.payload.at.getTime(), 0);
 * assertThrows(() => event.payload.at.setTime(1), TypeError, "read-only");
 * ```
 */
export const isoDate: FieldCodec<Date> = z.codec(z.iso.datetime({ offset: true }), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

/**
 * A whole number of any size: a `bigint` in memory, decimal digits on the wire, such as `"-12"`. A thousand digits at most, no leading zeros.
 *
 * @example
 * ```ts
 * import { bigintString, defineEvent } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 *
 * const AtomsCounted = defineEvent("AtomsCounted", { atoms: bigintString });
 *
 * assertEquals(AtomsCounted.encode(AtomsCounted.create({ atoms: 2n ** 64n })), '{"atoms":"18446744073709551616"}');
 * ```
 */
export const bigintString: FieldCodec<bigint> = z.codec(
  z.string().regex(/^(?:0|-?[1-9][0-9]{0,999})$/, "expected a whole number as text, of 1000 digits at most"),
  z.bigint(),
  { decode: (text) => BigInt(text), encode: (value) => value.toString() },
);

/**
 * Bytes: a `Uint8Array` in memory, base64 with padding on the wire. Each event has its own copy. JavaScript cannot freeze it; writing to it
 * changes neither what the event is on the wire nor anybody else's copy.
 *
 * @example
 * ```ts
 * import { base64Bytes, defineEvent } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 *
 * const KeySigned = defineEvent("KeySigned", { signature: base64Bytes });
 *
 * const event = KeySigned.create({ signature: new Uint8Array([1, 2, 255]) });
 * assertEquals(KeySigned.encode(event), '{"signature":"AQL/"}');
 * ```
 */
export const base64Bytes: FieldCodec<Uint8Array<ArrayBuffer>> = z
  .codec(
    z.base64(),
    z.custom<Uint8Array<ArrayBuffer>>((value) => value instanceof Uint8Array, "expected a Uint8Array"),
    {
      decode: (text) => Uint8Array.from(Buffer.from(text, "base64")),
      encode: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
    },
  );

/**
 * An address: a `URL` in memory, its `href` on the wire.
 *
 * @example
 * ```ts
 * import { defineEvent, urlString } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 *
 * const PageMoved = defineEvent("PageMoved", { to: urlString });
 *
 * const event = PageMoved.decode({ to: "https://example.com/a?b=1" });
 * assertEquals(event.payload.to.pathname, "/a");
 * ```
 */
export const urlString: FieldCodec<URL> = z.codec(
  z.url(),
  z.custom<URL>((value) => value instanceof URL, "expected a URL"),
  { decode: (text) => new URL(text), encode: (url) => url.href },
);

/**
 * A decimal number that must stay exact, such as an amount of money: text in memory and on the wire. Digits, with a point if need be:
 * `"-12.50"`. The zeros at its end are kept, so `"1.0"` is not `"1.00"`. No exponent, no leading zeros, no sign on zero.
 *
 * @example
 * ```ts
 * import { decimalString, defineEvent } from "@events-pipeline/common";
 * import { assertThrows } from "@std/assert";
 *
 * const ItemPriced = defineEvent("ItemPriced", { price: decimalString });
 *
 * ItemPriced.create({ price: "19.90" });
 * assertThrows(() => ItemPriced.create({ price: "1e3" }), Error, "payload.price: expected a decimal number as text");
 * ```
 */
export const decimalString: FieldCodec<string> = z.string().regex(
  /^(?:-(?!0(?:\.0*)?$))?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/,
  'expected a decimal number as text, such as "19.90"',
);
