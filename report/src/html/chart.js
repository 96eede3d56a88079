// Curves of runs: hover for values, series on and off, a logarithmic axis, epoch, step or time across.
const data = JSON.parse(document.getElementById("data").textContent);

// Whether a number of this name is shown in percent, as `run/src/shown.rs` says it.
const isShare = (metric, value) => /(^|[._])accuracy$/.test(metric) && value >= 0 && value <= 1;

const drawChart = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [760, 340, 62, 14, 10, 40];
  const ACROSS = {
    epoch: { title: "Epoch", of: (run, at) => run.epochs[at] },
    step: { title: "Optimizer step", of: (run, at) => run.epochs[at] * run.steps },
    time: { title: "Time (s)", of: (run, at) => run.seconds[at] ?? null },
  };
  const node = (name, attributes = {}, text = "") => {
    const made = document.createElementNS(SVG, name);
    const { look, ...others } = attributes;
    Object.entries(others).forEach(([key, value]) => made.setAttribute(key, value));
    if (look) paint(made, look);
    made.textContent = text;
    return made;
  };
  const short = (value) => {
    const size = Math.abs(value);
    return value !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(5)));
  };
  const ticks = (low, high, log) => {
    if (log && high / low >= 10) {
      const from = Math.ceil(Math.log10(low) - 1e-9);
      const count = Math.floor(Math.log10(high) + 1e-9) - from + 1;
      const powers = Array.from({ length: count }, (_, index) => 10 ** (from + index));
      const fine = powers.length > 2 ? powers : [...powers, 10 ** (from - 1)].flatMap((power) => [1, 2, 5].map((n) => n * power));
      return [...new Set(fine)].filter((value) => value >= low && value <= high).sort((a, b) => a - b);
    }
    const rough = (high - low) / 6 || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.85);
    const first = Math.ceil(low / step - 1e-9);
    const count = Math.floor(high / step + 1e-9) - first + 1;
    return Array.from({ length: Math.max(0, count) }, (_, index) => Number(((first + index) * step).toPrecision(12)));
  };

  // Puts the chart of some runs into an element. `labelled` names each line by its run, not by its method. What it gives takes
  // other runs, or the same with more points, and keeps what was chosen.
  return (room, first, labelled) => {
    let [runs, keys, legendIs] = [[], [], ""];
    const state = { metric: "", across: "epoch", log: false, hidden: new Set() };
    const keyOf = (run) => (labelled ? run.name : run.series);
    const lookOf = (run) => data.series[run.series] ?? { label: "other", light: "#666666", dark: "#a6a6a6", dashes: "" };
    // Two runs of one method have one colour.
    const dashesOf = (key, look) => (labelled ? ["", "6 3"][keys.indexOf(key)] : look.dashes);
    const nameOf = (key) => (labelled ? key : lookOf({ series: key }).label);

    const select = (title, chosen) => {
      const label = document.createElement("label");
      const list = document.createElement("select");
      list.addEventListener("change", () => { chosen(list.value); draw(); });
      label.append(`${title} `, list);
      return [label, list];
    };
    const [show, metrics] = select("Show", (value) => { state.metric = value; });
    const [across, axes] = select("across", (value) => { state.across = value; });
    axes.append(...Object.keys(ACROSS).map((key) => new Option(key, key)));
    const log = document.createElement("input");
    log.type = "checkbox";
    log.addEventListener("change", () => { state.log = log.checked; draw(); });
    const logLabel = document.createElement("label");
    logLabel.append(log, " logarithmic");
    const controls = document.createElement("div");
    controls.className = "filter";
    controls.append(show, across, logLabel);
    const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": "Curves" });
    const legend = document.createElement("ul");
    legend.className = "legend";
    const readout = document.createElement("output");
    readout.className = "readout";
    room.replaceChildren(controls, svg, readout, legend);

    const setMetrics = () => {
      const known = new Set(runs.flatMap((run) => Object.keys(run.curves)));
      const names = [...new Set(["val_accuracy", ...known])].filter((metric) => known.has(metric));
      if (names.join() === [...metrics.options].map((option) => option.value).join()) return;
      if (!names.includes(state.metric)) state.metric = names[0];
      metrics.replaceChildren(...names.map((name) => new Option(name.replaceAll("_", " "), name)));
      metrics.value = state.metric;
    };
    const setLegend = () => {
      keys = [...new Set(runs.map(keyOf))];
      const is = JSON.stringify(keys.map((key) => [key, runs.filter((run) => keyOf(run) === key).length]));
      if (is === legendIs) return;
      legendIs = is;
      legend.replaceChildren(...keys.map(legendItem));
    };
    const legendItem = (key) => {
      const run = runs.find((other) => keyOf(other) === key);
      const look = lookOf(run);
      const button = document.createElement("button");
      const sample = node("svg", { viewBox: "0 0 24 8", class: "sample" });
      const dashes = dashesOf(key, look);
      sample.append(node("line", { x1: 0, x2: 24, y1: 4, y2: 4, look, "stroke-dasharray": dashes }));
      button.type = "button";
      button.setAttribute("aria-pressed", String(!state.hidden.has(key)));
      const count = runs.filter((other) => keyOf(other) === key).length;
      button.append(sample, labelled ? nameOf(key) : `${nameOf(key)} (${count})`);
      button.addEventListener("click", () => {
        if (!state.hidden.delete(key)) state.hidden.add(key);
        button.setAttribute("aria-pressed", String(!state.hidden.has(key)));
        draw();
      });
      const item = document.createElement("li");
      item.append(button);
      return item;
    };

    let drawn = [];
    const draw = () => {
      const points = (run) => (run.curves[state.metric] ?? [])
        .map((y, at) => [ACROSS[state.across].of(run, at), y, run.epochs[at]])
        .filter(([x, y]) => x !== null && y !== null && (!state.log || y > 0));
      const shown = runs.filter((run) => !state.hidden.has(keyOf(run)));
      const lines = shown.map((run) => ({ run, points: points(run) })).filter((line) => line.points.length > 0);
      const all = lines.flatMap((line) => line.points);
      svg.replaceChildren();
      if (all.length === 0) readout.textContent = "Nothing to show.";
      else if (drawn.length === 0) readout.textContent = "Point at a curve to read it.";
      drawn = [];
      if (all.length === 0) return;
      const inPercent = all.every(([, y]) => isShare(state.metric, y));
      const ends = (at) => all.reduce(([low, high], point) => [Math.min(low, point[at]), Math.max(high, point[at])], [Infinity, -Infinity]);
      let [[left, right], [low, high]] = [ends(0), ends(1)];
      if (left === right) [left, right] = [left - 0.5, right + 0.5];
      if (low === high) [low, high] = state.log ? [low / 1.2, high * 1.2] : [low - 0.5, high + 0.5];
      const air = state.log ? (high / low) ** 0.04 : (high - low) * 0.04;
      [low, high] = state.log ? [low / air, high * air] : [low - air, high + air];
      const share = state.log ? (y) => Math.log(y / low) / Math.log(high / low) : (y) => (y - low) / (high - low);
      const placeX = (x) => LEFT + ((x - left) / (right - left)) * (WIDTH - LEFT - RIGHT);
      const placeY = (y) => HEIGHT - BOTTOM - share(y) * (HEIGHT - TOP - BOTTOM);
      for (const tick of ticks(low, high, state.log)) {
        const y = placeY(tick);
        svg.append(node("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y, class: "grid" }));
        svg.append(node("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, inPercent ? `${short(100 * tick)} %` : short(tick)));
      }
      for (const tick of ticks(left, right, false)) {
        const x = placeX(tick);
        svg.append(node("line", { x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM, class: "grid" }));
        svg.append(node("text", { x, y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }, short(tick)));
      }
      svg.append(node("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle", class: "title" }, ACROSS[state.across].title));
      for (const { run, points: own } of lines) {
        const places = own.map(([x, y]) => [placeX(x), placeY(y)]);
        const path = places.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
        const look = lookOf(run);
        const dashes = dashesOf(keyOf(run), look);
        const name = { class: "run", "data-run": run.name, look, "stroke-dasharray": dashes };
        svg.append(places.length > 1
          ? node("polyline", { points: path, fill: "none", ...name })
          : node("circle", { cx: places[0][0], cy: places[0][1], r: 3, ...name }));
        drawn.push({ run, own, places });
      }
      svg.append(node("circle", { r: 4, class: "mark", visibility: "hidden" }));
    };
    svg.addEventListener("pointermove", (event) => {
      const frame = svg.getBoundingClientRect();
      const [x, y] = [((event.clientX - frame.left) / frame.width) * WIDTH, ((event.clientY - frame.top) / frame.height) * HEIGHT];
      let best = { distance: Infinity };
      for (const { run, own, places } of drawn) {
        places.forEach((place, at) => {
          const distance = (place[0] - x) ** 2 + (place[1] - y) ** 2;
          if (distance < best.distance) best = { distance, run, point: own[at], place };
        });
      }
      const mark = svg.querySelector(".mark");
      if (!best.run || !mark) return;
      mark.setAttribute("cx", best.place[0]);
      mark.setAttribute("cy", best.place[1]);
      mark.setAttribute("visibility", "visible");
      paint(mark, lookOf(best.run));
      const [across, value, epoch] = best.point;
      const where = state.across === "epoch" ? `epoch ${epoch}` : `${ACROSS[state.across].title.toLowerCase()} ${short(across)}, epoch ${epoch}`;
      const read = isShare(state.metric, value) ? `${(100 * value).toFixed(2)} %` : short(value);
      readout.textContent = `${lookOf(best.run).label}, ${best.run.name}: ${state.metric.replaceAll("_", " ")} ${read} at ${where}`;
    });
    const update = (next) => {
      runs = next;
      setMetrics();
      setLegend();
      draw();
    };
    update(first);
    return update;
  };
  // By the object model: a page may forbid styles in attributes.
  function paint(made, look) {
    made.style.setProperty("--light", look.light);
    made.style.setProperty("--dark", look.dark);
  }
})();

{
  const room = document.getElementById("all-runs");
  const runs = data.runs.filter((run) => Object.keys(run.curves).length > 0);
  if (room && runs.length > 0) {
    document.getElementById("chart-quiet").remove();
    room.hidden = false;
    drawChart(room, runs, false);
  }
}
