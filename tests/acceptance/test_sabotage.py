"""The list of `sabotage.py` fits the code: what it would take out is there once, and the tests have their names."""

import pytest
from sabotage import ROOT, SABOTAGE


@pytest.mark.parametrize("row", SABOTAGE, ids=[row[0] for row in SABOTAGE])
def test_sabotage_names_a_safeguard_and_its_tests(row):
    _, file, text, instead, tests = row
    assert (ROOT / file).read_text(encoding="utf-8").count(text) == 1
    assert text != instead
    module, _, name = tests.partition("::")
    assert f"\ndef {name}" in (ROOT / "tests" / "acceptance" / module).read_text(encoding="utf-8")
