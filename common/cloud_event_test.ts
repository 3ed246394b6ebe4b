import { assertEquals, assertThrows } from "@std/assert";
import { fromCloudEvent, toCloudEvent } from "./cloud_event.ts";

const envelope = {
  eventId: "019a2f6e-0000-7000-8000-000000000000",
  stream: "stream:widgets:events",
  eventType: "WidgetCreated",
  time: "2026-01-01T00:00:00.000Z",
  metadata: '{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","free label":"ż"}',
  payload: '{"widget_id":"w1"}',
};

Deno.test("toCloudEvent() writes what CloudEvents 1.0 asks for, and fromCloudEvent() reads it back", () => {
  const event = toCloudEvent(envelope);
  assertEquals(event, {
    specversion: "1.0",
    id: envelope.eventId,
    source: "stream:widgets:events",
    type: "WidgetCreated",
    time: envelope.time,
    datacontenttype: "application/json",
    data: { widget_id: "w1" },
    eventmetadata: envelope.metadata,
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  });
  for (const name of Object.keys(event)) assertEquals(/^[a-z0-9]{1,20}$/.test(name), true, name);
  assertEquals(fromCloudEvent(JSON.parse(JSON.stringify(event))), envelope);
  const plain = { ...envelope, metadata: "{}" };
  assertEquals(fromCloudEvent(toCloudEvent(plain)), plain);
});

Deno.test("fromCloudEvent() takes others' events with JSON data, and names what does not fit", () => {
  const foreign = {
    specversion: "1.0",
    id: envelope.eventId,
    source: "/shop",
    type: "com.example.sold",
    time: "2026-01-01T01:00:00+01:00",
    datacontenttype: "application/cloudevents+json; charset=utf-8",
    subject: "7",
    traceparent: "00-1",
    data: [1, null],
  };
  assertEquals(fromCloudEvent(foreign), {
    eventId: envelope.eventId,
    stream: "/shop",
    eventType: "com.example.sold",
    time: "2026-01-01T00:00:00.000Z",
    metadata: '{"traceparent":"00-1"}',
    payload: "[1,null]",
  });
  assertThrows(() => fromCloudEvent("x"), TypeError, "not an object");
  assertThrows(
    () => fromCloudEvent({ ...foreign, specversion: "0.3", id: "7", time: undefined, datacontenttype: "text/xml" }),
    TypeError,
    'specversion is "0.3"; id is "7"; time is missing; datacontenttype is "text/xml"',
  );
  assertThrows(() => fromCloudEvent({ ...foreign, eventmetadata: "[" }), TypeError, "eventmetadata");
});
