// Keeps the overview live. Whatever comes from the server is set as text.
(() => {
  const root = document.querySelector("[data-live]");
  if (root === null) return;
  const link = document.getElementById("link");
  const KEPT = 900;
  const series = {
    rates: [[], [], [], []],
    lags: [[], [], [], []],
  };
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const plots = {};

  function plot(id, labels) {
    const place = document.getElementById(id);
    const axis = () => ({
      stroke: () => color("--muted"),
      grid: { stroke: () => color("--line") },
      ticks: { show: false },
    });
    const line = (label, i) => ({ label, width: 2, stroke: () => color(`--series${i}`), points: { show: false } });
    plots[id] = new uPlot(
      {
        width: Math.max(220, place.clientWidth),
        height: 200,
        series: [{}, ...labels.map(line)],
        axes: [axis(), axis()],
        scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] } },
        cursor: { drag: { x: false, y: false } },
      },
      series[id],
      place,
    );
  }

  plot("rates", ["published", "handled", "archived"]);
  plot("lags", ["backlog", "consumer", "archiver"]);
  new ResizeObserver(() => {
    for (const [id, drawn] of Object.entries(plots)) {
      const width = Math.max(220, document.getElementById(id).parentElement.clientWidth);
      if (width !== drawn.width) drawn.setSize({ width, height: 200 });
    }
  }).observe(root);

  function add(id, at, values) {
    [at / 1000, ...values].forEach((value, i) => {
      series[id][i].push(value);
      if (series[id][i].length > KEPT) series[id][i].shift();
    });
    plots[id].setData(series[id]);
  }

  function show(flow) {
    for (const [stage, lines] of Object.entries(flow.texts)) {
      const box = document.getElementById(`stage-${stage}`);
      box.classList.toggle("stalled", flow.stalls.some((stall) => stall.stage === stage));
      lines.forEach((text, i) => box.querySelector(`.line${i}`).textContent = text);
    }
    const reasons = flow.stalls.length === 0 ? ["Nothing."] : flow.stalls.slice(0, 20).map(({ reason }) => reason);
    const list = document.getElementById("stalls");
    if (list.dataset.shown !== reasons.join("\n")) {
      list.dataset.shown = reasons.join("\n");
      list.replaceChildren(...reasons.map((reason) => {
        const item = document.createElement("li");
        item.textContent = reason;
        if (flow.stalls.length === 0) item.className = "fine";
        return item;
      }));
    }
    add("rates", flow.at, [flow.publishRate, flow.handleRate, flow.archiveRate]);
    add("lags", flow.at, [flow.backlog, flow.consumerLag ?? null, flow.archiverLag]);
  }

  function say(text) {
    if (link.textContent !== text) link.textContent = text;
  }

  const source = new EventSource(root.dataset.live);
  source.onmessage = ({ data }) => {
    const flow = JSON.parse(data);
    say(flow.error === undefined ? "Live" : `Cannot read the figures: ${flow.error}`);
    if (flow.error === undefined) show(flow);
  };
  source.onerror = () => say("The console does not answer: trying again");
  addEventListener("pagehide", () => source.close());
})();
