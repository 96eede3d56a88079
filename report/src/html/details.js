// Opens a run below the table: its curve, settings, log and machine. A second one is laid beside it.
{
  const room = document.getElementById("opened");
  const buttons = [...document.querySelectorAll("button.open")];
  let opened = [];
  const show = (numbers) => {
    opened = numbers;
    buttons.forEach((button) => button.setAttribute("aria-expanded", String(opened.includes(Number(button.dataset.detail)))));
    room.hidden = opened.length === 0;
    const cards = document.createElement("div");
    cards.className = "cards";
    const runs = opened.map((number) => data.runs[number]);
    const close = (number) => () => show(opened.filter((shown) => shown !== number));
    opened.forEach((number, place) => cards.append(runCard(runs[place], runs[1 - place] ?? null, close(number))));
    const curves = document.createElement("div");
    const drawn = runs.filter((run) => Object.keys(run.curves).length > 0);
    room.replaceChildren(curves, cards);
    if (drawn.length > 0) drawChart(curves, drawn, true);
  };
  buttons.forEach((button) => button.addEventListener("click", () => {
    const number = Number(button.dataset.detail);
    // A third one takes the place of the first.
    show(opened.includes(number) ? opened.filter((shown) => shown !== number) : [...opened, number].slice(-2));
    room.scrollIntoView?.({ block: "nearest" });
  }));
}
