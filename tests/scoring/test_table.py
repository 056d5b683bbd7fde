import json
import math

import pytest

from kgan.scoring.table import METRICS, cell, json_safe, tables

BY_KEY = {metric.key: metric for metric in METRICS}


def test_every_metric_is_listed_once():
    assert len(BY_KEY) == len(METRICS) == len({metric.heading for metric in METRICS})


@pytest.mark.parametrize(("key", "value", "shown"), [
    ("fcd", 1.234, "1.23"), ("kid", 0.01234, "12.34"), ("modes", 10, "10"), ("modes", 9.0, "9"), ("modes", 9.5, "9.5"),
    ("copies", 0.0123, "1.23%"), ("background", None, "–"), ("memorisation", math.inf, "inf"),
])
def test_cells_have_their_metrics_form(key, value, shown):
    assert cell(BY_KEY[key], value) == shown


def test_tables_show_the_first_rows_metrics_in_two_blocks():
    wide, narrow = tables({"generated": {"fcd": 1.25, "contrast": 1.0}, "mean image": {
        "fcd": 113.0, "contrast": 0.5, "modes": 1}}).split("\n\n")
    assert [line.split() for line in wide.splitlines()] == [
        ["FCD"], ["generated", "1.25"], ["mean", "image", "113.00"]]
    assert [line.split() for line in narrow.splitlines()] == [
        ["contrast"], ["generated", "1.000"], ["mean", "image", "0.500"]]
    assert len({len(line) for line in wide.splitlines()}) == 1


def test_tables_show_agreement_where_the_first_row_has_it_and_a_dash_in_rows_that_lack_it():
    real = {"fcd": 0.25, "agreement": 0.9943}
    table = tables({"generated": {"fcd": 1.25, "agreement": 0.975}, "real": real, "noise": {"fcd": 99.0}})
    assert [line.split() for line in table.splitlines()] == [
        ["FCD", "agreement"], ["generated", "1.25", "97.50%"], ["real", "0.25", "99.43%"], ["noise", "99.00", "–"]]
    assert "agreement" not in tables({"generated": {"fcd": 1.25}, "real": real})


def test_tables_leave_out_a_block_without_metrics():
    assert "\n\n" not in tables({"generated": {"swd": 1.0}})


def test_json_safe_has_a_word_for_everything():
    value = {"a": [1, math.inf, {"b": math.nan}], "c": -math.inf, "d": "inf", "e": None, "f": 0.5}
    assert json_safe(value) == {"a": [1, None, {"b": None}], "c": None, "d": "inf", "e": None, "f": 0.5}
    json.dumps(json_safe(value), allow_nan=False)
