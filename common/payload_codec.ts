import type { z } from "zod";
import { InvalidEventError, misfit } from "./invalid_event_error.ts";
import { structureFault } from "./json.ts";
import { deepFreeze } from "./read_only.ts";
import type { WireSchema } from "./wire_schema.ts";

/** Carries payloads of one event between memory and the wire. */
export interface PayloadCodec {
  /**
   * Makes JSON of a payload in memory, new at every level.
   *
   * @throws {InvalidEventError} the payload does not fit
   */
  toWire(payload: unknown): unknown;
  /**
   * Makes a deeply frozen payload in memory of JSON.
   *
   * @throws {InvalidEventError} the JSON does not fit
   */
  fromWire(wire: unknown): unknown;
  /** As `fromWire`, of what `toWire` made, which is not used for anything else. */
  fromOwnWire(wire: unknown): unknown;
}

/** Makes the codec of an event's payloads. */
export function payloadCodec(event: string, { schema, sameInMemory }: WireSchema): PayloadCodec {
  // One and the same schema serves both ways where nothing differs: that is cheaper than zod's way back.
  const forward: Run = (value) => schema.safeDecode(value as z.input<typeof schema>);
  const backward: Run = sameInMemory ? forward : (value) => schema.safeEncode(value as z.output<typeof schema>);
  const fromWire = (wire: unknown): unknown => frozen(event, convert(event, forward, wire));
  return {
    toWire: (payload) => convert(event, backward, payload),
    fromWire,
    fromOwnWire: sameInMemory ? (wire) => frozen(event, wire) : fromWire,
  };
}

type Run = (value: unknown) => z.ZodSafeParseResult<unknown>;

function convert(event: string, run: Run, value: unknown): unknown {
  const fault = structureFault(value);
  if (fault !== undefined) throw misfit(event, [fault]);
  let result: z.ZodSafeParseResult<unknown>;
  try {
    result = run(value);
  } catch (cause) {
    // A codec or a check of the user's own threw. A RangeError is zod's, too: it hands on a hundred thousand faults as arguments.
    const reason = cause instanceof RangeError
      ? "it has too many faults to be named"
      : `a codec or check of it failed: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new InvalidEventError(`Cannot accept the payload of '${event}': ${reason}`, { cause });
  }
  if (!result.success) throw misfit(event, result.error.issues);
  return result.data;
}

function frozen(event: string, payload: unknown): unknown {
  try {
    return deepFreeze(payload);
  } catch (cause) {
    throw new InvalidEventError(`Cannot accept the payload of '${event}': ${(cause as Error).message}`, { cause });
  }
}
