"""The public ProGAN module, `progan-128`, and others of the same two codes, as weights of kgan's progan.

What the public module's variables are called, and what its code does with them, is not documented. So nothing is
believed: kgan's networks must draw, with the weights, what the module's own signature draws of the same z.

Two public codes name and order a generator's variables in their own ways. These are kgan's layers in both:

    kgan            TF-GAN                            NVIDIA
    4x4_dense       progressive_gan_block_1/conv0     4x4/Dense
    4x4_conv        progressive_gan_block_1/conv1     4x4/Conv
    8x8_conv_1      progressive_gan_block_2/conv0     8x8/Conv0_up, or 8x8/Conv0
    8x8_conv_2      progressive_gan_block_2/conv1     8x8/Conv1
    16x16_to_rgb    progressive_gan_block_3/to_rgb    ToRGB_lod0

Both keep weights of N(0, 1) and scale them where they are used, as kgan's layers do and by the same factors. So values
stay as they are, and only the order of a kernel's axes and pixels differs.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kgan import models
from kgan.runs.imports import saved_model
from kgan.runtime.errors import UserError

VARIABLE = re.compile(r"(?P<prefix>(?:.*/)?)(?P<layer>progressive_gan_block_\d{1,2}/\w+|\d{1,4}x\d{1,4}/\w+|"
                      r"ToRGB_lod\d{1,2})/(?:.+/)?(?P<part>kernel|weight|bias)(?P<average>/ExponentialMovingAverage)?")
Turn = Callable[[np.ndarray], np.ndarray]

# What a kernel may be, the likelier first, and how it becomes kgan's: (latent_dim, 4, 4, channels) and (3, 3, in, out).
VALID_CONVOLUTION: dict[str, Turn] = {  # (4, 4, latent_dim, channels), of z in the middle of zeros
    "the first kernel is turned by 180°, as a convolution of a padded z needs":
        lambda kernel: kernel[::-1, ::-1].transpose(2, 0, 1, 3),
    "the first kernel is not turned": lambda kernel: kernel.transpose(2, 0, 1, 3)}
DENSE: dict[str, Turn] = {  # (latent_dim, 16 · channels)
    "the first dense layer's outputs are channels first":
        lambda kernel: kernel.reshape(len(kernel), -1, 4, 4).transpose(0, 2, 3, 1),
    "the first dense layer's outputs are channels last": lambda kernel: kernel.reshape(len(kernel), 4, 4, -1)}
FUSED: dict[str, Turn] = {  # (3, 3, out, in), of a transposed convolution
    "kernels of fused up-convolutions are turned by 180°, as transposed convolutions need":
        lambda kernel: kernel[::-1, ::-1].transpose(0, 1, 3, 2),
    "kernels of fused up-convolutions are not turned": lambda kernel: kernel.transpose(0, 1, 3, 2)}
SIGNED = 0.05  # share of values below -0.1 from which images are in [-1, 1], else in [0, 1]

# What a module's images can be of its networks' outputs x; the factor and the shift that make kgan's images of x.
OUTPUTS = {"images are the networks' outputs, in [0, 1]": (2.0, -1.0),
           "images are (x + 1) / 2 of the networks' outputs x": (1.0, 0.0)}
SIGNED_OUTPUTS = {"images are the networks' outputs, in [-1, 1]": (1.0, 0.0)}


class Reading(NamedTuple):
    """One way to read a generator's kernels."""

    first: Turn
    fused: Turn
    assumptions: list[str]


class Generator(NamedTuple):
    """What a checkpoint holds of a generator: the variables of one scheme under one prefix."""

    scheme: str  # "TF-GAN" or "NVIDIA"
    prefix: str
    averages: bool  # these are the moving averages
    names: dict[str, str]  # names in the checkpoint, keyed by layer and part, as "4x4/Dense/kernel"
    shapes: dict[str, tuple[int, ...]]  # keyed likewise

    @property
    def image_size(self) -> int:
        """Height and width of the largest resolution that has a variable."""
        if self.scheme == "TF-GAN":
            return 2 ** (1 + max(int(re.findall(r"\d+", name)[0]) for name in self.shapes))
        return max([4, *(int(name.split("x")[0]) for name in self.shapes if not name.startswith("ToRGB"))])

    @property
    def recipe(self) -> dict[str, Any]:
        """The fields of a recipe that the shapes tell; of what is missing, the public module's."""
        layers = self.layers()
        shape = {ours: self.shapes.get(f"{theirs}/kernel", ()) for ours, theirs in layers.items()}
        biases = {ours: self.shapes.get(f"{theirs}/bias", ()) for ours, theirs in layers.items()}
        size = self.image_size
        channels = biases.pop(f"{size}x{size}_to_rgb")
        latent = shape["4x4_dense"][2:3] if self.scheme == "TF-GAN" else shape["4x4_dense"][:1]
        return {"image_size": size, "channels": channels[0] if channels else 3,
                "latent_dim": latent[0] if latent else 512,
                "max_channels": max((bias[0] for bias in biases.values() if bias), default=512), "grow_images": 0}

    def layers(self) -> dict[str, str]:
        """Returns the scheme's name of each layer of a grown generator, by kgan's."""
        names: dict[str, str] = {}
        size, number = 4, 1
        while size <= self.image_size:
            first, second = ("dense", "conv") if size == 4 else ("conv_1", "conv_2")
            if self.scheme == "TF-GAN":
                theirs = f"progressive_gan_block_{number}/conv0", f"progressive_gan_block_{number}/conv1"
            elif size == 4:
                theirs = "4x4/Dense", "4x4/Conv"
            else:
                plain = f"{size}x{size}/Conv0/kernel" in self.names
                theirs = f"{size}x{size}/Conv0{'' if plain else '_up'}", f"{size}x{size}/Conv1"
            names |= {f"{size}x{size}_{first}": theirs[0], f"{size}x{size}_{second}": theirs[1]}
            size, number = 2 * size, number + 1
        rgb = f"progressive_gan_block_{number - 1}/to_rgb" if self.scheme == "TF-GAN" else "ToRGB_lod0"
        return names | {f"{size // 2}x{size // 2}_to_rgb": rgb}

    def misfit(self, wanted: Mapping[str, tuple[int, ...]]) -> str | None:
        """Returns, in words, what does not fit kgan's generator, whose variables' shapes are `wanted`; None: all fits.

        Layers to RGB of smaller resolutions, which trained while the networks grew, are left over in every module.
        """
        expected = {}
        for ours, theirs in self.layers().items():
            expected[f"{theirs}/bias"] = wanted[f"{ours}/bias"]
            expected[f"{theirs}/kernel"] = self._shape_of(theirs, wanted[f"{ours}/kernel"])
        missing = [name for name in expected if name not in self.shapes]
        over = [name for name in self.shapes if name not in expected and not re.search("/to_rgb/|^ToRGB_", name)]
        other = [f"{name} {self.shapes[name]} not {shape}" for name, shape in expected.items()
                 if self.shapes.get(name, shape) != shape]
        kinds = (("missing", missing), ("left over", over), ("of another shape", other))
        return "; ".join(f"{kind}: {saved_model.listed(names)}" for kind, names in kinds if names) or None

    def readings(self) -> list[Reading]:
        """Returns the ways in which the kernels can be read, the likeliest first."""
        first = VALID_CONVOLUTION if self.scheme == "TF-GAN" else DENSE
        fused = FUSED if any(name.endswith("_up") for name in self.layers().values()) else {"": lambda kernel: kernel}
        return [Reading(first[first_text], fused[fused_text], [text for text in (first_text, fused_text) if text])
                for fused_text in fused for first_text in first]

    def weights(self, read: Callable[[str], np.ndarray], reading: Reading) -> dict[str, np.ndarray]:
        """Returns kgan's variables by layer and name, as "4x4_dense/kernel"; `read` gives a checkpoint's by name."""
        weights: dict[str, np.ndarray] = {}
        for ours, theirs in self.layers().items():
            kernel = read(self.names[f"{theirs}/kernel"])
            if ours == "4x4_dense":
                kernel = reading.first(kernel)
            elif theirs.endswith("_up"):
                kernel = reading.fused(kernel)
            weights |= {f"{ours}/kernel": kernel, f"{ours}/bias": read(self.names[f"{theirs}/bias"])}
        return weights

    @staticmethod
    def _shape_of(theirs: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the shape that the scheme's kernel has where kgan's has `shape`."""
        if theirs == "4x4/Dense":
            return (shape[0], 16 * shape[3])
        if theirs == "progressive_gan_block_1/conv0":
            return (4, 4, shape[0], shape[3])
        return (*shape[:2], shape[3], shape[2]) if theirs.endswith("_up") else shape


def find(shapes: Mapping[str, tuple[int, ...]]) -> list[Generator]:
    """Returns the generators among a checkpoint's variables, moving averages first. A discriminator is none."""
    groups: dict[tuple[str, str, bool], Generator] = {}
    for name, shape in sorted(shapes.items()):
        if not (match := VARIABLE.fullmatch(name)):
            continue
        scheme = "TF-GAN" if match["layer"].startswith("progressive") else "NVIDIA"
        origin = (scheme, match["prefix"], match["average"] is not None)
        generator = groups.setdefault(origin, Generator(*origin, {}, {}))
        key = f"{match['layer']}/{match['part'].replace('weight', 'kernel')}"
        generator.names[key], generator.shapes[key] = name, tuple(shape)
    drawing = [group for group in groups.values() if any(re.search("/to_rgb/|^ToRGB_", name) for name in group.names)]
    return sorted(drawing, key=lambda generator: not generator.averages)


class Candidate(NamedTuple):
    """A module's generator, read in one way."""

    imported: saved_model.Imported
    difference: float  # largest, of what kgan's networks draw with it and what the module draws, in [0, 1]
    reason: str  # what would explain the difference, to be appended to a sentence; "": nothing would


def read(place: Path, variable: Callable[[str], np.ndarray], generators: list[Generator]) -> saved_model.Imported:
    """Returns the first reading with which kgan's progan draws what the module's signature `default` draws.

    Args:
        place: the SavedModel's directory.
        variable: gives a variable by name.
        generators: those among the variables, the likeliest first.

    Raises:
        UserError: none fits, or none draws what the module draws.
    """
    networks = [models.build_generator(models.recipe("progan").override(**generator.recipe, steps=1))
                for generator in generators]
    misfits = [generator.misfit({name: tuple(ours.shape) for name, ours in saved_model.by_name(network).items()})
               for generator, network in zip(generators, networks, strict=True)]
    if None not in misfits:
        raise UserError(f"{str(place)!r} doesn't fit kgan's progan; {misfits[0]}.")
    program = saved_model.load(place)
    if "default" not in program.signatures:
        raise UserError(f"{str(place)!r} has no signature default, so what its weights draw can't be checked.")
    fitting = [pair for *pair, misfit in zip(generators, networks, misfits, strict=True) if misfit is None]
    candidates = _candidates(place, variable, fitting, program.signatures["default"])
    # One that agrees; else one whose difference can be explained; else the nearest.
    best = min(candidates, key=lambda candidate: (candidate.difference > saved_model.LARGEST, not candidate.reason,
                                                  candidate.difference))
    if best.difference > saved_model.LARGEST:
        raise UserError(f"{str(place)!r} draws other images than kgan's progan with its weights: they differ by "
                        f"{best.difference:.2g} in [0, 1], where {saved_model.LARGEST} is allowed{best.reason}.")
    return best.imported


def _candidates(place: Path, variable: Callable[[str], np.ndarray], fitting: Sequence[Sequence[Any]],
                signature: Any) -> Iterator[Candidate]:
    """Yields the readings, the likeliest first, up to one that agrees. `fitting`: generators, each with a network."""
    for generator, network in fitting:
        z = saved_model.some_z(generator.recipe["latent_dim"])
        theirs, outputs = _in_our_range(saved_model.call(place, signature, [z]))
        if theirs.shape[1:] != network.output_shape[1:]:
            raise UserError(f"{str(place)!r} has variables for images of {network.output_shape[1:]}, and draws "
                            f"{theirs.shape[1:]}.")
        draw, variables = saved_model.drawing(network, as_is=True), saved_model.by_name(network)
        kernel, bias = (f"{generator.image_size}x{generator.image_size}_to_rgb/{part}" for part in ("kernel", "bias"))
        for reading in generator.readings():
            weights = generator.weights(variable, reading)
            saved_model.assign(variables, weights)
            x = draw(z)
            for assumption, (factor, shift) in outputs.items():
                folded = weights | {kernel: factor * weights[kernel], bias: factor * weights[bias] + shift}
                ours = factor * x + shift
                difference = float(np.nan_to_num(saved_model.difference(ours, theirs), nan=np.inf))
                facts = {"scheme": generator.scheme, "scope": generator.prefix, "moving_averages": generator.averages,
                         "largest_difference": difference,
                         "assumptions": [*reading.assumptions, assumption, *_seen(theirs)]}
                imported = saved_model.Imported("progan", generator.recipe, folded, facts, [z], theirs)
                agrees = difference <= saved_model.LARGEST
                yield Candidate(imported, difference, "" if agrees else _likely_reason(ours, theirs))
                if agrees:
                    return


def _in_our_range(images: np.ndarray) -> tuple[np.ndarray, dict[str, tuple[float, float]]]:
    """Returns a module's images in [-1, 1] and beyond, and what they can be of its networks' outputs."""
    signed = np.mean(images[-saved_model.EACH:] < -0.1) > SIGNED  # those of z's that need no normalisation
    return (images, SIGNED_OUTPUTS) if signed else (2.0 * images - 1.0, OUTPUTS)


def _seen(theirs: np.ndarray) -> list[str]:
    """Returns what agreement on these images says besides."""
    clipped = ["images are clipped"] if saved_model.bounds(theirs) != (-np.inf, np.inf) else []
    return ["z is normalised to a mean square of 1", *clipped]


def _likely_reason(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Returns what would explain a difference, to be appended to the sentence; "" where nothing would."""
    normalised = slice(-saved_model.EACH, None)  # see `saved_model.some_z`
    if saved_model.difference(ours[normalised], theirs[normalised]) <= saved_model.LARGEST:
        return "; they agree where z has a mean square of 1, so the module does not normalise z, as kgan does"
    if saved_model.difference(np.tanh(ours), theirs) <= saved_model.LARGEST:
        return "; they agree after tanh, with which the module ends, and kgan's progan does not"
    if saved_model.difference(theirs, theirs):
        return "; more than half of its values are at a bound, so that little can be told"
    return ""
