/** A span as it was exported. */
export interface ExportedSpan {
  /** `service.name` of the process that made it. */
  readonly service: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty without one. */
  readonly parentSpanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The ids of the spans that it links to. */
  readonly links: readonly string[];
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[];
  /** 0 unset, 2 error. */
  readonly status: { readonly code: number; readonly message: string };
}

/** A collector of OpenTelemetry that takes spans as JSON over HTTP. */
export interface OtlpCollector extends AsyncDisposable {
  /** What makes a Deno program export to it, under a service name. */
  environment(service: string): Readonly<Record<string, string>>;
  /** The spans so far. */
  readonly spans: readonly ExportedSpan[];
  /** All that spans came in. */
  readonly text: string;
}

/** Starts a collector on loopback. */
export function startOtlpCollector(): OtlpCollector {
  const spans: ExportedSpan[] = [];
  let text = "";
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.text();
    if (new URL(request.url).pathname === "/v1/traces") {
      text += body;
      spans.push(...spansIn(JSON.parse(body)));
    }
    return Response.json({});
  });
  return {
    spans,
    get text() {
      return text;
    },
    environment: (service) => ({
      OTEL_DENO: "true",
      OTEL_SERVICE_NAME: service,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
    }),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface WireSpan extends Omit<ExportedSpan, "service" | "attributes" | "links" | "events"> {
  readonly attributes: readonly Attribute[];
  readonly links: readonly { readonly spanId: string }[];
  readonly events: readonly { readonly name: string; readonly attributes: readonly Attribute[] }[];
}

interface WireSpans {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

function spansIn({ resourceSpans }: WireSpans): ExportedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(valuesOf(resource.attributes)["service.name"]);
    return scopeSpans.flatMap(({ spans }) => spans).map((span) => ({
      ...span,
      service,
      attributes: valuesOf(span.attributes),
      links: span.links.map(({ spanId }) => spanId),
      events: span.events.map(({ name, attributes }) => ({ name, attributes: valuesOf(attributes) })),
    }));
  });
}

/** Each value is wrapped in an object that names its type. */
function valuesOf(attributes: readonly Attribute[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
