/**
 * The tutorial's app: it creates widgets, announces them, and notifies their owners.
 *
 * @module
 */
export { createWidget, type NewWidget } from "./create_widget.ts";
export { notifyOwner } from "./handlers.ts";
export { createWidgetTables } from "./tables.ts";
