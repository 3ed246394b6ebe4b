import { html, raw } from "hono/html";
import type { Flow, Stage } from "./flow.ts";
import type { Html } from "./layout.ts";

const BOXES: readonly { stage: Stage; title: string; x: number; y: number }[] = [
  { stage: "outbox", title: "Outbox", x: 10, y: 70 },
  { stage: "publisher", title: "Publisher", x: 230, y: 70 },
  { stage: "redis", title: "Redis", x: 450, y: 70 },
  { stage: "consumers", title: "Consumers", x: 690, y: 10 },
  { stage: "archiver", title: "Archiver", x: 690, y: 130 },
];

/** Two lines for each stage. */
export function flowTexts(flow: Flow): Readonly<Record<Stage, readonly [string, string]>> {
  const number = (n: number): string => Math.round(n).toLocaleString("en");
  const rate = (n: number): string => `${n < 10 ? n.toFixed(1) : number(n)} events/s`;
  return {
    outbox: [`${number(flow.backlog)} rows wait`, `oldest ${number(flow.backlogSeconds)} s`],
    publisher: [rate(flow.publishRate), `${number(flow.streams)} streams`],
    redis: [flow.entries === undefined ? "no answer" : `${number(flow.entries)} entries`, ""],
    consumers: [
      `${rate(flow.handleRate)}, lag ${number(flow.consumerLag)}`,
      `${number(flow.consumers)} consumers, ${number(flow.deadLetters)} dead letters`,
    ],
    archiver: [rate(flow.archiveRate), `lag ${number(flow.archiverLag)}`],
  };
}

/** The flow as a picture; a stage that stands still is red, and says so. */
export function flowPicture(flow: Flow): Html {
  const texts = flowTexts(flow);
  const stalled = new Set<Stage>(flow.stalls.map(({ stage }) => stage));
  const said = BOXES.map(({ stage, title }) => `${title}: ${texts[stage].filter((text) => text !== "").join(", ")}`);
  return html`<svg class="flow" viewBox="0 0 970 230" role="img" aria-labelledby="flow-title flow-text">
<title id="flow-title">From the outbox to consumers and archive</title><desc id="flow-text">${said.join(". ")}</desc>
${raw(arrow(190, 115, 230, 115) + arrow(410, 115, 450, 115) + arrow(630, 105, 690, 60) + arrow(630, 125, 690, 170))}
${
    BOXES.map(({ stage, title, x, y }) => {
      const width = x === 690 ? 270 : 180;
      return html`
        <g id="stage-${stage}" class="stage${stalled.has(stage) ? " stalled" : ""}">
          <rect x="${x}" y="${y}" width="${width}" height="90" rx="10" />
          <text class="title" x="${x + 14}" y="${y + 27}">${title}</text>
          <text class="alarm" x="${x + width - 14}" y="${y + 27}">stalled</text>
          <text class="line0" x="${x + 14}" y="${y + 52}">${texts[stage][0]}</text>
          <text class="line1" x="${x + 14}" y="${y + 74}">${texts[stage][1]}</text>
        </g>
      `;
    })
  }</svg>`;
}

function arrow(x1: number, y1: number, x2: number, y2: number): string {
  const angle = Math.atan2(y2 - y1, x2 - x1);
  const at = (turn: number): string =>
    `${(x2 - 9 * Math.cos(angle + turn)).toFixed(1)},${(y2 - 9 * Math.sin(angle + turn)).toFixed(1)}`;
  return `<path class="arrow" d="M${x1},${y1} L${x2},${y2} M${at(0.5)} L${x2},${y2} L${at(-0.5)}"/>`;
}
