"""Exported web pages in Chromium beside what kgan draws: how large, how soon, how far apart; and how they look.

    pip install -e '.[dev]'    # Playwright's Python package; Chromium from the system
    python experiments/serving/web.py experiments/results/serving

Exports every preset, and untrained networks of every model at its default recipe, of `progan` at its recipe `small`;
their batch-norm statistics are those of one batch of z. Opens each page from the disk, draws 64 seeds there. Writes
web.md, web_desktop.png, web_phone.png.

In the table are the least time of five openings to the first picture, and of 64 pictures for one (other work on the
machine makes the others longer); the largest difference over all values of the 64, and how many in a million differ.
"""

import datetime
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright import sync_api

from kgan.runtime import machine

OPENINGS = 5
ALONE = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
DRAW = """(() => {
  let each = Infinity;
  const drawn = Array.from({ length: 64 }, (_, seed) => {
    const began = performance.now(), image = [...draw(network, noise(seed, latentDim), labelOf({ seed }))];
    each = Math.min(each, performance.now() - began);
    return image;
  });
  return [each, drawn];
})()"""
HEAD = """# Web pages

{0}
`python experiments/serving/web.py {1}`, {2:%Y-%m-%d}; {3}.

| generator | layers | parameters | weights | MB | first picture, ms | each, ms | grey levels apart | differ |
|---|---:|---:|---|---:|---:|---:|---:|---:|
"""


def exported(name: str, out: Path):
    """Exports a preset or a model; returns the version and the generator, in float32."""
    import keras

    from kgan import kernels, latent, models
    from kgan.runs.directory import Run
    from kgan.runs.generators import open_generator
    from kgan.serving import export

    if name.startswith("preset:"):
        return export.export_run(Run(name), out, "web").version, kernels.plain(open_generator(name), dtype="float32")
    model, _, named = name.partition("/")
    recipe = models.recipe(model, named=named or None)
    recipe = recipe.override(classes=10) if recipe.conditional else recipe  # data decide how many there are
    keras.utils.set_random_seed(0)
    generator = models.build_generator(recipe)
    for layer in generator.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    z = latent.from_seeds(range(256), recipe.latent_dim).numpy()
    generator([z, np.arange(256) % 10] if recipe.classes else z, training=True)
    return export.export(generator, out, "web").version, kernels.plain(generator, dtype="float32")


def row(browser, name: str, version: Path, generator) -> str:
    """Returns the table's row of an exported preset or model."""
    from kgan import sampling
    from kgan.serving.web import page

    file, asked = version / page.FILE, []
    firsts = []
    for _ in range(OPENINGS):
        shown = browser.new_page(viewport={"width": 1280, "height": 900})
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(file.as_uri())
        firsts.append(shown.evaluate("performance.getEntriesByName('first picture')[0].startTime"))
        if len(firsts) < OPENINGS:
            shown.close()
    shown.wait_for_selector("#checked[data-levels]", timeout=300_000)
    each, drawn = shown.evaluate(DRAW)
    shown.close()
    assert asked == [file.as_uri()] * OPENINGS, asked
    apart = np.abs(np.array(drawn) - sampling.generate(generator, range(64)).astype(int).reshape(64, -1))
    _, (types, _) = page.read(text := file.read_text(encoding="utf-8"))
    cells = [f"`{name}`", len(generator.layers) - len(generator.inputs), f"{generator.count_params():,}",
             ", ".join(types), f"{len(text.encode()) / 1e6:.1f}", round(min(firsts)), round(each), apart.max(),
             round((apart > 0).mean() * 1e6)]
    return "| " + " | ".join(map(str, cells)) + " |\n"


def main(out: str) -> None:
    """Measures everything and writes it into the directory `out`."""
    machine.import_tensorflow()
    from kgan import models, presets

    names = enumerate([*(f"preset:{name}" for name in presets.names()),
                       *(name if name != "progan" else "progan/small" for name in models.names())])
    with tempfile.TemporaryDirectory() as temporary, sync_api.sync_playwright() as playwright:
        made = {name: exported(name, Path(temporary, str(number), name.removeprefix("preset:")))
                for number, name in names}
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ALONE)
        rows = [row(browser, name, *export) for name, export in made.items()]
        for name, width, scheme in (("desktop", 1280, "light"), ("phone", 390, "dark")):
            shown = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme,
                                     has_touch=name == "phone", is_mobile=name == "phone")
            shown.goto((made["preset:mnist"][0] / "index.html").as_uri())
            shown.get_by_label("Start: seed").fill("7")
            shown.get_by_label("Way from the start to the end").fill("0.4")
            shown.wait_for_selector("#checked[data-levels]", timeout=300_000)
            shown.screenshot(path=Path(out, f"web_{name}.png"))
        facts = {"chromium": browser.version, **machine.versions()}
    said, _, *rest = (__doc__ or "").split("\n\n")
    versions = ", ".join(map(" ".join, facts.items()))
    text = HEAD.format("\n\n".join([said, *rest]), out, datetime.date.today(), versions) + "".join(rows)
    Path(out, "web.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
