"""`vivid demo`: a fox taken out of a meadow, then vivid-tiny's edits, with pictures and figures."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from ..cogvideox.model import CogVideoX
from ..edit.clip import edit_clip
from ..edit.composite import measure_change
from ..edit.report import EditResult, report_data
from ..errors import InputError
from ..files.atomic import require_folder_target, write_errors, write_whole_file
from ..mask.overlay import overlay_mask
from ..media import read_clip, save_image, write_clip
from ..metrics.report import Report
from ..metrics.sheet import SheetRow, difference_panel, draw_sheet, mask_panel
from ..settings import Settings
from ..tiny import load_tiny
from ..tiny.cases import CASES, Case, Sampling
from ..tiny.quality import measure, methods_beside, summarise
from .first import beside, remove_fox
from .shared import named

FPS = Fraction(8)
ENLARGE = 4  # whole pixels, so that a 64-pixel clip can be seen
TINY = "a demo model for coloured shapes at 64x64, not for footage"
COLUMNS = ("source", "mask", "edit", "difference x4")


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("demo", help="edit a few generated clips and show the results")
    parser.add_argument("--out", type=Path, default=Path("demo"))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--scenes", type=int, default=3, help="for the figures, besides the videos")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Edit, write videos, contact sheet and report.json, and say where they are."""
    started, out = time.monotonic(), arguments.out
    Settings(task="delete", steps=arguments.steps, guidance=arguments.guidance)  # or refuses
    if arguments.scenes < 1:
        raise InputError("--scenes", f"must be 1 or more, got {arguments.scenes}")
    with named("--out"), write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    with named("--out"):
        require_folder_target(out)
    fox = remove_fox(out)
    print(f"\nvivid-tiny, {TINY}: add, modify, delete, keyframe", flush=True)
    bundle = load_tiny()
    sampling = Sampling(steps=arguments.steps, guidance=arguments.guidance)
    edits = {name: _run_case(bundle, name, sampling, out) for name in CASES}
    rows = [row for case, result, _ in edits.values() for row in _sheet_rows(case, result)]
    save_image(out / "contact_sheet.png", draw_sheet(COLUMNS, rows, enlarge=ENLARGE))
    report = _figures(bundle, arguments.scenes, sampling)
    seconds = round(time.monotonic() - started, 1)
    data = {
        "meadow": fox,
        "edits": {name: facts for name, (_, _, facts) in edits.items()},
        "seconds": seconds,
    } | report.as_json()
    write_whole_file(out / "report.json", json.dumps(data, indent=2).encode())
    print(report.as_text())
    print(f"\nmade in {seconds:.0f} s, in {out.resolve()}:")
    print("  meadow.mp4          source | tracked mask | filled, with sound; meadow.jpg shows it")
    print("  meadow_source.mp4   the clip itself, to try the other commands on")
    for name in edits:
        print(f"  {name + '.mp4':<18}  source | mask | edit, enlarged {ENLARGE}x")
    print("  contact_sheet.png   source, mask, edit and difference of every task")
    print("  report.json         every figure above")


def _run_case(
    bundle: CogVideoX, name: str, sampling: Sampling, out: Path
) -> tuple[Case, EditResult, dict]:
    """One task on the first held-out scene: its videos, and facts measured on the written file."""
    case = CASES[name](0, sampling)
    result = edit_clip(bundle, case.material, case.settings)
    write_clip(out / f"{name}.mp4", _side_by_side(case, result), fps=FPS)
    lossless = out / f"{name}.mkv"
    write_clip(lossless, result.frames, fps=FPS)
    source = (case.material.clip.frames * 255).round() / 255
    change = measure_change(source, read_clip(lossless).frames, result.effective_mask)
    facts = report_data(result.report) | {
        "caption": bundle.caption_for(case.settings.caption, case.settings),
        "written_max_difference_outside": change.outside,
    }
    return case, result, facts


def _figures(bundle: CogVideoX, scenes: int, sampling: Sampling) -> Report:
    """The quality figures on the next held-out scenes, beside simpler methods."""
    methods = methods_beside(lambda *asked: edit_clip(bundle, *asked).frames)
    figures = summarise(measure(methods, range(1, scenes + 1), sampling))
    return Report(
        title=f"on {scenes} scenes that it was not trained on (its card has 64, and targets)",
        figures=tuple(replace(figure, target=None) for figure in figures),
    )


def _side_by_side(case: Case, result: EditResult) -> Tensor:
    """Source, source with the mask over it, and edit: enlarged, [T, H, W, 3]."""
    source = case.material.clip.frames
    panels = (source, overlay_mask(source, result.effective_mask), result.frames)
    return beside(*(p.repeat_interleave(ENLARGE, 1).repeat_interleave(ENLARGE, 2) for p in panels))


def _sheet_rows(case: Case, result: EditResult) -> list[SheetRow]:
    """First and last frame of an edit."""
    source, frames, mask = case.material.clip.frames, result.frames, result.effective_mask
    return [
        SheetRow(
            label=f"{case.name}, frame {at}: {case.settings.caption or case.settings.task}",
            panels=(
                source[at],
                mask_panel(mask[at]),
                frames[at],
                difference_panel(frames[at], source[at]),
            ),
        )
        for at in (0, len(source) - 1)
    ]
