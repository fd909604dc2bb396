"""Score edits of the held-out cases: PSNR, agreement, flicker, colour; beside simple methods."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean, median

import torch
from torch import Tensor

from ..edit.job import Material
from ..files.atomic import write_whole_file
from ..media import read_clip, save_image
from ..metrics.baselines import fill_mean_color, fill_telea
from ..metrics.color import color_error
from ..metrics.flicker import temporal_flicker
from ..metrics.gradient import gradient_energy
from ..metrics.psnr import psnr
from ..metrics.report import Figure, Report
from ..metrics.sheet import SheetRow, difference_panel, draw_sheet, mask_panel
from ..settings import Settings
from .cases import (
    CASES,
    FULLY_COVERED,
    Case,
    Sampling,
    bare_background,
    held_out_scene,
    without_keyframes,
)
from .scenes.recognise import recognise

Edit = Callable[[Material, Settings], Tensor]  # gives the edited frames
Method = Callable[[Case], Tensor]

DELETE_PSNR, ABOVE_TELEA = 24.0, 2.0  # dB
AGREEMENT = 90.0  # percent
FLICKER = 1.2  # times the reference's own
KEYFRAME_COLOR = 0.5  # of the error without the keyframe
ENERGY = "backgrounds: gradient energy"
CLIP_NAMES = ("horse", "kitten", "train_running", "hiker")
CLIP_ENERGY_SHARE = 0.5  # of the median of the real clips
SHEET_SCENES, SHEET_ENLARGE = 4, 3
SHEET_COLUMNS = ("source", "mask", "edit", "truth", "difference x4")
NOTES = (
    "PSNR: inside the hole, over all frames of a scene, then the mean over scenes.",
    "Agreement: a rule-based recogniser sees the caption's colour and shape. Masks: expand, hull,",
    "box in turn. Flicker: mean difference of consecutive frames inside the hole, summed over",
    "scenes, as a multiple of the known truth's own there (modify: one thing of that colour and",
    "shape moving like the old one); beside the source's: of what the hole held before. Along the",
    "motion: every pixel compared with where the truth's exact flow takes it.",
    "Keyframe: error of the object's mean colour in the last frame; the caption names no colour.",
)


@dataclass(frozen=True, kw_only=True)
class Score:
    """What one edit reached; which fields hold something depends on the case."""

    case: str
    scene: int
    psnr: float = 0.0
    color_right: bool = False
    shape_right: bool = False
    flicker: float = 0.0
    truth_flicker: float = 0.0
    source_flicker: float = 0.0
    flow_flicker: float = 0.0
    truth_flow_flicker: float = 0.0
    color_error: float = 0.0  # 0..255
    color_delta: float = 0.0  # CIE delta E


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One line of the contact sheet."""

    case: Case
    edit: Tensor


@dataclass(kw_only=True)
class Measured:
    """One method's scores on every scene, and its pictures of the first few."""

    scores: list[Score] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    def of(self, case: str) -> list[Score]:
        return [score for score in self.scores if score.case == case]


def measure(
    methods: dict[str, Method],
    scenes: Sequence[int],
    sampling: Sampling,
    progress: Callable[[str], object] = str,
) -> dict[str, Measured]:
    """Edit every case of these held-out scenes with each method."""
    measured = {name: Measured() for name in methods}
    for done, scene in enumerate(scenes, start=1):
        for draw in CASES.values():
            for case in _with_and_without_keyframe(draw(scene, sampling)):
                for name, method in methods.items():
                    frames = method(case)
                    measured[name].scores.append(score_edit(case, frames, scene))
                    if done <= SHEET_SCENES:
                        measured[name].pictures.append(Picture(case=case, edit=frames))
        progress(f"scene {done} of {len(scenes)}")
    return measured


def _with_and_without_keyframe(case: Case) -> list[Case]:
    return [case, without_keyframes(case)] if case.material.keyframes else [case]


def score_edit(case: Case, frames: Tensor, scene: int) -> Score:
    """Measure what the case is about."""
    score = Score(case=case.name, scene=scene)
    if case.name == "delete":
        score = replace(score, psnr=psnr(frames, case.truth, case.hole))
        return _with_flicker(score, case, frames)
    if case.name in ("add", "modify"):
        seen = recognise(frames.numpy(), case.hole.numpy())
        color, shape = case.expected.split()
        score = replace(score, color_right=seen.color == color, shape_right=seen.shape == shape)
        return _with_flicker(score, case, frames)
    error = color_error(frames[-1:], case.truth[-1:], (case.thing[-1:] > FULLY_COVERED).float())
    return replace(score, color_error=error.rgb, color_delta=error.lab)


def _with_flicker(score: Score, case: Case, frames: Tensor) -> Score:
    return replace(
        score,
        flicker=temporal_flicker(frames, case.hole),
        truth_flicker=temporal_flicker(case.truth, case.hole),
        source_flicker=temporal_flicker(case.material.clip.frames, case.hole),
        flow_flicker=temporal_flicker(frames, case.hole, case.flow),
        truth_flow_flicker=temporal_flicker(case.truth, case.hole, case.flow),
    )


def summarise(measured: dict[str, Measured]) -> list[Figure]:
    """Every figure of ours, with the other methods' beside it."""
    ours, others = measured["ours"], {k: v for k, v in measured.items() if k != "ours"}

    def figure(name: str, value: Callable[[Measured], float], unit: str, **target) -> Figure:
        references = {other: value(scores) for other, scores in others.items()}
        return Figure(name=name, unit=unit, value=value(ours), references=references, **target)

    telea = _delete_psnr(measured["Telea"])
    figures = [
        figure("delete: PSNR in the hole", _delete_psnr, "dB", target=DELETE_PSNR),
        figure("delete: above Telea", lambda m: _delete_psnr(m) - telea, "dB", target=ABOVE_TELEA),
    ]
    for task in ("add", "modify"):
        figures += [
            figure(f"{task}: agreement", _agreement(task), "%", target=AGREEMENT),
            figure(f"{task}: colour alone", _agreement(task, "color_right"), "%"),
            figure(f"{task}: shape alone", _agreement(task, "shape_right"), "%"),
        ]
    below = {"lower_is_better": True}
    for task in ("delete", "add", "modify"):
        figures.append(figure(f"{task}: flicker", _flicker_of(task), "x", target=FLICKER, **below))
    return [
        *figures,
        figure("add: flicker beside the source's", _flicker_of("add", "source"), "x", **below),
        figure(
            "modify: flicker beside the source's", _flicker_of("modify", "source"), "x", **below
        ),
        figure("delete: flicker along the motion", _flicker_of("delete", "flow"), "x", **below),
        figure("keyframe: colour error", _color("keyframe"), "0..255", **below),
        figure(
            "keyframe: colour error",
            _color("keyframe", lambda score: score.color_delta),
            "delta E",
            **below,
        ),
        figure("no keyframe: colour error", _color("no keyframe"), "0..255", **below),
        figure("keyframe: share of the error", _color_share, "x", target=KEYFRAME_COLOR, **below),
    ]


def _delete_psnr(measured: Measured) -> float:
    return fmean(score.psnr for score in measured.of("delete"))


def _agreement(task: str, what: str | None = None) -> Callable[[Measured], float]:
    def share(measured: Measured) -> float:
        scores = measured.of(task)
        right = [getattr(s, what) if what else s.color_right and s.shape_right for s in scores]
        return 100 * fmean(right)

    return share


FLICKERS: dict[str, Callable[[Score], tuple[float, float]]] = {
    "truth": lambda score: (score.flicker, score.truth_flicker),
    "source": lambda score: (score.flicker, score.source_flicker),
    "flow": lambda score: (score.flow_flicker, score.truth_flow_flicker),
}


def _flicker_of(task: str, beside: str = "truth") -> Callable[[Measured], float]:

    def ratio(measured: Measured) -> float:
        pairs = [FLICKERS[beside](score) for score in measured.of(task)]
        return sum(value for value, _ in pairs) / sum(own for _, own in pairs)

    return ratio


def _color(
    case: str, what: Callable[[Score], float] = lambda score: score.color_error
) -> Callable[[Measured], float]:
    return lambda measured: fmean(what(score) for score in measured.of(case))


def _color_share(measured: Measured) -> float:
    return _color("keyframe")(measured) / max(_color("no keyframe")(measured), 1e-6)


def background_energy(scenes: int, clips: Path) -> tuple[Figure, str]:
    """Whether the scenes' backgrounds have structure enough to be a task, and the clips' own."""
    energy = fmean(gradient_energy(bare_background(held_out_scene(i))) for i in range(scenes))
    paths = [clips / f"{name}.mp4" for name in CLIP_NAMES]
    if not all(path.is_file() for path in paths):
        return Figure(name=ENERGY, value=energy), f"Real clips: not all found in {clips}."
    known = {path.stem: gradient_energy(read_clip(path).frames) for path in paths}
    listed = ", ".join(f"{name} {value:.4f}" for name, value in known.items())
    target = CLIP_ENERGY_SHARE * median(known.values())
    return Figure(name=ENERGY, value=energy, target=target), f"Real clips at 64x64: {listed}."


def draw_pictures(pictures: Sequence[Picture]) -> Tensor:
    """The contact sheet: the middle frame of every case, the last of those about keyframes."""
    rows = []
    for picture in pictures:
        case, at = picture.case, len(picture.edit) // 2
        if "keyframe" in case.name:
            at = len(picture.edit) - 1
        source, mask = case.material.clip.frames[at], mask_panel(case.hole[at])
        edit, truth = picture.edit[at], case.truth[at]
        panels = (source, mask, edit, truth, difference_panel(edit, truth))
        label = f"{case.name}, frame {at}: {case.settings.caption or case.settings.task}"
        rows.append(SheetRow(label=label, panels=panels))
    return draw_sheet(SHEET_COLUMNS, rows, enlarge=SHEET_ENLARGE)


def methods_beside(edit: Edit) -> dict[str, Method]:
    """The method under test first; "perfect" shows what each figure is for the known truth."""
    return {
        "ours": lambda case: edit(case.material, case.settings),
        "Telea": lambda case: fill_telea(case.material.clip.frames, case.hole),
        "mean fill": lambda case: fill_mean_color(case.material.clip.frames, case.hole),
        "perfect": perfect_edit,
    }


def perfect_edit(case: Case) -> Tensor:
    inside = case.hole[..., None] > 0.5
    return torch.where(inside, case.truth, case.material.clip.frames)


def write_results(report: Report, ours: Measured, folder: Path) -> None:
    """quality.json with every score, and quality.png with pictures of the first scenes."""
    folder.mkdir(parents=True, exist_ok=True)
    content = report.as_json() | {"scores": [asdict(score) for score in ours.scores]}
    write_whole_file(folder / "quality.json", json.dumps(content, indent=1).encode())
    save_image(folder / "quality.png", draw_pictures(ours.pictures))
