import { z } from "zod";
import { copyJson } from "./json.ts";

/** A schema of zod's type `unknown` that copies what it is given, and refuses what JSON cannot carry. */
const KeptField = z.core.$constructor<z.ZodUnknown>("KeptField", (inst, definition) => {
  z.ZodUnknown.init(inst, definition as z.core.$ZodUnknownDef);
  inst._zod.parse = (payload) => {
    if (payload.value === undefined) return payload;
    const copied = copyJson(payload.value);
    if (copied.fault === undefined) payload.value = copied.value;
    else payload.issues.push({ code: "custom", input: payload.value, inst, ...copied.fault });
    return payload;
  };
});

/**
 * The schema of a field that an event's definition does not know: a newer producer added it. Any JSON value fits, in both directions, and
 * is copied, so that freezing the event leaves the caller's value alone.
 */
export function keptField(): z.ZodUnknown {
  return new KeptField({ type: "unknown" });
}
