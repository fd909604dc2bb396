"""Checks of the nodes of instructions, in ComfyUI's Python: run by test_inside.py.

Their model is vivid-tiny's base, widened to read a source that it does not know yet.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

WORDS = "make the red circle blue"
PASTE = {"focus": "auto", "sampler": "ddim", "grow": -1, "feather": 2}
DRAW = {"negative": "", "seed": 1, "steps": 1} | PASTE


def ours(module: str) -> Any:
    return importlib.import_module(f"vivid_pack.vivid_core.{module}")


def instructed(nodes: Any) -> Any:
    """A VIVID_MODEL of InsViE's layout."""
    from inside_comfyui import load_model

    base = load_model(nodes, "vivid-tiny base (bundled)").bundle
    surgery, layouts = ours("cogvideox.surgery"), ours("cogvideox.layout")
    transformer = surgery.clone_transformer(base.transformer)
    surgery.widen_patch_embedder(transformer, 32)
    layout = layouts.layout_named("insvie")
    memory = importlib.import_module("vivid_pack.nodes.memory")
    return memory.HostedModel.hold(base.with_(transformer=transformer, layout=layout))


def animator(nodes: Any) -> Any:
    """The same widening, read as image-to-video."""
    model = instructed(nodes).bundle
    memory = importlib.import_module("vivid_pack.nodes.memory")
    layout = ours("cogvideox.layout").layout_named("i2v")
    return memory.HostedModel.hold(model.with_(layout=layout))


def clip(frames: int = 17) -> torch.Tensor:
    """One soft picture that slowly brightens."""
    picture = torch.rand(64, 64, 3, generator=torch.Generator().manual_seed(3)) * 0.8
    steps = torch.linspace(0, 0.1, frames).view(-1, 1, 1, 1)
    return ((picture + steps) * 255).round() / 255


def run(node: Any, **inputs: Any) -> tuple[Any, ...]:
    """What a node gives, as ComfyUI runs it."""
    node.hidden = SimpleNamespace(unique_id="1")
    with torch.inference_mode():
        return node.execute(**inputs).args


def a_clip_is_edited_by_words(nodes: Any) -> None:
    given = {"model": instructed(nodes), "instruction": WORDS} | DRAW
    given |= {"text_guidance": 7.5, "video_guidance": 1.2}
    mask = torch.zeros(1, 64, 64)
    mask[:, 16:40, 20:44] = 1
    frames = clip()
    whole, everywhere, report, _ = run(nodes.EditByInstruction, video=frames, **given)
    assert whole.shape == frames.shape and bool((everywhere == 1).all())
    assert "outside the mask: max difference 0" in report and "inverted" not in report
    edit, effective, _, _ = run(
        nodes.EditByInstruction, video=frames, mask=mask, guidance_formula="paper", **given
    )
    outside = effective == 0
    assert bool(outside.any()) and torch.equal(edit[outside], frames[outside])
    assert not torch.equal(edit, frames)


def the_last_frame_leads_and_a_second_run_finds_what_is_kept(nodes: Any) -> None:
    given = {"model": instructed(nodes), "instruction": WORDS, "video": clip(20)} | DRAW
    given |= {"text_guidance": 7.5, "video_guidance": 1.2}
    first, _, report, _ = run(nodes.EditByInstruction, **given)
    again, _, _, _ = run(nodes.EditByInstruction, **given)
    assert torch.equal(first, again) and len(first) == 20
    import folder_paths

    kept = Path(folder_paths.get_output_directory()) / "vivid" / "long"
    assert len(list(kept.glob("*/windows/*.mkv"))) == 2, report


def six_candidates_are_screened_and_the_best_leads_the_clip(nodes: Any) -> None:
    frames = clip()
    batch, sheet, report = run(
        nodes.SweepGuidance, model=instructed(nodes), video=frames, frame=2, instruction=WORDS,
        text_from=3.0, text_to=8.0, video_from=1.2, video_to=1.2, candidates=6,
        **DRAW | {"steps": 2},
    )  # fmt: skip
    assert batch.shape == (6, 64, 64, 3) and sheet.ndim == 4 and "6 candidate(s)" in report
    given = {"source": frames, "candidates": batch, "instruction": WORDS, "frame": 2}
    given |= {"clip_model": "none"}
    keyframe, best, number, why, _ = run(nodes.ScreenEdits, choice="", **given)
    assert torch.equal(best[0], batch[number - 1]) and "nobody read the instruction" in why
    chosen = run(nodes.ScreenEdits, choice="3", **given)
    assert chosen[2] == 3 and chosen[3].startswith("chosen by you: 3")
    picked = nodes.PickKeyframe.execute(candidates=batch, choice="3", frame=-1).args
    assert picked[0][0].frame == 2 and picked[2] == WORDS
    for model in (animator(nodes), tiny(nodes)):
        edit, *_ = run(
            nodes.PropagateEdit, model=model, video=frames, caption="a blue circle", frame=0,
            keyframe=keyframe, guidance=1.0, **DRAW | {"steps": 2},
        )  # fmt: skip
        assert (edit[2] - best[0]).abs().max() <= 1 / 255 and not torch.equal(edit[3], frames[3])
    painted = torch.zeros(1, 64, 64, 4)  # a layer: where nothing is painted its black is hidden
    painted[:, 20:40, 20:40] = 1
    laid = torch.where(painted[0, ..., 3:] > 0, painted[0, ..., :3], frames[0])
    edit, *_ = run(
        nodes.PropagateEdit, model=animator(nodes), video=frames, caption="", frame=0,
        edited=painted, guidance=1.0, **DRAW | {"steps": 2},
    )  # fmt: skip
    assert (edit[0] - laid).abs().max() <= 1 / 255


def a_judge_is_asked(nodes: Any) -> None:
    class Judge:
        digest = "judge"

        def ask(self, picture: Any, words: str) -> str:
            assert WORDS in words
            return "{'best_image': 2, 'score': 4}"

    frames = clip(3)
    edits = torch.stack([frames[0] * share for share in (0.9, 0.8, 0.7)])
    given = {"source": frames, "candidates": edits, "instruction": WORDS, "frame": 0}
    found = run(nodes.ScreenEdits, choice="", clip_model="none", judge=Judge(), **given)
    assert found[2] == 2 and "chosen by the judge" in found[3]
    limits = {"lowest_score": 3, "highest_epe": 4.0, "instruction": WORDS}
    passed, score, epe, _ = run(
        nodes.FilterEdit, source=frames, edit=frames * 0.8, judge=Judge(), **limits
    )
    assert passed and score == 4 and 0 <= epe < 4
    passed, score, _, report = run(nodes.FilterEdit, source=frames, edit=frames, **limits)
    assert (passed, score) == (False, 0) and "nothing changed" in report
    measured = {
        "source": frames, "edit": frames * 0.8, "mask": torch.ones(3, 64, 64), "task": "delete",
        "caption": "", "clip_model": "none", "fps": 8.0,
    }  # fmt: skip
    told, _ = run(nodes.MeasureEdit, judge=Judge(), instruction=WORDS, **measured)
    lines = [line for line in told.splitlines() if line.startswith("judged")]
    assert len(lines) == 3 and all(" 4" in line for line in lines), told
    told, _ = run(nodes.MeasureEdit, judge=Judge(), **measured)
    assert "needs the instruction" in told


def models_come_back_whenever_they_are_asked(nodes: Any) -> None:
    """Each of several may have sent the others away in the meantime."""
    from comfy import model_management as management

    memory = importlib.import_module("vivid_pack.nodes.memory")
    held = instructed(nodes)
    judge = memory.HostedEngine.hold(_Seeing(modules=(torch.nn.Linear(2, 2),)))
    model, asked = memory.model_on_demand(held), memory.engine_on_demand(judge)
    device, settings = torch.device("cpu"), ours("settings").Settings(task="instruct", caption="a")
    region = ours("inpainter").Region(pixels=clip(1), hole=None)

    def is_there(patchers: Any) -> bool:
        there = [loaded.model for loaded in management.current_loaded_models]
        return all(any(one is patcher for one in there) for patcher in patchers)

    def edit() -> Any:
        draw = ours("inpainter").Draw(
            prompt=model.read("a", settings), negative=model.read_negative(settings), seed=1
        )
        management.unload_all_models()
        return model.inpaint(region, [draw], settings, device=device, on_stage=lambda *_: None)

    for patchers, ask in ((held.patchers, edit), (judge.patchers, lambda: asked.ask(None, "?"))):
        management.unload_all_models()
        assert not is_there(patchers)
        with memory.normal_tensors():
            assert ask() is not None
        assert is_there(patchers)
    assert asked.digest == "seeing" and model.limits == held.bundle.limits


class _Seeing(SimpleNamespace):
    digest = "seeing"

    def ask(self, picture: Any, words: str) -> str:
        return "{}"


def wrong_models_and_missing_frames_are_told(nodes: Any) -> None:
    given = {"video": clip(1), "instruction": WORDS} | DRAW
    given |= {"text_guidance": 7.5, "video_guidance": 1.2}
    refused("Vivid Edit Video", nodes.EditByInstruction, model=tiny(nodes), **given)
    masked = {"video": clip(1), "mask": torch.ones(1, 64, 64), "task": "modify"}
    masked |= {"caption": "a red circle", "guidance": 1.0, "fill": "off"} | DRAW
    refused("Vivid Edit By Instruction", nodes.EditVideo, model=instructed(nodes), **masked)
    refused(
        "edited: is missing", nodes.PropagateEdit, model=animator(nodes), video=clip(2),
        caption="", frame=0, guidance=1.0, **DRAW,
    )  # fmt: skip
    empty = nodes.EditByInstruction.validate_inputs(instruction=" ")
    assert empty.startswith("instruction: is empty")


def tiny(nodes: Any) -> Any:
    from inside_comfyui import load_model

    return load_model(nodes)


def refused(words: str, node: Any, **inputs: Any) -> None:
    try:
        run(node, **inputs)
    except ValueError as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"{words}: was not refused")


CHECKS: dict[str, Callable[[Any], None]] = {
    check.__name__: check
    for check in (
        a_clip_is_edited_by_words,
        the_last_frame_leads_and_a_second_run_finds_what_is_kept,
        six_candidates_are_screened_and_the_best_leads_the_clip,
        a_judge_is_asked,
        models_come_back_whenever_they_are_asked,
        wrong_models_and_missing_frames_are_told,
    )
}

if __name__ == "__main__":
    repository, base = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parent))
    from inside_comfyui import load_pack, run_checks, start_comfyui

    start_comfyui(base)
    run_checks(CHECKS, load_pack(Path(repository)))
