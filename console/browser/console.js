// Makes pages live. Whatever comes from the server is set as text; without scripts everything works but moves only when loaded anew.
(() => {
  const live = document.querySelector("[data-live]");
  if (live !== null) showLive(live);
  if (document.querySelector("[data-retry]") !== null) comeBack();
  for (const table of document.querySelectorAll("form table")) chooseAll(table);

  function showLive(root) {
    const link = document.getElementById("link");
    const KEPT = 900;
    const height = () => innerWidth >= 2400 ? 420 : 220;
    const font = () => `${innerWidth >= 3400 ? 20 : innerWidth >= 2400 ? 16 : 12}px system-ui, sans-serif`;
    const series = {
      rates: [[], [], [], []],
      lags: [[], [], [], []],
    };
    const plots = {};
    const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const pad = (n) => String(n).padStart(2, "0");
    const clock = (seconds) => {
      const at = new Date(seconds * 1000);
      return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
    };

    function plot(id, labels) {
      const place = document.getElementById(id);
      const axis = (more) => ({
        stroke: () => color("--muted"),
        font: font(),
        grid: { stroke: () => color("--line"), width: 1 },
        ticks: { show: false },
        ...more,
      });
      const line = (label, i) => ({
        label,
        width: 2,
        stroke: () => color(`--series${i}`),
        points: { show: false },
        value: (_plot, value) =>
          value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumFractionDigits: 1 }),
      });
      plots[id] = new uPlot(
        {
          width: widthOf(place),
          height: height(),
          series: [{ label: "at", value: (_plot, at) => at === null ? "–" : clock(at) }, ...labels.map(line)],
          axes: [
            axis({ values: (_plot, marks) => marks.map(clock), space: 90 }),
            axis({
              size: innerWidth >= 2400 ? 90 : 58,
              values: (_plot, marks) => marks.map((mark) => mark.toLocaleString("en")),
            }),
          ],
          scales: {
            // At least a minute, so that the first readings do not stretch over the whole width.
            x: { range: (_plot, min, max) => [Math.min(min ?? 0, (max ?? 0) - 60), max ?? 60] },
            y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 0) * 1.1)] },
          },
          cursor: { drag: { x: false, y: false } },
        },
        series[id],
        place,
      );
    }

    const widthOf = (place) => Math.max(200, place.clientWidth);

    plot("rates", ["published", "handled", "archived"]);
    plot("lags", ["backlog", "slowest consumer", "archiver"]);
    new ResizeObserver(() => {
      for (const [id, drawn] of Object.entries(plots)) {
        const width = widthOf(document.getElementById(id));
        if (width !== drawn.width) drawn.setSize({ width, height: height() });
      }
    }).observe(root);

    function add(id, at, values) {
      [at / 1000, ...values].forEach((value, i) => {
        series[id][i].push(value);
        if (series[id][i].length > KEPT) series[id][i].shift();
      });
      plots[id].setData(series[id]);
      // The legend tells the newest figures, unless somebody points at others.
      if (plots[id].cursor.idx == null) plots[id].setLegend({ idx: series[id][0].length - 1 });
    }

    function show(flow) {
      for (const [stage, lines] of Object.entries(flow.texts)) {
        const box = document.getElementById(`stage-${stage}`);
        box.classList.toggle("stalled", flow.stalls.some((stall) => stall.stage === stage));
        box.classList.toggle("flowing", flow.flowing.includes(stage));
        lines.forEach((text, i) => set(box.querySelector(`.line${i}`), text));
      }
      const isFine = flow.reasons.length === 0;
      const reasons = isFine ? ["Nothing: all that was sent is on its way."] : flow.reasons;
      const list = document.getElementById("stalls");
      // What has not changed is not read out again.
      if (list.dataset.shown !== reasons.join("\n")) {
        list.dataset.shown = reasons.join("\n");
        list.replaceChildren(...reasons.map((reason) => {
          const item = document.createElement("li");
          item.textContent = reason;
          if (isFine) item.className = "fine";
          return item;
        }));
      }
      add("rates", flow.at, [flow.publishRate, flow.handleRate, flow.archiveRate]);
      add("lags", flow.at, [flow.backlog, flow.consumerLag ?? null, flow.archiverLag]);
    }

    function set(element, text) {
      if (element.textContent !== text) element.textContent = text;
    }

    function say(text, how) {
      set(link, text);
      link.className = `link ${how}`;
    }

    const source = new EventSource(root.dataset.live);
    source.onmessage = ({ data }) => {
      const flow = JSON.parse(data);
      if (flow.error !== undefined) return say(`The figures are old. ${flow.error}`, "lost");
      say("Live", "live");
      show(flow);
    };
    source.onerror = () => {
      say("The console does not answer: trying again", "lost");
      // A browser gives up for good when it was refused, such as when the login has run out.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
    };
    addEventListener("pagehide", () => source.close());
  }

  /** Loads the page anew when the server can show it again. */
  function comeBack() {
    setTimeout(async () => {
      const isBack = await fetch(location.href, { headers: { accept: "text/html" } })
        .then((response) => response.status < 500, () => false);
      if (isBack) location.reload();
      else comeBack();
    }, 3000);
  }

  /** A box in the head of a table that ticks all of its rows. */
  function chooseAll(table) {
    const boxes = [...table.querySelectorAll('tbody input[type="checkbox"]')];
    const head = table.querySelector("thead th");
    if (boxes.length === 0) return;
    const all = document.createElement("input");
    all.type = "checkbox";
    all.setAttribute("aria-label", "Choose all of this page");
    all.addEventListener("change", () => boxes.forEach((box) => box.checked = all.checked));
    table.addEventListener("change", () => {
      const chosen = boxes.filter((box) => box.checked).length;
      all.checked = chosen === boxes.length;
      all.indeterminate = chosen > 0 && !all.checked;
    });
    head.append(all);
  }
})();
