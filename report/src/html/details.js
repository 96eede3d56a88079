// Opens a run below the table: its curve, settings, log and machine. A second one is laid beside it.
{
  const room = document.getElementById("opened");
  const buttons = [...document.querySelectorAll("button.open")];
  let opened = [];
  const element = (name, text = "", className = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const list = (entries, others) => {
    const made = element("dl");
    for (const [key, value] of entries) {
      const differs = others !== null && others.get(key) !== value;
      made.append(element("dt", key), element("dd", value, differs ? "differs" : ""));
    }
    return made;
  };
  const settings = (run) => [...run.settings, ...Object.entries(data.common)];
  const machine = (run) => [...(data.machines[run.machine] ?? []), ...run.circumstances];
  const folded = (title, content, open) => {
    const made = element("details");
    made.open = open;
    made.append(element("summary", title), content);
    return made;
  };
  const card = (number, beside) => {
    const run = data.runs[number];
    const other = beside === undefined ? null : data.runs[beside];
    const made = element("article", "", "card");
    const head = element("h3", run.name);
    const close = element("button", "close");
    close.type = "button";
    close.addEventListener("click", () => show(opened.filter((shown) => shown !== number)));
    head.append(" ", close);
    made.append(head);
    for (const contradiction of run.contradictions) made.append(element("p", contradiction, "bad"));
    made.append(folded("Settings", list(settings(run), other && new Map(settings(other))), true));
    made.append(folded("Machine and program", list(machine(run), other && new Map(machine(other))), other === null));
    if (run.log) made.append(folded("End of its log", element("pre", run.log), false));
    return made;
  };
  const show = (numbers) => {
    opened = numbers;
    buttons.forEach((button) => button.setAttribute("aria-expanded", String(opened.includes(Number(button.dataset.detail)))));
    room.hidden = opened.length === 0;
    const cards = element("div", "", "cards");
    opened.forEach((number, place) => cards.append(card(number, opened[1 - place])));
    const curves = element("div");
    const runs = opened.map((number) => data.runs[number]).filter((run) => Object.keys(run.curves).length > 0);
    room.replaceChildren(curves, cards);
    if (runs.length > 0) drawChart(curves, runs, true);
  };
  buttons.forEach((button) => button.addEventListener("click", () => {
    const number = Number(button.dataset.detail);
    // A third one takes the place of the first.
    show(opened.includes(number) ? opened.filter((shown) => shown !== number) : [...opened, number].slice(-2));
    room.scrollIntoView?.({ block: "nearest" });
  }));
}
