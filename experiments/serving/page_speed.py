"""Milliseconds that an exported web page takes for a picture, in Node and in headless Chromium: medians of 50.

    python experiments/serving/page_speed.py export/cifar10_page/1/index.html [OTHER.html …] --out=page_speed.json

Several pages, as of two builds, take turns: ratios of one run can be compared. Compares the pictures, too, with those
that each page holds. Node is left out where it is absent.
"""

import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from absl import app, flags

from kgan.runtime import files, machine

OUT = flags.DEFINE_string("out", None, "Where the numbers go.", required=True)
ROUNDS = flags.DEFINE_integer("rounds", 5, "Turns of each page.")
EACH = 10  # pictures of a turn; as many before them, that are not counted
DRAW = """(() => {
  const times = [];
  let levels = 0;
  for (let turn = 0; turn < 2 * EACH; turn++) {
    const seed = turn % 10, began = performance.now();
    const drawn = draw(network, noise(seed, network.latent_dim), network.classes ? seed % network.classes : 0);
    times.push(performance.now() - began);
    const golden = network.arrays[network.golden];
    drawn.forEach((value, i) => levels = Math.max(levels, Math.abs(value - golden[seed * drawn.length + i])));
  }
  return { times: times.slice(EACH), levels };
})()""".replace("EACH", str(EACH))
NODE = """
const text = require("fs").readFileSync(process.argv[1], "utf8");
const held = id => text.match(new RegExp(`<script type="[\\\\w/]+" id="${id}">([\\\\s\\\\S]*?)</script>`))[1];
const program = [...text.matchAll(/<script>([\\s\\S]*?)<\\/script>/g)].at(-1)[1];
const functions = program.slice(0, program.indexOf("// What the page shows"));
const made = new Function("description", "bytes", `${functions}
  const network = assemble(JSON.parse(description), fromBase64(bytes)); return DRAW;`);
console.log(JSON.stringify(made(held("description"), held("bytes"))));
""".replace("DRAW", DRAW)


def main(arguments: list[str]) -> None:
    """Draws by every page in turn."""
    pages = arguments[1:]
    if not pages:
        sys.exit("Give the index.html of one or more exported pages.")
    found = {page: {"node": [], "chromium": []} for page in pages}
    levels = dict.fromkeys(pages, 0)
    for _ in range(ROUNDS.value):
        for page in pages:
            for engine, draw in (("node", in_node), ("chromium", in_chromium)):
                if (made := draw(page)) is not None:
                    found[page][engine] += made["times"]
                    levels[page] = max(levels[page], made["levels"])
    results = [{"page": page, "grey_levels": levels[page], **{
        engine: {"median": round(statistics.median(times), 2), "worst": round(max(times), 2), "pictures": len(times)}
        for engine, times in found[page].items() if times}} for page in pages]
    files.write_json(Path(OUT.value), {"milliseconds": results, "versions": machine.versions(),
                                       "command": " ".join(["python", *sys.argv])})
    print(json.dumps(results, indent=1))


def in_node(page: str) -> dict | None:
    """Returns a turn's milliseconds, and how far the pictures are from the page's; None: there is no Node."""
    if (node := shutil.which("node")) is None:
        return None
    return json.loads(subprocess.run([node, "-e", NODE, page], capture_output=True, text=True, check=True).stdout)


def in_chromium(page: str) -> dict:
    """Returns the same of a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        shown = browser.new_page()
        shown.goto(Path(page).resolve().as_uri())
        shown.wait_for_selector("#checked[data-levels]", state="attached")  # all pictures of the page are drawn
        made = shown.evaluate(DRAW)
        browser.close()
    return made


if __name__ == "__main__":
    app.run(main)
