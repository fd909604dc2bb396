"""Reports: targets from above and below, a table to read, JSON that parses."""

from __future__ import annotations

import json
import math

import pytest

from vivid_core.metrics.report import Figure, Report


@pytest.mark.parametrize(
    ("value", "target", "lower", "met"),
    [(2, 2, False, True), (1.9, 2, False, False), (2, 2, True, True), (2.1, 2, True, False)],
)
def test_a_target_is_met_from_its_side(value, target, lower, met):
    figure = Figure(name="x", value=value, target=target, lower_is_better=lower)
    assert figure.met is met
    assert Report(title="t", figures=(figure,)).met is met


def test_a_figure_without_a_target_is_for_information():
    assert Figure(name="x", value=1.0).met is None
    assert Report(title="t", figures=(Figure(name="x", value=1.0),)).met


def test_the_table_lines_up_and_names_misses():
    figures = (
        Figure(name="PSNR", unit="dB", value=25.5, target=24.0, references={"Telea": 21.1}),
        Figure(name="flicker", value=1.5, target=1.2, lower_is_better=True),
    )
    text = Report(title="Quality", figures=figures, notes=("how",)).as_text()
    lines = text.splitlines()
    assert lines[0] == "Quality" and lines[-1] == "how"
    table = lines[2:6]
    assert len({len(line) for line in table}) == 1
    assert "PSNR [dB]" in table[2] and ">= 24.00" in table[2] and "21.10" in table[2]
    assert "<= 1.20" in table[3] and "MISSED" in table[3]


def test_without_targets_the_table_has_no_verdicts():
    figures = (Figure(name="PSNR", value=25.5, references={"Telea": 21.1}),)
    text = Report(title="Quality", figures=figures).as_text()
    assert "target" not in text and "25.50" in text and "21.10" in text


def test_json_is_valid_even_for_an_infinite_figure():
    figure = Figure(name="PSNR", value=math.inf, references={"other": math.nan})
    content = json.loads(
        json.dumps(Report(title="t", figures=(figure,)).as_json(), allow_nan=False)
    )
    assert content["figures"][0]["value"] == "inf"
    assert content["figures"][0]["references"] == {"other": "nan"}
    assert content["met"] is True
