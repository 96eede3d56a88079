// What a run opens to: its settings, its machine, the end of its log. What differs from the run beside it is marked.
const runCard = (() => {
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
  // The card of a run beside another, or beside none; `close` is called by its button.
  return (run, other, close) => {
    const made = element("article", "", "card");
    const head = element("h3", run.name);
    const button = element("button", "close");
    button.type = "button";
    button.addEventListener("click", close);
    head.append(" ", button);
    made.append(head);
    for (const contradiction of run.contradictions) made.append(element("p", contradiction, "bad"));
    made.append(folded("Settings", list(settings(run), other && new Map(settings(other))), true));
    made.append(folded("Machine and program", list(machine(run), other && new Map(machine(other))), other === null));
    if (run.log) made.append(folded("End of its log", element("pre", run.log), false));
    return made;
  };
})();
