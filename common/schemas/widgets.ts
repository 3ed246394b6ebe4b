import { z } from "zod";
import { defineEvent, type EventDefinition } from "../event.ts";

/** A widget was created. */
export const WidgetCreated: EventDefinition<"WidgetCreated", {
  /** The widget's id. */
  readonly widget_id: string;
  /** Who owns it. */
  readonly owner_id: string;
}> = defineEvent("WidgetCreated", {
  widget_id: z.string(),
  owner_id: z.string(),
});
