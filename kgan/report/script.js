// The slider through training, and the game. Without JavaScript the last grid and all curves are there.

for (const slider of document.querySelectorAll(".frames input")) {
  const frames = [...slider.parentElement.querySelectorAll("figure")], steps = JSON.parse(slider.dataset.steps);
  const run = slider.closest("[data-run]").dataset.run;
  const plots = document.querySelectorAll(`.panels [data-run="${run}"] svg`);
  const show = () => {
    const at = Number(slider.value);
    frames.forEach((frame, number) => { frame.hidden = number !== at; });
    slider.setAttribute("aria-valuetext", `step ${steps[at]}`);
    for (const plot of plots) {  // the same step in every curve
      const [left, right] = [Number(plot.dataset.left), Number(plot.dataset.right)], line = plot.querySelector(".now");
      const x = left + (right - left) * steps[at] / Math.max(1, Number(plot.dataset.steps));
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
      line.setAttribute("visibility", at < steps.length - 1 ? "visible" : "hidden");
    }
  };
  slider.oninput = show;
  show();
}

let keysOf = null;  // the game that arrow keys play

for (const place of document.querySelectorAll(".game")) {
  place.append(document.getElementById("game").content.cloneNode(true));
  const { answers, columns, rows, machine, threshold, neighbour } = place.dataset;
  const find = selector => place.querySelector(selector), sprites = find(".sprites");
  const [start, table, result, canvas] = [".start", ".table", ".result", ".table canvas"].map(find);
  if (threshold) find(".border").textContent = `; it calls a picture real where its logit is above ${threshold}`;
  let guesses = [];

  const paint = (on, number) => {
    const [width, height] = [sprites.naturalWidth / columns, sprites.naturalHeight / rows];
    [on.width, on.height] = [width, height];
    on.getContext("2d").drawImage(sprites, number % columns * width, Math.floor(number / columns) * height, width,
      height, 0, 0, width, height);
  };

  const ask = () => {
    paint(canvas, guesses.length);
    canvas.setAttribute("aria-label", `Picture ${guesses.length + 1}`);
    find(".count").textContent = `${guesses.length + 1} of ${answers.length}`;
  };

  const begin = () => {
    guesses = [];
    [start.hidden, table.hidden, result.hidden] = [true, false, true];
    keysOf = guess;
    ask();
    find(".choices button").focus();
  };

  const guess = real => {
    guesses.push(real);
    if (guesses.length < answers.length) ask(); else end();
  };

  const end = () => {
    keysOf = null;
    [table.hidden, result.hidden] = [true, false];
    const wrong = guesses.filter((real, number) => real !== answers[number]).length;
    const lines = [["you", `${(100 * wrong / answers.length).toFixed(1)}%`], ["D", machine], ["1-NN", neighbour]];
    find("tbody").replaceChildren(...lines.map(([who, errors]) => {
      const [row, name, value] = ["tr", "th", "td"].map(tag => document.createElement(tag));
      [name.textContent, name.scope, value.textContent] = [who, "row", errors];
      row.append(name, value);
      return row;
    }));
    find(".gallery").replaceChildren(...guesses.map((real, number) => {
      const [figure, small, caption] = ["figure", "canvas", "figcaption"].map(tag => document.createElement(tag));
      paint(small, number);
      figure.className = real === answers[number] ? "right" : "wrong";
      caption.textContent = `${answers[number] === "1" ? "real" : "fake"}${real === answers[number] ? "" : ", missed"}`;
      small.setAttribute("role", "img");
      small.setAttribute("aria-label", `Picture ${number + 1}`);
      figure.append(small, caption);
      return figure;
    }));
    result.focus();
  };

  find(".start button").onclick = begin;
  find(".result button").onclick = begin;
  for (const button of place.querySelectorAll(".choices button")) button.onclick = () => guess(button.dataset.real);
}

document.addEventListener("keydown", event => {
  const real = { ArrowLeft: "1", ArrowRight: "0", r: "1", f: "0" }[event.key];
  if (!keysOf || real === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches?.("input")) return;  // the slider has arrows of its own
  event.preventDefault();
  keysOf(real);
});

addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(one => { one.open = true; }));
