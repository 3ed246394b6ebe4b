import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { base64Bytes, bigintString, decimalString, isoDate, urlString } from "./codecs.ts";
import { defineEvent, type Event, type EventDefinition } from "./event.ts";
import { isSet, type NotSet, notSet } from "./not_set.ts";

/** `true` if two types are the same, else `false`. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Does not compile unless it is given `true`. */
function proven<_T extends true>(): void {}

const Typed = defineEvent("TypesTestTyped", {
  at: isoDate,
  maybe: z.nullable(isoDate),
  later: z.optional(isoDate),
  times: z.array(isoDate),
  inner: z.object({ price: decimalString, colour: notSet(z.string()), size: z.optional(bigintString) }),
  links: z.record(z.string(), urlString),
  pair: z.tuple([isoDate, base64Bytes]),
  either: z.union([isoDate, z.number()]),
  weight: notSet(z.nullable(z.number())),
});

type Payload = typeof Typed extends EventDefinition<"TypesTestTyped", infer P> ? P : never;

Deno.test("defineEvent() gives the types in memory, through every wrapper of zod", () => {
  proven<Same<Payload["at"], Date>>();
  proven<Same<Payload["maybe"], Date | null>>();
  proven<Same<Payload["later"], Date | undefined>>();
  proven<Same<Payload["times"], Date[]>>();
  proven<Same<Payload["inner"], { price: string; colour: string | NotSet; size?: bigint | undefined }>>();
  proven<Same<Payload["links"], Record<string, URL>>>();
  proven<Same<Payload["pair"], [Date, Uint8Array<ArrayBuffer>]>>();
  proven<Same<Payload["either"], Date | number>>();
  proven<Same<Payload["weight"], number | null | NotSet>>();
});

Deno.test("isSet() narrows a notSet field to its own type", () => {
  const size = (weight: Payload["weight"]): number => {
    if (!isSet(weight)) {
      proven<Same<typeof weight, NotSet>>();
      return -1;
    }
    proven<Same<typeof weight, number | null>>();
    return weight ?? 0;
  };
  const Weighed = defineEvent("TypesTestWeighed", { weight: notSet(z.nullable(z.number())) });
  assertEquals([{}, { weight: null }, { weight: 2 }].map((wire) => size(Weighed.decode(wire).payload.weight)), [
    -1,
    0,
    2,
  ]);
});

Deno.test("EventDefinition.create() lets notSet fields out, and no others", () => {
  const Named = defineEvent("TypesTestNamed", { id: z.string(), nick: notSet(z.string()) });
  const event: Event<"TypesTestNamed", { readonly id: string; readonly nick: string | NotSet }> = Named.create({
    id: "1",
  });
  // @ts-expect-error the id is missing
  const wrong = () => Named.create({ nick: "x" });
  // @ts-expect-error a number is no id
  const wronger = () => Named.create({ id: 1 });
  assert(event.type === "TypesTestNamed" && wrong !== undefined && wronger !== undefined);
});
