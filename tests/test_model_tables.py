"""The table in each model file's docstring against the networks, and what the docstring says beside it."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from docstring_tables import Table, network_rows, tables
from tables import MARKED, TOTALS

from kgan import models


def _docstring(model):
    return models._module(model).__doc__


def _shapes(model):
    return getattr(models._module(model), "SHAPES", (models.recipe(model).image_shape,))


PRINTED = {(model, table.recipe, table.part): table for model in models.names() for table in tables(_docstring(model))}
CASES = [(*key, shape) for key, table in PRINTED.items()
         for shape in table.shapes or (models.recipe(key[0], None, key[1]).image_shape,)]


def _network(model, named, part, shape):
    recipe = models.recipe(model, None, named).override(image_size=shape[0], channels=shape[2])
    if part == "generator":
        return models.build_generator(recipe)
    return models.build(recipe)[1]


def _written(shape):
    return "×".join(map(str, shape))


def _compare(table: Table, column: int, network):
    """Asserts that each row says what its layers are, in order: words, the last one's output, the sum of parameters."""
    inputs, layers = network.inputs, network_rows(network)
    rows = [row for row in table.rows if row.words[0] not in ("Total", "Trainable")]
    for row, tensor in zip(rows, inputs, strict=False):
        assert row.words[0].split()[0] == tensor.name
        if len(tensor.shape) > 1:
            assert (row.outputs[column], row.params[column]) == (_written(tensor.shape[1:]), 0)
    for row in rows[len(inputs):]:
        words, params = [], 0
        while len(words) < len(row.words):
            (names, output, count), *layers = layers
            words, params = [*words, *names], params + count
        if "LeakyReLU" in row.words:  # its slope may stand in the text
            words = [re.sub(r"^LeakyReLU .*", "LeakyReLU", word) for word in words]
        assert (tuple(words), _written(output), params) == (row.words, row.outputs[column], row.params[column])
    assert layers == []
    counts = {row.words[0]: row.params[column] for row in table.rows if not row.outputs}
    sizes = [sum(int(np.prod(weight.shape)) for weight in weights)
             for weights in (network.weights, network.trainable_weights)]
    assert [counts["Total"], counts.get("Trainable", counts["Total"])] == sizes


@pytest.mark.parametrize(("model", "named", "part", "shape"), CASES)
def test_table_is_the_network(model, named, part, shape):
    table = PRINTED[model, named, part]
    network = _network(model, named, part, shape)
    _compare(table, table.shapes.index(shape) if table.shapes else 0, network)
    assert (network.count_params(), sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)) == \
        TOTALS[model, named, part][shape]


def test_every_network_of_every_shape_has_a_table():
    expected = {(model, None, part, shape) for model in models.names() for shape in _shapes(model)
                for part in ("generator", "discriminator")[:2 if models.recipe(model).adversarial else 1]}
    conditional = {("dcgan_5x5", "two_convolutions", part, (28, 28, 1)) for part in ("generator", "discriminator")}
    assert set(CASES) == expected | conditional
    assert {(*key, shape) for key, shapes in TOTALS.items() for shape in shapes} == set(CASES)


@pytest.mark.parametrize(("printed", "wrong"), [
    ("633,472", "633,473"), ("7×7×128 ", "7×7×127 "), ("5×5/2, SELU", "3×3/2, SELU"), ("5×5/2, tanh", "5×5, tanh"),
    ("SELU", "ReLU"), ("840,705", "840,706"), ("840,321", "840,320"), ("\n    BatchNorm", "\n    Reshape  "),
    ("100 ", "128 "),
])
def test_a_wrong_cell_is_noticed(printed, wrong):
    plain, key = _docstring("dcgan").replace("*", ""), ("dcgan", None, "generator")
    network = _network(*key, (28, 28, 1))
    _compare(tables(plain)[0], 0, network)
    spoilt = plain.replace(printed, wrong, 1)
    assert spoilt != plain
    with pytest.raises((AssertionError, ValueError)):
        _compare(tables(spoilt)[0], 0, network)


def test_the_template_keeps_its_own_rules():
    path = Path(__file__).parents[1] / "docs" / "model_template.py"
    spec = importlib.util.spec_from_file_location("model_template", path)
    template = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(template)
    networks = template.build_generator(template.RECIPE), template.build_discriminator(template.RECIPE)
    for table, network in zip(tables(template.__doc__), networks, strict=True):
        _compare(table, 0, network)


def test_published_totals():
    """Zhao's and Alvarez' summaries, and the counts that others have published for the 64×64×3 DCGAN."""
    assert TOTALS["dcgan", None, "generator"][28, 28, 1] == (840_705, 840_321)
    assert TOTALS["dcgan", None, "discriminator"][28, 28, 1][0] == 212_865
    assert TOTALS["gan", None, "generator"][28, 28, 1][0] == 1_486_352
    assert TOTALS["gan", None, "discriminator"][28, 28, 1][0] == 1_460_225
    assert TOTALS["dcgan_alvarez", None, "generator"][28, 28, 1] == (2_330_944, 2_305_472)
    assert TOTALS["dcgan_alvarez", None, "discriminator"][28, 28, 1][0] == 212_865
    assert TOTALS["dcgan64", None, "generator"][64, 64, 3][1] == 3_576_704
    assert TOTALS["dcgan64", None, "discriminator"][64, 64, 3][1] == 2_765_568


def test_marks_are_on_what_the_papers_give():
    assert {key: " ".join(table.marked) for key, table in PRINTED.items()} == MARKED


@pytest.mark.parametrize("model", models.names())
def test_docstring_says_whose_cells_what_is_open_and_what_differs(model):
    paragraphs = _docstring(model).split("\n\n")
    starts = ["Source: ", "* in the ", "Run. `python -m kgan.train --model=", "Not in the paper. ",
              "Differs from the paper. "]
    found = [[number for number, text in enumerate(paragraphs) if text.startswith(start)] for start in starts]
    assert [len(numbers) for numbers in found] == [1] * len(starts)
    assert found == sorted(found)
    assert f"`python -m kgan.train --model={model}" in paragraphs[found[2][0]].replace("\n", " ")
    assert all(f"{name}`" in _docstring(model) for name in models.recipes(model))
