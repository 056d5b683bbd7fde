// What a reader can change: the two ends, the way, the steps, the grid. `pictures.js` draws it.

const panels = ends.map((end, number) => {
  const panel = byId("end").content.cloneNode(true).firstElementChild;
  const [seed, random] = [panel.querySelector("input"), panel.querySelector("button")];
  const title = number ? "End" : "Start";
  panel.querySelector("legend").textContent = title;
  seed.setAttribute("aria-label", `${title}: seed`);
  random.setAttribute("aria-label", `${title}: a random seed`);
  const chosen = classes ? chooser(panel.querySelector(".classes"), title, label => set(number, { label })) : () => {};
  seed.oninput = () => seed.checkValidity() && seed.value !== "" && set(number, { seed: Number(seed.value) }, false);
  random.onclick = () => set(number, { seed: Math.floor(Math.random() * 2 ** 31) });
  byId("ends").append(panel);
  return () => { seed.value = ends[number].seed; chosen(ends[number].label); };
});

// The classes: chips where there are few, else a field. Returns what shows a choice.
function chooser(place, title, choose) {
  if (classes > 20) {
    const field = Object.assign(document.createElement("input"), {
      type: "number", min: 0, max: classes - 1, placeholder: "by seed",
      oninput: () => field.checkValidity() && choose(field.value === "" ? null : Number(field.value)) });
    field.setAttribute("aria-label", `${title}: class`);
    place.append("Class ", field);
    return label => { field.value = label ?? ""; };
  }
  const chips = Object.assign(document.createElement("span"), { className: "chips", role: "radiogroup" });
  chips.setAttribute("aria-label", `${title}: class`);
  place.append("Class ", chips);
  const radios = [null, ...Array(classes).keys()].map(label => {
    const [around, text] = [document.createElement("label"), document.createElement("span")];
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: title, value: label ?? "",
      onchange: () => choose(label) });
    text.textContent = label ?? "by seed";
    around.append(radio, text);
    chips.append(around);
    return radio;
  });
  return label => { radios[label === null ? 0 : label + 1].checked = true; };
}

function set(number, change, show = true) {
  Object.assign(ends[number], change);
  if (show) panels[number]();
  stop();
  byId("blend").value = number;  // what was changed is what is shown
  picture();
}

let playing = 0;  // the request of the next frame

function stop() {
  cancelAnimationFrame(playing);
  playing = 0;
  byId("play").textContent = "Play";
  byId("play").setAttribute("aria-pressed", "false");
}

function play() {  // to and fro, three seconds a way
  const from = performance.now() - 3000 * Number(byId("blend").value);
  const frame = now => {
    const way = Math.max(0, now - from) / 3000 % 2;
    byId("blend").value = way > 1 ? 2 - way : way;
    picture();
    playing = requestAnimationFrame(frame);
  };
  playing = requestAnimationFrame(frame);
  byId("play").textContent = "Pause";
  byId("play").setAttribute("aria-pressed", "true");
}

function byKeys(event) {  // arrows, Home and End move in the grid; Enter and Space choose, as buttons do
  const buttons = [...byId("grid").querySelectorAll("button")], at = buttons.indexOf(document.activeElement);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns(), ArrowDown: at + columns(), Home: 0,
               End: buttons.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  if (!buttons[to]) return;
  buttons[at].tabIndex = -1;
  buttons[to].tabIndex = 0;
  buttons[to].focus();
}

function turnPage(by) {
  byId("first").value = Math.max(0, Number(byId("first").value) + by * (byId("shown").value === "rows" ? columns() :
    cells.length));
  layOut();
}

steps.forEach((_, axis) => {
  const [around, number, slider, value] = ["label", "span", "input", "output"].map(tag => document.createElement(tag));
  Object.assign(slider, { type: "range", min: -4, max: 4, step: 0.1, value: 0, oninput: () => {
    steps[axis] = Number(slider.value);
    value.textContent = steps[axis].toFixed(1);
    picture();
    paint();
  } });
  slider.setAttribute("aria-label", `Direction ${axis + 1}`);
  number.textContent = axis + 1;
  value.textContent = "0.0";
  around.append(number, slider, value);
  byId("steps").append(around);
});

byId("truncated").hidden = kept === latentDim;  // z is brought to one length, whatever its own
byId("truncation").oninput = () => {
  byId("truncation").nextSibling.textContent = Number(byId("truncation").value);
  picture();
  paint();
};

byId("shown").append(...["own", ...(classes ? ["rows", ...Array(classes).keys()] : [])].map(value =>
  new Option({ own: "by seed", rows: "a row each" }[value] ?? value, value)));
byId("of").hidden = !classes;
byId("blend").oninput = () => { stop(); picture(); };
byId("play").onclick = () => playing ? stop() : play();
byId("save").onclick = () => save([byId("picture")], 1, 0, byId("caption").textContent);
byId("save-grid").onclick = () => save(cells.map(cell => cell.canvas), columns(), 2,
  `seeds from ${byId("first").value}`);
byId("still").onclick = () => {
  for (const slider of byId("steps").querySelectorAll("input")) {
    slider.value = 0;
    slider.oninput();
  }
};
byId("first").oninput = () => byId("first").checkValidity() && byId("first").value !== "" && layOut();
byId("shown").onchange = layOut;
byId("back").onclick = () => turnPage(-1);
byId("on").onclick = () => turnPage(1);
byId("grid").onkeydown = byKeys;
byId("grid").onclick = event => {
  const cell = cells.find(one => one.canvas === event.target.closest("button")?.firstChild);
  if (cell) set(Number(document.querySelector("[name=target]:checked").value), { seed: cell.seed, label: cell.label });
};
narrow.onchange = () => byId("grid").dataset.columns !== String(columns()) && layOut();

panels.forEach(show => show());
picture();
performance.mark("first picture");
setTimeout(layOut);
