"""Loss curves: the log is read as it was written, and the picture shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid_core.errors import InputError
from vivid_core.train.plot import Series, draw_curves, nice_values, read_log, trim_log


def test_later_records_of_a_step_replace_earlier_ones(tmp_path):
    log = tmp_path / "log.jsonl"
    records = [
        {"step": 20, "seconds": 1.0, "loss": 0.5, "image": 0.5},
        {"step": 40, "seconds": 2.0, "held_out_image": 0.4},
        {"step": 20, "seconds": 1.0, "loss": 0.3, "image": 0.3},
        {"step": 40, "seconds": 2.0, "held_out_image": 0.2},
    ]
    log.write_text("\n".join(json.dumps(record) for record in records))
    curves = {series.name: series for series in read_log(log)}
    assert set(curves) == {"loss", "image", "held out image"}
    assert curves["held out image"].points == ((40, 0.2),)
    assert curves["held out image"].marked
    assert curves["image"].points == ((20, pytest.approx(0.3)),)


def test_losses_that_are_none_are_left_out(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": NaN}\n')
    (series,) = read_log(log)
    assert series.points == ((1, 0.5),)
    trim_log(log, 2)
    assert len(log.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "content",
    ["no json", "[1, 2]", '{"loss": 1, "image": 2}', '{"step": Infinity, "loss": 1}', "[" * 9999],
)
def test_another_file_is_refused(tmp_path, content):
    log = tmp_path / "log.jsonl"
    log.write_text(content)
    with pytest.raises(InputError, match="no training log"):
        read_log(log)


def test_a_falling_loss_falls_in_the_picture():
    points = tuple((step, 2.0 * 0.99**step) for step in range(1, 301))
    picture = draw_curves("falling", [Series(name="loss", points=points)])
    blue = (picture - torch.tensor([31, 119, 180]) / 255).abs().amax(-1) < 0.1
    rows, columns = blue[:, 64:600].nonzero(as_tuple=True)
    left, right = rows[columns < 50].float().mean(), rows[columns > 450].float().mean()
    assert right > left + 200


def test_nothing_to_draw_is_said():
    with pytest.raises(InputError, match="nothing to draw"):
        draw_curves("empty", [Series(name="loss", points=((1, 0.0),))])


@given(st.floats(1e-6, 1e6), st.floats(2.6, 1e4))
def test_axis_values_lie_inside_and_are_round(low, ratio):
    values = nice_values(low, low * ratio)
    assert values
    assert all(low <= value <= low * ratio for value in values)
    assert {f"{value:e}"[0] for value in values} <= {"1", "2", "5"}


def test_what_a_killed_run_logged_too_much_is_dropped(tmp_path: Path):
    log = tmp_path / "log.jsonl"
    lines = [f'{{"step": {step}, "loss": 1.0}}' for step in (10, 20, 30)]
    log.write_text("\n".join([*lines, '{"step": 40, "lo']))
    trim_log(log, 20)
    assert [point for series in read_log(log) for point in series.points] == [(10, 1.0), (20, 1.0)]
    trim_log(tmp_path / "none.jsonl", 20)
