// What the page shows: a picture on the way between two ends, and a grid of seeds. `controls.js` changes what it shows.

const byId = id => document.getElementById(id);
const description = JSON.parse(byId("description").textContent);
const network = assemble(description, fromBase64(byId("bytes").textContent));
const { latent_dim: latentDim, kept, classes, name } = description;
const [height, width, channels] = description.operations.at(-1).shape;
const axes = network.arrays[description.axes];
const golden = network.arrays[description.golden];
const narrow = matchMedia("(max-width: 48rem)");

const ends = [{ seed: 0, label: null }, { seed: 1, label: null }];  // label null: as kgan draws a seed without one
const steps = new Array(axes.shape[0]).fill(0);

const labelOf = ({ seed, label }) => label ?? (classes ? Number(BigInt(seed) % BigInt(classes)) : 0);
const inWords = end => `seed ${end.seed}${classes ? `, class ${labelOf(end)}` : ""}`;

function put(bytes, canvas) {  // one value a pixel, three or four, on a canvas of the image's own size
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let channel = 0; channel < 3; channel++) {
      pixels.data[4 * i + channel] = bytes[i * channels + (channels === 1 ? 0 : channel)];
    }
    pixels.data[4 * i + 3] = channels === 4 ? bytes[4 * i + 3] : 255;
  }
  Object.assign(canvas, { width, height }).getContext("2d").putImageData(pixels, 0, 0);
}

function moved(z) {  // truncated, as kgan.sampling.latent_scale says, then stepped along the axes
  const psi = Number(byId("truncation").value);
  return z.map((value, i) => steps.reduce((sum, step, axis) => sum + step * axes[axis * latentDim + i],
    i < kept ? value : psi * value));
}

function picture() {
  const [start, end] = ends, t = Number(byId("blend").value);
  const [a, b] = ends.map(one => noise(one.seed, latentDim));
  const stands = told(network, a, labelOf(start));
  const standing = stands && straight(stands, told(network, b, labelOf(end)), t);
  put(draw(network, moved(slerp(a, b, t)), labelOf(start), standing), byId("picture"));
  const place = t === 0 ? inWords(start) : t === 1 ? inWords(end) : `${Math.round(100 * t)}% of the way from ` +
    `${inWords(start)} to ${inWords(end)}`;
  const psi = Number(byId("truncation").value);
  byId("caption").textContent = place + (psi < 1 ? `, truncated to ${psi}` : "") + (steps.some(Boolean) ? ", moved" : "");
  byId("picture").setAttribute("aria-label", byId("caption").textContent);
}

// ---- The grid

let cells = [];  // { seed, label, canvas }
let turn = 0;  // of the grid: an older one stops drawing

const columns = () => narrow.matches ? 6 : 8;

function layOut() {
  const first = Number(byId("first").value), shown = byId("shown").value, grid = byId("grid");
  const rows = shown === "rows" ? classes : 8, beside = shown === "rows" ? "1.5rem " : "";
  grid.dataset.columns = columns();
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

async function check() {
  if (byId("checked").dataset.levels) return;
  let levels = 0;
  for (let seed = 0; seed < golden.shape[0]; seed++) {
    const drawn = draw(network, noise(seed, latentDim), labelOf({ seed, label: null }));
    drawn.forEach((value, i) => levels = Math.max(levels, Math.abs(value - golden[seed * drawn.length + i])));
    await new Promise(resolve => setTimeout(resolve));
  }
  byId("checked").dataset.levels = levels;
  if (levels > 1) document.querySelector("header").append(byId("checked"));
  byId("checked").textContent = levels > 1 ?
    `This browser draws something else than kgan, by up to ${levels} grey levels.` :
    `This browser has just drawn ten of them: ${levels ? "also within a grey level" : "pixel for pixel the same"}.`;
}

// ---- Files

function save(canvases, perRow, gap, shown) {  // enlarged by a whole factor, as kgan lays grids out
  const times = Math.max(1, Math.floor(512 / (perRow * width))), across = width + gap, down = height + gap;
  const sheet = Object.assign(document.createElement("canvas"), {
    width: times * (perRow * across + gap), height: times * (Math.ceil(canvases.length / perRow) * down + gap) });
  const context = sheet.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.fillRect(0, 0, sheet.width, sheet.height);
  canvases.forEach((canvas, i) => context.drawImage(canvas, times * (gap + i % perRow * across),
    times * (gap + Math.floor(i / perRow) * down), times * width, times * height));
  sheet.toBlob(blob => {
    const link = Object.assign(document.createElement("a"), {
      href: URL.createObjectURL(blob), download: `${name}_${shown.replace(/\W+/g, "_")}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}
