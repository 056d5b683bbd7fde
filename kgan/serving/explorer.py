"""The explorer's page: seeds, blends of two and of their classes, and sliders along what changes pictures most."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio
    import keras
    import numpy as np
    from PIL import Image

DIRECTIONS = 6
PROBED = 512  # seeds that the directions are found with
GRID = 16  # seeds shown beside the picture
REACH = 4.0  # of a slider, in standard deviations of z


def serve(blocks: "gradio.Blocks", port: int | None = None, browser: bool = False) -> tuple:
    """Serves the page to this machine alone; returns at once, as `gradio.Blocks.launch`: (app, its address, None)."""
    import gradio as gr

    fonts = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])  # none from the network
    return blocks.launch(server_name="127.0.0.1", server_port=port, share=False, inbrowser=browser, theme=fonts,
                         footer_links=[], quiet=True, prevent_thread_lock=True)


def axes(generator: "keras.Model") -> "np.ndarray":
    """Returns the directions in z that change pictures most, of class 0 where there are classes: (k, latent_dim)."""
    import numpy as np

    from kgan import latent, sampling

    probes = latent.from_seeds(range(PROBED), latent.dimension(generator)).numpy()
    labels = [np.zeros(PROBED, np.int32)] if sampling.classes(generator) else []
    return latent.directions(probes, sampling.draw_from(sampling.renderer(generator), probes, *labels), DIRECTIONS)


def painter(generator: "keras.Model") -> tuple[Callable[..., tuple["Image.Image", "Image.Image"]], int, int]:
    """Returns the function of the page's controls to its pictures, the blend of two seeds and a grid of seeds.

    With it come the number of directions that it takes, DIRECTIONS or as many as z has, and that of the generator's
    classes, 0 where it has none: else it takes the seeds' class and the other seed's before the directions.
    """
    import numpy as np

    from kgan import images, latent, sampling

    latent_dim, classes = latent.dimension(generator), sampling.classes(generator)
    inner, told = sampling.by_embedding(generator) if classes else (generator, lambda z, labels: z[:, :0])
    render = sampling.renderer(inner)

    def draw(z: "np.ndarray", of_classes: "np.ndarray") -> "np.ndarray":
        return sampling.draw_from(render, z, *([of_classes] if classes else []))

    def z_of(seeds: Sequence[int]) -> "np.ndarray":
        return latent.from_seeds(seeds, latent_dim).numpy()

    moves = axes(generator)

    def paint(seed: int | None, other: int | None, blend: float, first: int | None, *rest: float) -> tuple:
        labels, along = (rest[:2], rest[2:]) if classes else ((0, 0), rest)
        seed, other, first = (int(value or 0) for value in (seed, other, first))  # None: an emptied field
        shift = np.asarray(along) @ moves
        label, other_label = (int(number or 0) for number in labels)
        (start, end), around = (ends := z_of([seed, other])), z_of(range(first, first + GRID))
        own, others = told(ends, np.array([label, other_label]))
        z = np.stack([latent.slerp(start, end, blend), *around]) + shift
        of_grid = told(around, np.full(GRID, label))
        blended, *grid = draw(z, np.stack([latent.straight(own, others, blend), *of_grid]))
        return tuple(images.enlarged(images.grid(np.stack(shown), gap=gap), 512)
                     for shown, gap in (([blended], 0), (grid, 2)))

    return paint, len(moves), classes


def page(paint: Callable, directions: int, classes: int, title: str) -> "gradio.Blocks":
    """Returns the page: controls on the left, what `paint` makes of them on the right."""
    import gradio as gr

    def number(label: str, value: int) -> gr.Number:
        return gr.Number(value, label=label, precision=0, minimum=0, maximum=2**53 - 1)  # what a browser counts to

    def picture_box(caption: str) -> gr.Image:
        with gr.Column():
            gr.Markdown(caption)
            return gr.Image(type="pil", format="png", label=caption, show_label=False, interactive=False,
                            buttons=["download"])

    with gr.Blocks(title=f"kgan: {title}", analytics_enabled=False, delete_cache=(600, 600)) as blocks:
        with gr.Row():
            with gr.Column():
                with gr.Row():
                    seed, other = number("Seed", 0), number("Other seed", 1)
                blend = gr.Slider(0, 1, 0, step=0.01, label="Blend: from the seed to the other one")
                along = [gr.Slider(-REACH, REACH, 0, step=0.1, label=f"Direction {axis + 1}")
                         for axis in range(directions)]
                first = number("First seed of the grid", 0)
                labels = [gr.Slider(0, classes - 1, 0, step=1, label=label)
                          for label in ("Class", "Class of the other seed") if classes]
                centre = gr.Button("Set directions to 0")
            picture, grid = (picture_box(caption) for caption in ("The blend", f"{GRID} seeds, moved as far"))
        controls = [seed, other, blend, first, *labels, *along]
        gr.on([blocks.load, *(control.change for control in controls)], paint, controls, [picture, grid],
              show_progress="hidden", trigger_mode="always_last", api_name="paint")
        centre.click(lambda: dict.fromkeys(along, 0), None, along, api_name=False)
    return blocks
