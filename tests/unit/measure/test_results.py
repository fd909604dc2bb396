"""Tables, JSON and the chart of a set: means with intervals, and reasons where there are none."""

from __future__ import annotations

import json
import math
import re

import pytest
import torch

from vivid_core.errors import InputError
from vivid_core.measure.chart import COLORS, draw_results
from vivid_core.measure.figures import KINDS
from vivid_core.measure.results import ALL, Result, Results

NO_CLIP = "needs a CLIP model"
PSNR = next(kind for kind in KINDS if kind.name == "PSNR")


def result(clip: int, task: str, method: str, **figures: float | str) -> Result:
    empty: dict[str, float | str] = {kind.name: NO_CLIP for kind in KINDS}
    return Result(
        case=f"{task}{clip}", group=str(clip), task=task, method=method, figures=empty | figures
    )


@pytest.fixture
def results() -> Results:
    """Eight clips by two methods: PSNR 20 to 27 and 10 to 17; BP 0; no CLIP."""
    return Results(
        results=tuple(
            result(clip, task, method, PSNR=base + clip, BP=0.0)
            for method, base in (("ours", 20.0), ("telea", 10.0))
            for clip, task in enumerate(["add"] * 4 + ["delete"] * 4)
        ),
        notes=("a note",),
    )


def test_tasks_and_all_of_them_have_means_of_their_clips(results):
    assert results.methods == ["ours", "telea"] and results.tasks == ["add", "delete", ALL]
    assert results.mean(PSNR, "ours", "add").mean == 21.5
    assert results.mean(PSNR, "telea", ALL).mean == 13.5
    assert results.mean(PSNR, "ours", ALL).count == 8
    assert results.mean(PSNR, "ours", "modify") == "there is no such edit"


def test_the_table_has_a_column_a_method_and_says_why_rows_are_empty(results):
    text = results.as_text()
    assert "16 edits of 8 clips; mean [95% interval]" in text
    assert len(re.findall(r"^PSNR \[dB\], higher is better +\d", text, re.MULTILINE)) == 3
    assert re.search(r"21\.50 \[\S+, \S+\] +11\.50 \[", text)
    assert "TC: not measured in 16 of 16: needs a CLIP model" in text
    assert text.endswith("a note")
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith(("PSNR [", "BP [", "SSIM,"))]
        assert len({len(row) for row in rows}) <= 1


def test_clips_have_a_line_each_and_columns_for_what_was_measured(results):
    lines = results.clips_text().splitlines()
    assert lines[0].split() == ["edit", "BP", "PSNR"]
    assert lines[2].split() == ["add0,", "ours", "0", "20.00"]
    assert len(lines) == 2 + 16


def test_json_holds_every_clip_and_no_number_for_what_is_missing(results):
    data = json.loads(json.dumps(results.as_json(), allow_nan=False))
    assert data["tasks"]["add"]["ours"]["PSNR"]["mean"] == 21.5
    assert data["tasks"]["add"]["ours"]["TC"] == {"not measured": NO_CLIP}
    assert len(data["clips"]) == 16
    assert data["clips"][0]["figures"]["PSNR"] == 20
    assert {figure["name"] for figure in data["figures"]} == {kind.name for kind in KINDS}


def test_an_edit_that_equals_the_truth_is_infinite_in_text_json_and_chart(results):
    perfect = (result(0, "add", "ours", PSNR=math.inf), result(1, "add", "ours", PSNR=math.inf))
    found = Results(results=perfect)
    assert "inf [inf, inf]" in found.as_text()
    json.dumps(found.as_json(), allow_nan=False)
    assert draw_results(found).shape[2] == 3


def test_one_edit_is_told_with_what_its_figures_mean():
    found = Results(results=(result(0, "add", "edit", PSNR=21.25),))
    lines = found.as_text().splitlines()
    (psnr,) = [line for line in lines if line.startswith("PSNR")]
    assert "21.25" in psnr and psnr.endswith(PSNR.about)
    (consistency,) = [line for line in lines if line.startswith("TC [")]
    assert "not measured" in consistency and consistency.endswith(NO_CLIP)
    narrow = found.as_lines().splitlines()
    assert "PSNR: 21.25 dB, higher is better" in narrow
    (missing,) = [line for line in narrow if line.startswith("not measured")]
    assert "TC; TC at 7.5 fps" in missing and missing.endswith(NO_CLIP)


def test_the_chart_shows_the_better_method_further_to_the_right(results):
    only = Results(results=tuple(r for r in results.results if r.task == "add"))
    image = draw_results(only)
    places = []
    for color in COLORS[:2]:
        near = (image * 255 - torch.tensor(color)).abs().amax(dim=-1) < 2
        near[:, 640:] = False  # the numbers beside the lines
        places.append(near.nonzero()[:, 1].float().mean())
    assert places[0] > places[1]


def test_one_value_alone_can_be_drawn():
    assert draw_results(Results(results=(result(0, "add", "edit", BP=0.0),))).max() <= 1


def test_nothing_measured_is_nothing_to_draw():
    with pytest.raises(InputError, match="no figure that could be drawn"):
        draw_results(Results(results=(result(0, "add", "edit"),)))
