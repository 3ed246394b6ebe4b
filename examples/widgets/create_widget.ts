import { StreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { sendEvent } from "@events-pipeline/producer";
import type { TransactionSql } from "postgres";

/** A widget as the app creates it. */
export interface NewWidget {
  /** The widget's id. */
  readonly widget_id: string;
  /** Who owns it. */
  readonly owner_id: string;
}

/** Inserts a widget and announces it in the caller's transaction: both happen, or neither. Returns the event's id. */
export async function createWidget(tx: TransactionSql, widget: NewWidget): Promise<string> {
  await tx`INSERT INTO widgets.widget (widget_id, owner_id) VALUES (${widget.widget_id}, ${widget.owner_id})`;
  return await sendEvent(tx, { stream: StreamName.WIDGETS, event: WidgetCreated.create(widget) });
}
