import { duration, size } from "@events-pipeline/cli/status/quantities";
import { html } from "hono/html";
import type { Flow, Stage } from "./flow.ts";
import type { Html } from "./layout.ts";
import { counted, number, rate } from "./words.ts";

/** The stages, and where more is told of them. */
const BOXES: readonly { readonly stage: Stage; readonly title: string; readonly to: string }[] = [
  { stage: "outbox", title: "Outbox", to: "/streams" },
  { stage: "publisher", title: "Publisher", to: "/streams" },
  { stage: "redis", title: "Redis", to: "/streams" },
  { stage: "consumers", title: "Consumers", to: "/consumers" },
  { stage: "archiver", title: "Archiver", to: "/archive" },
];

/** What is told of a stage: the figure that matters most, and two lines. */
type StageTexts = readonly [string, string, string];

/** Three lines for each stage. */
export function flowTexts(flow: Flow): Readonly<Record<Stage, StageTexts>> {
  const processes = (kind: keyof Flow["daemons"]): string =>
    flow.daemons[kind] === 0 ? "not connected" : counted(flow.daemons[kind], "connection");
  return {
    outbox: [
      flow.backlog === 0 ? "nothing waits" : `${counted(flow.backlog, "row")} ${flow.backlog === 1 ? "waits" : "wait"}`,
      flow.backlog === 0 ? "" : `the oldest for ${duration(flow.backlogSeconds)}`,
      "",
    ],
    publisher: [rate(flow.publishRate), counted(flow.streams, "stream"), processes("publisher")],
    redis: [
      flow.entries === undefined ? "no answer" : counted(flow.entries, "entry"),
      flow.memory === undefined ? "" : `${size(flow.memory)} in use`,
      "",
    ],
    consumers: [
      rate(flow.handleRate),
      `${counted(flow.consumers, "consumer")}, lag ${number(flow.consumerLag)}`,
      counted(flow.deadLetters, "dead letter"),
    ],
    archiver: [rate(flow.archiveRate), `lag ${number(flow.archiverLag)}`, processes("archiver")],
  };
}

/** The stages through which events flow at this moment. */
export function flowingStages(flow: Flow): readonly Stage[] {
  return [
    ...flow.publishRate > 0 ? ["publisher", "redis"] as const : [],
    ...flow.handleRate > 0 ? ["consumers"] as const : [],
    ...flow.archiveRate > 0 ? ["archiver"] as const : [],
  ];
}

/**
 * The flow as a picture made of a list, so that a screen reader tells it as it is drawn. A stage that stands still is red, and says so;
 * where events flow, the line to the stage moves.
 */
export function flowPicture(flow: Flow): Html {
  const texts = flowTexts(flow);
  const stalled = new Set<Stage>(flow.stalls.map(({ stage }) => stage));
  const flowing = new Set(flowingStages(flow));
  return html`<ol class="flow" aria-label="The flow, from the outbox to consumers and archive">${
    BOXES.map(({ stage, title, to }) => {
      const classes = ["stage", stalled.has(stage) ? "stalled" : "", flowing.has(stage) ? "flowing" : ""];
      return html`<li id="stage-${stage}" class="${classes.filter(Boolean).join(" ")}">${
        stage === "outbox" ? "" : line(stage)
      }
<h2><a href="${to}">${title}</a> <span class="alarm state stalled">stalled</span></h2>
${texts[stage].map((text, i) => html`<p class="line${String(i)}">${text}</p>`)}</li>`;
    })
  }</ol>`;
}

/** The line that leads to a stage: straight, or round the corner that Redis stands at. It is stretched to where it goes. */
function line(stage: Stage): Html {
  const path = stage === "consumers"
    ? "M0,100 H50 V0 H100"
    : stage === "archiver"
    ? "M0,0 H50 V100 H100"
    : "M0,50 H100";
  return html`
    <svg class="line" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
      <path d="${path}" />
    </svg>
  `;
}
