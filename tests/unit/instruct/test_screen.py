"""The best of several edits: by figures, by a judge, and why."""

from __future__ import annotations

import pytest
import torch

from vivid_core.errors import EngineError, InputError, MaskError
from vivid_core.instruct.screen import LARGEST, Asked, measure_candidate, screen_edits
from vivid_core.measure.encoder import ClipEncoder
from vivid_core.metrics.artifacts import burnt_share, roughness


def picture(seed: int = 0, height: int = 24, width: int = 32) -> torch.Tensor:
    """Soft colours between 0.3 and 0.7."""
    generator = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 3, 3, 4, generator=generator) * 0.4 + 0.3
    large = torch.nn.functional.interpolate(small, size=(height, width), mode="bilinear")
    return large[0].permute(1, 2, 0)


MASK = torch.zeros(24, 32)
MASK[6:18, 8:24] = 1


def inside(value: float) -> torch.Tensor:
    """The source with a flat colour in the mask."""
    source = picture()
    return torch.where(MASK[..., None] > 0, torch.full_like(source, value), source)


class Judge:
    digest = "judge"

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    def ask(self, picture, words: str) -> str:
        return self._answers.pop(0) if self._answers else "hm"


def test_a_clean_edit_wins_over_a_burnt_a_noisy_and_a_spilled_one():
    source, good = picture(), inside(0.8)
    noise = torch.rand(good.shape, generator=torch.Generator().manual_seed(1)) - 0.5
    edits = [
        torch.where(MASK[..., None] > 0, torch.ones_like(source), source),
        (good + 0.2 * noise).clamp(0.02, 0.98),
        good * 0.9,
        good,
        source.clone(),
    ]
    found = screen_edits(edits, Asked(source=source, mask=MASK))
    assert found.best == 4
    assert "4 of 5, by figures alone; nobody read the instruction" in found.report
    assert "5: " in found.report and "NOTHING CHANGED" in found.report.splitlines()[5]


def test_an_edit_that_changed_nothing_is_never_picked():
    source = picture()
    found = screen_edits([source.clone(), torch.rand(24, 32, 3)], Asked(source=source))
    assert found.best == 2


def test_the_judge_decides_where_there_is_one():
    source, edits = picture(), [inside(0.8), inside(0.2), picture(5)]
    asked = Asked(source=source, instruction="make it dark", mask=MASK)
    found = screen_edits(edits, asked, judge=Judge("?", "{'best_image': 2}"))
    assert (found.best, found.by) == (2, "chosen by the judge")
    assert len(found.figures) == 3
    with pytest.raises(EngineError, match="no usable choice in 3 answers"):
        screen_edits(edits, asked, judge=Judge())
    with pytest.raises(InputError, match="candidates: are 17, a judge compares 16"):
        screen_edits(edits[:1] * 17, asked, judge=Judge())


class Colors(ClipEncoder):
    """Pictures by their mean colour, words by the colour they name: what CLIP does, for colours."""

    def __init__(self) -> None:
        self.name = "colors"

    def images(self, pictures, check_cancelled=lambda: None) -> torch.Tensor:
        means = torch.stack([one.mean(dim=(0, 1)) for one in pictures])
        return torch.nn.functional.normalize(means, dim=-1)

    def text(self, caption: str) -> torch.Tensor:
        return torch.eye(3)[["red", "green", "blue"].index(caption)]


def test_clip_tells_whether_an_edit_went_the_way_of_the_words():
    source = picture() * torch.tensor([1.0, 0.3, 0.3])
    blue, green = (picture() * torch.tensor(t) for t in ([0.3, 0.3, 1.0], [0.3, 1.0, 0.3]))
    asked = Asked(source=source, source_caption="red", edit_caption="blue")
    right, wrong = (measure_candidate(one, asked, clip=Colors()) for one in (blue, green))
    assert right["CLIP direction"] > 0.9 > 0.6 > wrong["CLIP direction"]
    assert right["CLIP text"] > wrong["CLIP text"]
    assert screen_edits([green, blue], asked, clip=Colors()).best == 2


def test_edits_of_another_size_are_refused():
    asked = Asked(source=picture())
    with pytest.raises(InputError, match="candidates: are 30x24, the source is 32x24"):
        screen_edits([picture(width=30)], asked)
    with pytest.raises(InputError, match="candidates: there are none"):
        screen_edits([], asked)


def test_without_a_mask_everything_is_inside():
    source = picture()
    figures = measure_candidate(source + 0.1, Asked(source=source))
    assert figures["change inside"] == pytest.approx(25.5, abs=1e-3)
    assert "change outside" not in figures


def test_a_small_thing_that_changed_is_a_change():
    source = torch.full((256, 256, 3), 0.5)
    small, still = source.clone(), source.clone()
    small[100:120, 100:125] = 1.0
    found = screen_edits([still, small], Asked(source=source))
    assert found.best == 2 and found.report.count("NOTHING CHANGED") == 1
    assert found.figures[1][LARGEST] == pytest.approx(127.5)


def test_a_mask_of_nothing_is_refused():
    asked = Asked(source=picture(), mask=torch.zeros(24, 32))
    with pytest.raises(MaskError, match="mask: is empty on this frame"):
        screen_edits([inside(0.8), inside(0.2)], asked)


def test_only_new_burns_count():
    source = picture()
    source[:4] = 1.0
    edit = source.clone()
    edit[:8] = 1.0
    assert burnt_share(edit, source) == pytest.approx(4 / 24)
    assert burnt_share(source, edit) == 0


def test_roughness_is_the_same_way_up_and_down():
    source = torch.rand(24, 32, 3, generator=torch.Generator().manual_seed(2))
    half = (source - 0.5) / 2 + 0.5
    assert roughness(half, source) == pytest.approx(1, abs=1e-4)
    assert roughness(source, half) == pytest.approx(1, abs=1e-4)
    assert roughness(source, source) == 0
