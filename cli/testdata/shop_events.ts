import {
  bigintString,
  defineEvent,
  defineStreamName,
  type EventDefinition,
  isoDate,
  notSet,
  type StreamName,
} from "@events-pipeline/common";
import { z } from "zod";

export const SHOP: StreamName = defineStreamName("stream:shop:events");

interface Category {
  readonly name: string;
  readonly parent: Category | null;
}
const category: z.ZodType<Category> = z.object({
  name: z.string(),
  get parent() {
    return z.nullable(category);
  },
});

// deno-lint-ignore no-explicit-any -- only its words are looked at
export const OrderPlaced: EventDefinition<"OrderPlaced", any> = defineEvent("OrderPlaced", {
  order_id: z.uuid().describe('<script>alert("id")</script> | `x` *bold* [a](javascript:alert(1)) & \'\r\nnext line'),
  at: isoDate,
  total: z.number().min(0).multipleOf(0.01),
  lines: z.array(
    z.object({ sku: z.string().min(1).max(20), count: z.int().gt(0), note: notSet(z.nullable(z.string())) }),
  ).min(1),
  pay: z.discriminatedUnion("by", [
    z.object({ by: z.literal("card"), number: z.string().regex(/^\d{4}$/) }),
    z.object({ by: z.literal("cash") }),
  ]),
  labels: z.record(z.string(), z.enum(["new", "sale"])),
  category,
  serial: z.optional(bigintString),
  pair: z.tuple([z.string(), z.boolean()]).default(["a", true]),
}, { description: "A customer has placed an order.\n\nIt is <b>not</b> paid yet.", aliases: ["OrderMade"] });

export const BasketLeft: EventDefinition<"BasketLeft", Record<never, never>> = defineEvent("BasketLeft", {}, {
  deprecated: "nobody reads it; use <OrderPlaced>",
});

export const notAnEvent = { name: "x" };
