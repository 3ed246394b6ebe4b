import { type MessagingTracer, messagingTracer } from "@events-pipeline/common/tracing";
import type { OutboxRow } from "./outbox_rows.ts";

/** The labels of so many events of a batch are looked at for spans to link: a span links no more anyway. */
const LABELLED_ROWS = 128;

/** The span of a round, linked to the spans that have sent its events. A round that publishes nothing has none. */
export class RoundSpan {
  readonly #tracer: MessagingTracer;
  readonly #stream: string;
  readonly #begunMs = Date.now();
  readonly #labels = new Map<string, Readonly<Record<string, unknown>>>();

  private constructor(tracer: MessagingTracer, stream: string) {
    this.#tracer = tracer;
    this.#stream = stream;
  }

  /** Begins the span of a round; `undefined` when nobody takes traces. */
  static begin(stream: string): RoundSpan | undefined {
    const tracer = messagingTracer();
    return tracer === undefined ? undefined : new RoundSpan(tracer, stream);
  }

  /** Notes rows that were appended. */
  add(rows: readonly OutboxRow[]): void {
    for (const { envelope: { metadata } } of rows) {
      if (this.#labels.size === LABELLED_ROWS) return;
      // Events that were sent together have the same labels.
      if (metadata.includes('"traceparent"') && !this.#labels.has(metadata)) {
        this.#labels.set(metadata, JSON.parse(metadata));
      }
    }
  }

  /** Ends it. */
  end(events: number, failure?: { readonly error: unknown }): void {
    if (events === 0 && failure === undefined) return;
    this.#tracer.record({
      operation: "publish",
      stream: this.#stream,
      labels: this.#labels.values(),
      attributes: { "messaging.batch.message_count": events },
    }, { begunMs: this.#begunMs, failure });
  }
}
