"""Measure vivid-tiny on the 48-case evaluation set, beside Telea inpainting and the truth.

    python benchmarks/evaluation_set.py [--scenes 16] [--steps 20] [--clip-model FOLDER] [--out DIR]

Writes the set, a folder of edits for each method, figures.json and figures.png into DIR, a new
folder, and prints the tables. `vivid measure --study` makes a blind study of the same folders. The
model's raw output is measured: no mask growth, feathering or copied background.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from vivid_core.edit.clip import edit_clip
from vivid_core.edit.job import Material
from vivid_core.flow.dis import DisFlow
from vivid_core.measure.chart import draw_results
from vivid_core.measure.edited import Edited
from vivid_core.measure.encoder import load_clip_model
from vivid_core.measure.figures import Instruments
from vivid_core.measure.manifest import EvaluationCase, read_manifest
from vivid_core.measure.perceptual import load_perceptual
from vivid_core.measure.results import Results, instrument_notes
from vivid_core.measure.set import measure_set, name_methods, read_edited
from vivid_core.media import save_image, write_clip
from vivid_core.metrics.baselines import fill_telea
from vivid_core.settings import DEFAULT_GUIDANCE, Settings
from vivid_core.tiny.evaluation import SCENES, write_evaluation_set
from vivid_core.tiny.load import load_tiny
from vivid_core.video import MaskTrack

Edit = Callable[[Edited], Tensor]


def mask_of(case: Edited) -> MaskTrack:
    assert isinstance(case.mask, MaskTrack)  # every case of this set has one
    return case.mask


def vivid_tiny(model: str, steps: int, guidance: float) -> Edit:
    bundle = load_tiny() if model == "tiny" else load_tiny(weights=Path(model))

    def edit(case: Edited) -> Tensor:
        settings = Settings(
            task=case.task,
            caption=case.caption,
            steps=steps,
            guidance=guidance,
            focus="off",
            grow=0,
            feather=0,
            fill="off",
        )
        return edit_clip(bundle, Material(clip=case.source, mask=mask_of(case)), settings).frames

    return edit


def telea(case: Edited) -> Tensor:
    return fill_telea(case.source.frames, mask_of(case).values)


def truth(case: Edited) -> Tensor:
    assert case.truth is not None
    return torch.where(mask_of(case).values[..., None] > 0.5, case.truth, case.source.frames)


def write_edits(cases: list[EvaluationCase], methods: dict[str, Edit], folder: Path) -> None:
    for name in methods:
        (folder / name).mkdir()
    for done, case in enumerate(cases, start=1):
        edited = read_edited(case, case.source, case.source)
        for name, edit in methods.items():
            path = folder / name / f"{case.name}.mkv"
            write_clip(path, edit(edited), fps=edited.source.fps)
        print(f"\redit {done} of {len(cases)}", end="", file=sys.stderr, flush=True)


def main() -> None:
    arguments = _parser().parse_args()
    arguments.out.mkdir(parents=True)
    cases = read_manifest(write_evaluation_set(arguments.out / "set", scenes=arguments.scenes))
    model = vivid_tiny(arguments.model, arguments.steps, arguments.guidance)
    methods = {"vivid-tiny": model, "Telea": telea, "truth": truth}
    write_edits(cases, methods, arguments.out)
    clip = arguments.clip_model and load_clip_model(
        arguments.clip_model, device=torch.device("cpu")
    )
    instruments = Instruments(flow=DisFlow(), clip=clip, perceptual=load_perceptual())
    folders = name_methods([arguments.out / name for name in methods])
    found = tuple(measure_set(cases, folders, instruments))
    notes = instrument_notes(instruments, [case.caption for case in cases])
    results = Results(results=found, notes=notes)
    print("\n" + results.as_text())
    (arguments.out / "figures.json").write_text(json.dumps(results.as_json(), indent=1))
    save_image(arguments.out / "figures.png", draw_results(results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=DEFAULT_GUIDANCE)
    parser.add_argument("--model", default="tiny", help="tiny, or a folder of its weights")
    parser.add_argument("--clip-model", help="folder of a CLIP model, for TA and TC")
    parser.add_argument("--out", type=Path, default=Path("evaluation"))
    return parser


if __name__ == "__main__":
    main()
