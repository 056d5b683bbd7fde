"""That the tables in docstrings are compared in earnest, and that what others have published stands in them."""

import importlib.util
from pathlib import Path

import pytest
from docstring_tables import table, tables
from tables import TOTALS

from kgan import models

pytest.register_assert_rewrite("model_checks")
from model_checks import compare, printed


def test_totals_are_of_tables_that_there_are():
    keys = [key for model in models.names() for key in printed(model)]
    assert {(*key, shape) for key, sizes in TOTALS.items() for shape in sizes} == set(keys)


@pytest.fixture(scope="module")
def generator():
    return models.build_generator(models.recipe("dcgan"))


@pytest.mark.parametrize(("right", "wrong"), [
    ("633,472", "633,473"), ("7×7×128 ", "7×7×127 "), ("5×5/2, SELU", "3×3/2, SELU"), ("5×5/2, tanh", "5×5, tanh"),
    ("SELU", "ReLU"), ("840,705", "840,706"), ("840,321", "840,320"), ("\n    BatchNorm", "\n    Reshape  "),
    ("100\n", "128\n"),
])
def test_a_wrong_cell_is_noticed(generator, right, wrong):
    text = models.layer_tables(models._module("dcgan"))[0].replace("*", "")
    compare(table(text), 0, generator)
    spoilt = text.replace(right, wrong, 1)
    assert spoilt != text
    with pytest.raises((AssertionError, ValueError)):
        compare(table(spoilt), 0, generator)


def test_the_template_keeps_its_own_rules():
    path = Path(__file__).parents[1] / "docs" / "model_template.py"
    spec = importlib.util.spec_from_file_location("model_template", path)
    template = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(template)
    networks = template.build_generator(template.RECIPE), template.build_discriminator(template.RECIPE)
    for printed_table, network in zip(tables(template), networks, strict=True):
        compare(printed_table, 0, network)


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
