import type { EventDefinition } from "@events-pipeline/common";
import { type EventVersion, eventVersions, isSameForm, type SchemaHistory, snapshotOf } from "@events-pipeline/compat";
import { html } from "hono/html";
import { empty, type Html, time } from "../layout.ts";
import { table } from "../table.ts";

/** Whom a change breaks, in words. */
const BROKEN = {
  backward: "new code on old events",
  forward: "old consumers on new events",
  additive: "the habit of only adding",
} as const;

/**
 * How an event has changed, the newest version first.
 *
 * @param event its definition in this program; `undefined` when it is gone
 */
export function schemaHistory(
  name: string,
  event: EventDefinition | undefined,
  history: SchemaHistory | undefined,
): Html {
  if (history === undefined) {
    return empty(
      "The history is not known here",
      html`Run <code>deno task schema-history</code> where the git repository is, such as when the image is built, and start the
console anew: it reads <code>schema_history.json</code>, or what <code>--schema-history FILE</code> names.`,
    );
  }
  const versions = eventVersions(history, name);
  const until = history.revisions.at(-1);
  const known = history.events[name]?.at(-1)?.form ?? null;
  const isNewer = event !== undefined && !isSameForm(known, snapshotOf([{ event }]).events[name] ?? null);
  return html`${
    isNewer
      ? html`<p class="notice">What runs here is not in the history, which ends with ${until?.revision ?? "nothing"}:
run <code>deno task schema-history</code> again.</p>`
      : ""
  }${versions.length === 0 ? "" : html`<ol class="versions">${versions.map(oneVersion)}</ol>`}
<p class="muted">From ${String(history.revisions.length)} revisions${
    history.remarks.length === 0 ? "" : html`. ${history.remarks.join(". ")}`
  }.</p>`;
}

function oneVersion({ revision, commit, at, subject, what, fields, breaks }: EventVersion): Html {
  const broken = [...new Set(breaks.flatMap((change) => change.breaks))];
  const rows = fields.map((field) => [
    html`<code>${field.path}</code>`,
    field.old === undefined ? "added" : field.new === undefined ? "removed" : "changed",
    field.old ?? "",
    field.new ?? "",
  ]);
  const verdict = what !== "changed" && what !== "removed"
    ? ""
    : broken.length === 0
    ? html`<span class="state running">compatible</span>`
    : html`${
      broken.map((whom) =>
        html`
          <span class="state stalled">breaks ${BROKEN[whom]}</span>
        `
      )
    }`;
  return html`<li><h3>${revision} <span class="state">${what}</span> ${verdict}</h3>
<p class="muted">${time(new Date(at))} · <code>${commit.slice(0, 10)}</code> · ${subject}</p>
${
    rows.length === 0
      ? what === "changed"
        ? html`<p>No field has other words: a check in program code, a codec or a former name changed.</p>`
        : ""
      : what === "changed"
      ? table(`Fields changed in ${revision}`, ["Field", "What", "Before", "After"], rows)
      : html`<p>${
        fields.map(({ path, new: words }) =>
          html`
            <span class="pair"><code>${path}</code> <span class="muted">${words}</span></span>
          `
        )
      }</p>`
  }
${
    breaks.length === 0
      ? ""
      : html`<ul>${
        breaks.map((change) =>
          html`<li><code>${change.path || change.rule.id}</code> ${change.rule.what}.
<span class="muted">${change.breaks.flatMap((whom) => change.rule.why[whom] ?? []).join(" ")}</span></li>`
        )
      }</ul>`
  }</li>`;
}
