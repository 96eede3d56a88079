// Follows the board: keeps what it was told, draws what is in sight, asks for no more than what is looked at.
{
  const byId = (id) => document.getElementById(id);
  const make = (name, text = "", className = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  // Only what differs is written: what is looked at or marked stays as it is.
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const mark = (element, name, value) => { if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value); };
  const hide = (element, hidden) => { if (element.hidden !== hidden) element.hidden = hidden; };

  const board = { runs: new Map(), studies: new Map(), notes: new Map(), known: "", ahead: 0 };

  // ---- what is told

  const tell = (message) => {
    if (message.reset) [board.runs, board.studies, board.notes].forEach((all) => all.clear());
    board.ahead = message.now - Date.now();
    message.studies?.forEach((study) => board.studies.set(study.study, study));
    message.runs?.forEach((run) => board.runs.set(run.id, { ...run, text: words(run) }));
    message.notes?.forEach((note) => board.notes.set(note.id, note.text));
    message.gone?.forEach(([kind, key]) => board[kind].delete(key));
    board.known = message.known;
    board.listed = null;
    soon();
  };
  const words = (run) => [run.name, place(run), run.also?.join(" "), run.setting, run.task, run.state, run.seed, run.arm, run.device,
    run.error].join(" ").toLowerCase();
  const place = (run) => (run.study === undefined ? "" : `${run.study}:${run.index}`);

  let stream = null;
  const say = (text, bad) => {
    put(byId("connection"), text);
    byId("connection").classList.toggle("bad", bad);
  };
  const follow = () => {
    // A browser has few connections for one host: a page that nobody sees gives its own back.
    if (document.hidden || stream) return;
    stream = new EventSource(`events?known=${encodeURIComponent(board.known)}`);
    stream.addEventListener("open", () => say("live", false));
    stream.addEventListener("message", (event) => tell(JSON.parse(event.data)));
    stream.addEventListener("error", () => {
      say(`not connected since ${new Date().toLocaleTimeString()}: is the board still running? Trying again.`, true);
      if (stream?.readyState === EventSource.CLOSED) {
        stream = null;
        setTimeout(follow, 3000);
      }
    });
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) { follow(); soon(); return; }
    stream?.close();
    stream = null;
  });

  // ---- numbers in words

  const now = () => Date.now() + board.ahead;
  const span = (milliseconds) => {
    const seconds = Math.max(0, Math.round(milliseconds / 1000));
    const two = (value) => String(value).padStart(2, "0");
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} min`;
    return `${Math.floor(seconds / 86400)} d ${two(Math.floor(seconds / 3600) % 24)} h`;
  };
  const measured = (value, metric) => {
    if (value === undefined || value === null) return "–";
    if (isShare(metric, value)) return `${(100 * value).toFixed(2)} %`;
    const size = Math.abs(value);
    if (value !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3);
    return Number.isInteger(value) ? String(value) : value.toFixed(4);
  };
  const pace = (perHour) => {
    if (perHour >= 3600) return `${(perHour / 3600).toFixed(1)} runs/s`;
    return perHour < 1 ? `${(perHour * 24).toFixed(1)} runs/day` : `${perHour.toFixed(1)} runs/h`;
  };

  // ---- studies

  const SVG = "http://www.w3.org/2000/svg";
  const drawn = (name, attributes, text = "") => {
    const made = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.textContent = text;
    return made;
  };
  const ORDER = ["done", "pruned", "running", "paused", "interrupted", "deferred", "pending", "failed", "invalid", "cancelled", "superseded"];
  const cards = new Map();
  const studyCard = (name) => {
    const card = make("article", "", "card study");
    const parts = { head: make("h3", name), bar: drawn("svg", { class: "parts", viewBox: "0 0 1000 10", preserveAspectRatio: "none", role: "img" }),
      counts: make("p"), pace: make("p", "", "quiet"), stopped: make("p", "", "bad"), failures: make("div") };
    card.append(...Object.values(parts));
    return { card, ...parts };
  };
  const showStudies = () => {
    const names = [...board.studies.keys()].sort();
    hide(byId("studies-section"), names.length === 0);
    for (const [name, shown] of cards) {
      if (!board.studies.has(name)) { shown.card.remove(); cards.delete(name); }
    }
    names.forEach((name, index) => {
      const study = board.studies.get(name);
      if (!cards.has(name)) {
        cards.set(name, studyCard(name));
        byId("studies").insertBefore(cards.get(name).card, byId("studies").children[index] ?? null);
      }
      const shown = cards.get(name);
      if (shown.of === study) return;
      shown.of = study;
      const counts = ORDER.filter((state) => study.counts[state] > 0);
      let left = 0;
      shown.bar.replaceChildren(...counts.map((state) => {
        const width = (1000 * study.counts[state]) / study.total;
        left += width;
        return drawn("rect", { x: left - width, y: 0, width, height: 10, class: state });
      }));
      const told = counts.map((state) => `${study.counts[state]} ${state}`).join(" · ");
      mark(shown.bar, "aria-label", told);
      const diverged = study.diverged > 0 ? ` (${study.diverged} diverged)` : "";
      const percent = study.total > 0 ? Math.floor((100 * (study.done + (study.counts.pruned ?? 0))) / study.total) : 0;
      put(shown.counts, `${percent} %: ${told}${diverged}`);
      const rate = study.runs_per_hour;
      const mean = study.mean_wall_ms ? `a run takes ${span(study.mean_wall_ms)}` : "";
      put(shown.pace, rate ? `${study.live} at work, ${pace(rate)}, about ${span(study.left_ms)} left` : mean);
      put(shown.stopped, study.stopped_by ? `Stopped: ${study.stopped_by}` : "");
      shown.failures.replaceChildren(...study.failures.map((group) =>
        make("p", `failed with ${group.class}: ${group.runs} runs of ${group.settings} settings, such as ${group.example.slice(0, 16)}: ${group.error ?? ""}`, "bad")));
    });
    options(byId("study"), [["", "all"], ...names.map((name) => [name, name]), ...(alone() ? [["\n", "none: runs alone"]] : [])]);
    hide(byId("of-study"), names.length === 0);
    options(byId("figures-study"), [...names.map((name) => [name, name]), ...(alone() ? [["", "runs alone"]] : [])]);
    hide(byId("figures-of"), names.length === 0);
  };
  const alone = () => [...board.runs.values()].some((run) => run.study === undefined);
  const options = (list, wanted) => {
    if (JSON.stringify(wanted) === JSON.stringify([...list.options].map((option) => [option.value, option.text]))) return;
    const chosen = list.options.length > 0 ? list.value : wanted[0]?.[0];
    list.replaceChildren(...wanted.map(([value, text]) => new Option(text, value)));
    if (wanted.some(([value]) => value === chosen)) list.value = chosen;
  };

  // ---- the table of runs: only the rows in sight are there

  const ROW = 36;
  const AFTER = 8;
  const COLUMNS = [
    { name: "run", class: "run", key: (run) => run.name },
    { name: "place", class: "place", text: (run) => (board.studies.size === 1 && run.study !== undefined ? `#${run.index}` : place(run)), key: (run) => run.index },
    { name: "setting", class: "setting", text: (run) => run.setting, key: (run) => run.setting },
    { name: "seed", class: "seed n", text: (run) => String(run.seed ?? ""), key: (run) => run.seed },
    { name: "state", class: "state-of", key: (run) => run.state },
    { name: "progress", class: "progress", key: (run) => share(run) },
    { name: "last", class: "metric n last", text: (run) => measured(run.last, run.metric), key: (run) => run.last },
    { name: "best", class: "metric n", text: (run) => measured(run.best, run.metric), key: (run) => run.best },
    { name: "curve", class: "shape", key: null },
    { name: "arm", class: "arm", text: (run) => run.arm ?? "", key: (run) => run.arm },
    { name: "left", class: "left n", text: (run) => (run.state === "running" && run.ends_at ? span(run.ends_at - now()) : ""), key: (run) => run.ends_at },
    { name: "heard", class: "heard n", text: (run) => (run.heard_at ? `${span(now() - run.heard_at)} ago` : ""), key: (run) => run.heard_at },
  ];
  const share = (run) => {
    if (run.steps > 0) return Math.min(1, (run.step ?? 0) / run.steps);
    if (run.epochs > 0) return Math.min(1, (run.epoch ?? 0) / run.epochs);
    return ["done", "diverged"].includes(run.state) ? 1 : undefined;
  };
  const progressText = (run) => {
    if (run.epochs > 0) return `${Math.min(run.epoch ?? 0, run.epochs)}/${run.epochs}`;
    return run.epoch ? String(run.epoch) : "";
  };
  const scroller = byId("scroller");
  const body = byId("runs").tBodies[0];
  const [above, below] = [make("tr", "", "space"), make("tr", "", "space")];
  [above, below].forEach((row) => {
    row.append(document.createElement("td"));
    row.firstChild.colSpan = COLUMNS.length;
    row.setAttribute("aria-hidden", "true");
    body.append(row);
  });
  const rows = new Map();
  const sorting = { column: null, up: true };
  const head = byId("runs").tHead.rows[0];
  COLUMNS.forEach((column) => {
    const cell = make("th", "", column.class);
    cell.scope = "col";
    const button = make(column.key ? "button" : "span", column.name);
    if (column.key) {
      button.type = "button";
      button.addEventListener("click", () => {
        sorting.up = sorting.column === column ? !sorting.up : !["last", "best", "heard", "progress"].includes(column.name);
        sorting.column = column;
        [...head.cells].forEach((other) => other.removeAttribute("aria-sort"));
        cell.setAttribute("aria-sort", sorting.up ? "ascending" : "descending");
        board.listed = null;
        soon();
      });
    }
    cell.append(button);
    head.append(cell);
  });

  const RANK = { running: 0, failed: 1, invalid: 1, interrupted: 2, paused: 2, deferred: 2 };
  const usual = (a, b) => (RANK[a.state] ?? 3) - (RANK[b.state] ?? 3)
    || (a.study ?? "\uffff").localeCompare(b.study ?? "\uffff") || (a.index ?? 0) - (b.index ?? 0) || a.name.localeCompare(b.name);
  const compare = (one, other) => {
    const [a, b] = [sorting.column.key(one) ?? "", sorting.column.key(other) ?? ""];
    // What has no value comes last in both directions.
    if (a === "" || b === "") return (a === "") - (b === "");
    return (sorting.up ? 1 : -1) * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  };
  // The runs that pass the filter, in order; found again when something changed.
  const listed = () => {
    if (board.listed) return board.listed;
    const wanted = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const [study, state] = [byId("study").value, byId("state").value];
    const passes = (run) => (state === "" || run.state === state)
      && (study === "" || (study === "\n" ? run.study === undefined : run.study === study || run.also?.includes(study)))
      && wanted.every((word) => run.text.includes(word));
    board.listed = [...board.runs.values()].filter(passes).sort(sorting.column ? compare : usual);
    return board.listed;
  };
  const rowOf = (run) => {
    if (rows.has(run.id)) return rows.get(run.id);
    const row = document.createElement("tr");
    COLUMNS.forEach((column, index) => {
      const cell = make(index === 0 ? "th" : "td", "", column.class);
      if (index === 0) {
        cell.scope = "row";
        const button = make("button", "", "open");
        button.type = "button";
        button.append(make("code", run.name));
        button.addEventListener("click", () => toggle(run.id));
        cell.append(button);
      }
      if (column.name === "state") cell.append(make("span"));
      if (column.name === "progress") cell.append(document.createElement("progress"), make("span"));
      row.append(cell);
    });
    rows.set(run.id, row);
    return row;
  };
  const fill = (row, run, number) => {
    mark(row, "aria-rowindex", number + 2);
    mark(row, "data-state", run.state);
    mark(row.cells[0].firstChild, "aria-expanded", opened.includes(run.id));
    COLUMNS.forEach((column, index) => { if (column.text) put(row.cells[index], column.text(run)); });
    const [run_, place_, setting, state, progress, curve] = [0, 1, 2, 4, 5, 8].map((index) => row.cells[index]);
    mark(run_, "title", run.name);
    mark(place_, "title", place(run));
    mark(setting, "title", run.setting);
    put(state.firstChild, run.silent ? "silent" : run.state);
    mark(state.firstChild, "class", `state ${run.silent ? "silent" : run.state}`);
    mark(state, "title", run.error ?? "");
    const part = share(run);
    hide(progress.firstChild, part === undefined || run.state !== "running");
    if (part !== undefined && progress.firstChild.value !== part) progress.firstChild.value = part;
    mark(progress.firstChild, "aria-label", `progress of ${run.name}`);
    put(progress.lastChild, progressText(run));
    const shape = (run.shape ?? []).join();
    if (curve.dataset.shape === shape) return;
    curve.dataset.shape = shape;
    const points = (run.shape ?? []).map((height, at, all) => `${(1 + (78 * at) / (all.length - 1)).toFixed(0)},${(17 - 0.16 * height).toFixed(1)}`);
    const svg = drawn("svg", { class: "curve", viewBox: "0 0 80 18", "aria-hidden": "true" });
    svg.append(drawn("polyline", { points: points.join(" ") }));
    curve.replaceChildren(...(points.length > 1 ? [svg] : []));
  };
  const showRuns = () => {
    const all = listed();
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - AFTER);
    const last = Math.min(all.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW) + AFTER);
    const wanted = all.slice(first, last);
    const keep = new Set(wanted.map((run) => run.id));
    // A row with the keyboard's focus stays when it is scrolled away.
    const focused = all.find((run) => rows.get(run.id)?.contains(document.activeElement));
    if (focused) keep.add(focused.id);
    for (const [id, row] of rows) {
      if (!keep.has(id)) { row.remove(); rows.delete(id); }
    }
    above.firstChild.style.height = `${first * ROW}px`;
    below.firstChild.style.height = `${(all.length - last) * ROW}px`;
    let before = above;
    wanted.forEach((run, index) => {
      const row = rowOf(run);
      fill(row, run, first + index);
      if (before.nextSibling !== row) before.after(row);
      before = row;
    });
    mark(byId("runs"), "aria-rowcount", all.length + 1);
    put(byId("found"), `${all.length} of ${board.runs.size} runs`);
    hide(byId("empty"), board.runs.size > 0);
    put(byId("empty"), "No run yet: what aees train or aees sweep run begins appears here by itself.");
    hide(scroller, board.runs.size === 0);
    const states = [...new Set([...board.runs.values()].map((run) => run.state))].sort();
    options(byId("state"), [["", "all"], ...states.map((state) => [state, state])]);
  };
  scroller.addEventListener("scroll", () => soon());
  byId("filter").addEventListener("input", () => { board.listed = null; scroller.scrollTop = 0; soon(); });
  byId("filter").addEventListener("submit", (event) => event.preventDefault());

  // ---- opened runs: at most two, side by side

  let opened = [];
  const details = new Map();
  let together = null;
  const ask = async (address) => {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(await answer.text());
    return answer;
  };
  const toggle = (id) => {
    opened = opened.includes(id) ? opened.filter((other) => other !== id) : [...opened, id].slice(-2);
    details.forEach((_, other) => { if (!opened.includes(other)) details.delete(other); });
    together = null;
    byId("opened").replaceChildren();
    hide(byId("opened"), opened.length === 0);
    opened.forEach(refresh);
    soon();
  };
  // What a run's own page depends on: asked for again when it differs.
  const mood = (run) => run && JSON.stringify([run.state, run.epoch, run.step, run.log]);
  const refresh = async (id) => {
    const run = board.runs.get(id);
    const known = details.get(id) ?? {};
    if (known.asking || !run || known.mood === mood(run)) return;
    details.set(id, { ...known, asking: true });
    const told = { mood: mood(run), asking: false, at: Date.now() };
    try {
      told.shown = { name: run.name, series: seriesOf(run), machine: null, ...(await (await ask(`runs/${id}`)).json()) };
      told.state = run.state;
    } catch (error) {
      told.shown = known.shown;
      told.failed = String(error);
    }
    if (!opened.includes(id)) return;
    details.set(id, told);
    showOpened();
  };
  const log = (card, className, title, text) => {
    let pre = card.querySelector(`pre.${className}`);
    if (!text) return;
    if (!pre) {
      const folder = make("details");
      pre = make("pre", "", `log ${className}`);
      pre.tabIndex = 0;
      folder.open = className === "own";
      folder.append(make("summary", title), pre);
      card.append(folder);
    }
    const atEnd = pre.scrollHeight - pre.scrollTop - pre.clientHeight < 8;
    put(pre, text);
    if (atEnd) pre.scrollTop = pre.scrollHeight;
  };
  const showOpened = () => {
    const room = byId("opened");
    const shown = opened.filter((id) => details.get(id)?.shown);
    const key = shown.map((id) => `${id} ${details.get(id).state}`).join();
    if (!together || together.key !== key) {
      // Settings differ only between runs, and when one is over.
      const unfolded = new Set([...room.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent));
      const rebuilt = together !== null;
      const curves = make("div");
      const list = make("div", "", "cards");
      const shows = shown.map((id) => details.get(id).shown);
      together = { key, curves, chart: null, cards: new Map() };
      shown.forEach((id, index) => {
        const { log: _, ...still } = shows[index];
        const card = runCard(still, shows[1 - index] ?? null, () => toggle(id));
        card.querySelector("h3").after(make("p", "", "quiet about"), make("p", "", "bad error"), make("div", "", "arms-room"));
        if (rebuilt) card.querySelectorAll("details").forEach((fold) => { fold.open = unfolded.has(fold.firstChild.textContent); });
        together.cards.set(id, card);
        list.append(card);
      });
      room.replaceChildren(curves, list);
    }
    const drawable = shown.map((id) => details.get(id).shown).filter((run) => Object.keys(run.curves).length > 0);
    if (drawable.length > 0 && !together.chart) together.chart = drawChart(together.curves, drawable, true);
    else together.chart?.(drawable);
    shown.forEach((id) => {
      const [card, told] = [together.cards.get(id), details.get(id)];
      const run = board.runs.get(id);
      put(card.querySelector(".about"), [place(run ?? {}), run?.setting, told.shown.folder].filter(Boolean).join(" · "));
      put(card.querySelector(".error"), told.failed ?? run?.error ?? "");
      arms(card.querySelector(".arms-room"), told.shown.arms);
      log(card, "own", "End of its log", told.shown.log);
      log(card, "worker", "What its worker said", told.shown.worker_log);
    });
  };
  // Which arm was played when, how often, and what it gave.
  const arms = (room, told) => {
    if (!told || told.names.length === 0 || room.dataset.told === JSON.stringify(told.totals)) return;
    room.dataset.told = JSON.stringify(told.totals);
    const [WIDTH, LINE, LEFT, RIGHT] = [560, 18, 110, 150];
    const svg = drawn("svg", { class: "arms", viewBox: `0 0 ${WIDTH} ${LINE * told.names.length + 4}`, role: "img", "aria-label": "Arms by episode" });
    const least = told.played[0]?.[0] ?? 0;
    const most = Math.max(least + 1, ...told.played.map(([step]) => step));
    told.names.forEach((name, index) => {
      const y = LINE * index + 13;
      const [count, mean] = told.totals[index];
      svg.append(drawn("text", { x: LEFT - 6, y, "text-anchor": "end" }, name));
      svg.append(drawn("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y - 4, y2: y - 4 }));
      svg.append(drawn("text", { x: WIDTH - RIGHT + 8, y }, `${count} times, ${measured(mean, "")} each`));
    });
    for (const [step, arm] of told.played) {
      const x = LEFT + ((step - least) / (most - least)) * (WIDTH - RIGHT - LEFT);
      svg.append(drawn("rect", { x: x - 1.5, y: LINE * arm + 4, width: 3, height: 10 }));
    }
    room.replaceChildren(svg);
  };

  // ---- curves of what the filter leaves

  const MOST = 40;
  const seriesOf = (run) => {
    const key = run.setting || run.name;
    if (!data.series[key]) {
      const look = data.looks[Object.keys(data.series).length % data.looks.length];
      data.series[key] = { ...look, label: key };
    }
    return key;
  };
  const chart = { draw: null, seen: false, asking: false, at: 0, key: "" };
  const showCurves = async () => {
    if (!chart.seen || chart.asking || document.hidden || Date.now() - chart.at < 2000) return;
    const told = listed().filter((run) => run.shape || run.state === "running" || run.epoch > 0);
    const runs = told.slice(0, MOST);
    const key = runs.map((run) => `${run.id} ${run.epoch}`).join();
    if (key === chart.key) return;
    Object.assign(chart, { asking: true, at: Date.now(), key });
    try {
      const answer = runs.length > 0 ? await (await ask(`curves?runs=${runs.map((run) => run.id).join()}`)).json() : {};
      const drawable = runs.filter((run) => Object.keys(answer[run.id]?.curves ?? {}).length > 0)
        .map((run) => ({ name: run.name, series: seriesOf(run), ...answer[run.id] }));
      hide(byId("all-curves"), drawable.length === 0);
      hide(byId("chart-quiet"), drawable.length > 0 && told.length <= MOST);
      put(byId("chart-quiet"), drawable.length === 0 ? "No run has told of an epoch yet." : `The first ${MOST} of ${told.length} runs of the table: find fewer to see others.`);
      if (drawable.length > 0 && !chart.draw) chart.draw = drawChart(byId("all-curves"), drawable, false);
      else if (drawable.length > 0) chart.draw(drawable);
    } catch {
      // Asked again when something changes.
      chart.key = "";
    }
    chart.asking = false;
  };
  new IntersectionObserver((seen) => { chart.seen = seen.some((entry) => entry.isIntersecting); showCurves(); }, { rootMargin: "200px" })
    .observe(byId("chart"));

  // ---- the figures of the report

  byId("draw").addEventListener("click", async () => {
    byId("draw").disabled = true;
    put(byId("figures-quiet"), "drawing");
    const study = byId("figures-study").value;
    try {
      // The program escaped it, and the page's policy lets nothing in it run.
      byId("figures-room").innerHTML = await (await ask(`figures?study=${encodeURIComponent(study)}`)).text();
      put(byId("figures-quiet"), `as of ${new Date().toLocaleTimeString()}`);
    } catch (error) {
      put(byId("figures-quiet"), error.message);
    }
    byId("draw").disabled = false;
  });

  // ---- one drawing for all that came meanwhile

  let waiting = false;
  const show = () => {
    waiting = false;
    const notes = [...board.notes.values()];
    hide(byId("alerts"), notes.length === 0);
    if (notes.join() !== byId("notes").dataset.notes) {
      byId("notes").dataset.notes = notes.join();
      byId("notes").replaceChildren(...notes.map((note) => make("li", note)));
    }
    showStudies();
    showRuns();
    opened.forEach((id) => { if (Date.now() - (details.get(id)?.at ?? 0) > 1000) refresh(id); });
    showCurves();
  };
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(show);
  };
  tell(JSON.parse(byId("state-data").textContent));
  show();
  performance.mark("drawn");
  follow();
  // Times go on without news.
  setInterval(() => { if (!document.hidden) soon(); }, 1000);
}
