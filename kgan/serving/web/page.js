// The page: two ends, the way between them, steps along directions in z, a grid of seeds.

const byId = id => document.getElementById(id);
const description = JSON.parse(byId("description").textContent);
const network = assemble(description, Uint8Array.from(atob(byId("bytes").textContent), one => one.charCodeAt(0)));
const { latent_dim: latentDim, classes, name } = description;
const [height, width, channels] = description.operations.at(-1).shape;
const axes = network.arrays[description.axes];
const golden = network.arrays[description.golden];
const narrow = matchMedia("(max-width: 48rem)");

const ends = [{ seed: 0, label: null }, { seed: 1, label: null }];  // label null: as kgan draws a seed without one
const steps = new Array(axes.shape[0]).fill(0);

const labelOf = ({ seed, label }) => label ?? (classes ? Number(BigInt(seed) % BigInt(classes)) : 0);
const inWords = end => `seed ${end.seed}${classes ? `, class ${labelOf(end)}` : ""}`;
const inFile = end => `seed${end.seed}${classes ? `_class${labelOf(end)}` : ""}`;

function put(bytes, canvas) {  // one value a pixel, or three, on a canvas of the image's own size
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let channel = 0; channel < 3; channel++) {
      pixels.data[4 * i + channel] = bytes[i * channels + (channels === 1 ? 0 : channel)];
    }
    pixels.data[4 * i + 3] = 255;
  }
  Object.assign(canvas, { width, height }).getContext("2d").putImageData(pixels, 0, 0);
}

function moved(z) {
  return z.map((value, i) => steps.reduce((sum, step, axis) => sum + step * axes[axis * latentDim + i], value));
}

function picture() {
  const [start, end] = ends, t = Number(byId("blend").value);
  const [a, b] = ends.map(one => noise(one.seed, latentDim));
  const stands = told(network, a, labelOf(start));
  const standing = stands && straight(stands, told(network, b, labelOf(end)), t);
  put(draw(network, moved(slerp(a, b, t)), labelOf(start), standing), byId("picture"));
  const place = t === 0 ? inWords(start) : t === 1 ? inWords(end) : `${Math.round(100 * t)}% of the way from ` +
    `${inWords(start)} to ${inWords(end)}`;
  byId("caption").textContent = place + (steps.some(Boolean) ? ", moved" : "");
  byId("picture").setAttribute("aria-label", byId("caption").textContent);
}

// ---- The grid

let cells = [];  // { seed, label, canvas }
let turn = 0;  // of the grid: an older one stops drawing

const columns = () => narrow.matches ? 6 : 8;

function layOut() {
  const first = Number(byId("first").value), shown = byId("shown").value, grid = byId("grid");
  const rows = shown === "rows" ? classes : 8, beside = shown === "rows" ? "1.5rem " : "";
  grid.style.gridTemplateColumns = `${beside}repeat(${columns()}, minmax(0, 1fr))`;
  cells = Array.from({ length: rows * columns() }, (_, i) => shown === "rows" ?
    { seed: first + i % columns(), label: Math.floor(i / columns()) } :
    { seed: first + i, label: shown === "own" ? null : Number(shown) });
  grid.replaceChildren(...cells.flatMap((cell, i) => {
    const button = document.createElement("button");
    cell.canvas = Object.assign(document.createElement("canvas"), { width, height });
    button.type = "button";
    button.tabIndex = i ? -1 : 0;  // arrows move on from there
    button.setAttribute("aria-label", inWords(cell));
    button.title = inWords(cell);
    button.append(cell.canvas);
    const number = beside && i % columns() === 0 ? [Object.assign(document.createElement("span"),
      { textContent: cell.label })] : [];
    return [...number, button];
  }));
  paint();
}

async function paint() {  // a few at a time, so that the page answers meanwhile
  const mine = ++turn;
  let began = performance.now();
  for (const cell of cells) {
    const z = noise(cell.seed, latentDim);
    put(draw(network, moved(z), labelOf(cell), told(network, z, labelOf(cell))), cell.canvas);
    if (performance.now() - began < 30) continue;
    await new Promise(resolve => setTimeout(resolve));
    if (mine !== turn) return;
    began = performance.now();
  }
  byId("grid").dataset.done = mine;
  check();
}

// ---- What this browser draws beside what kgan drew

function check() {
  if (byId("checked").dataset.levels) return;
  let levels = 0;
  for (let seed = 0; seed < golden.shape[0]; seed++) {
    const drawn = draw(network, noise(seed, latentDim), labelOf({ seed, label: null }));
    drawn.forEach((value, i) => levels = Math.max(levels, Math.abs(value - golden[seed * drawn.length + i])));
  }
  byId("checked").dataset.levels = levels;
  byId("checked").classList.toggle("wrong", levels > 1);
  byId("checked").textContent = levels > 1 ?
    `This browser draws something else, by up to ${levels} grey levels.` :
    `This browser has just drawn ten of them: ${levels ? "also within a grey level" : "pixel for pixel the same"}.`;
}

// ---- Files

function save(canvases, perRow, gap, file) {  // enlarged by a whole factor, as kgan lays grids out
  const times = Math.max(1, Math.floor(512 / (perRow * width))), across = width + gap, down = height + gap;
  const sheet = Object.assign(document.createElement("canvas"), {
    width: times * (perRow * across + gap), height: times * (Math.ceil(canvases.length / perRow) * down + gap) });
  const context = sheet.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.fillRect(0, 0, sheet.width, sheet.height);
  canvases.forEach((canvas, i) => context.drawImage(canvas, times * (gap + i % perRow * across),
    times * (gap + Math.floor(i / perRow) * down), times * width, times * height));
  sheet.toBlob(blob => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: file });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

// ---- Controls

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
    const field = Object.assign(document.createElement("input"), { type: "number", min: 0, max: classes - 1,
      placeholder: "by seed", oninput: () => field.checkValidity() && choose(field.value === "" ? null : +field.value) });
    field.setAttribute("aria-label", `${title}: class`);
    place.append("Class ", field);
    return label => { field.value = label ?? ""; };
  }
  place.className += " chips";
  place.setAttribute("role", "radiogroup");
  place.setAttribute("aria-label", `${title}: class`);
  const radios = [null, ...Array(classes).keys()].map(label => {
    const [around, text] = [document.createElement("label"), document.createElement("span")];
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: title, value: label ?? "",
      onchange: () => choose(label) });
    text.textContent = label ?? "by seed";
    around.append(radio, text);
    place.append(around);
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

byId("shown").append(...["own", ...(classes ? ["rows", ...Array(Math.min(classes, 1000)).keys()] : [])].map(value =>
  new Option({ own: "by seed", rows: "a row each" }[value] ?? value, value)));
byId("of").hidden = !classes;
byId("blend").oninput = () => { stop(); picture(); };
byId("play").onclick = () => playing ? stop() : play();
byId("save").onclick = () => save([byId("picture")], 1, 0, `${name}_${inFile(ends[0])}.png`);
byId("save-grid").onclick = () => save(cells.map(cell => cell.canvas), columns(), 2,
  `${name}_seeds${byId("first").value}.png`);
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
narrow.onchange = layOut;

panels.forEach(show => show());
picture();
performance.mark("first picture");
setTimeout(layOut);
