"""Checks of models that ComfyUI itself loads: run by test_inside.py in ComfyUI's Python.

Arguments: the repository and a base directory. Prints the name of each check that holds.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

if __package__:  # to be listed by pytest
    from .core_contracts import CHECKS as CONTRACTS
    from .core_experts import CHECKS as EXPERTS
    from .core_identity import CHECKS as IDENTITY
    from .core_ltx import CHECKS as LTX
    from .core_memory import CHECKS as MEMORY
    from .core_minimax import CHECKS as MINIMAX
    from .core_models import (
        EDIT,
        SIDE,
        WAN_TEXT,
        WINDOW,
        TinyClip,
        as_run,
        clip_and_mask,
        cogvideox,
        edit,
        has_cogvideox,
        pack_module,
        quiet,
        require_exact,
        vace,
        void,
        wan,
    )
    from .core_parity import CHECKS as PARITY
    from .core_words import CHECKS as WORDS
    from .core_workflows import CHECKS as WORKFLOWS
else:
    from core_contracts import CHECKS as CONTRACTS
    from core_experts import CHECKS as EXPERTS
    from core_identity import CHECKS as IDENTITY
    from core_ltx import CHECKS as LTX
    from core_memory import CHECKS as MEMORY
    from core_minimax import CHECKS as MINIMAX
    from core_models import (
        EDIT,
        SIDE,
        WAN_TEXT,
        WINDOW,
        TinyClip,
        as_run,
        clip_and_mask,
        cogvideox,
        edit,
        has_cogvideox,
        pack_module,
        quiet,
        require_exact,
        vace,
        void,
        wan,
    )
    from core_parity import CHECKS as PARITY
    from core_words import CHECKS as WORDS
    from core_workflows import CHECKS as WORKFLOWS

EXTRAS = (
    "nodes_wan", "nodes_void", "nodes_lt", "nodes_minimax_h3", "nodes_custom_sampler", "nodes_sam3",
    "nodes_video",
)  # fmt: skip


def load_core_nodes() -> None:
    """ComfyUI's own nodes that models are brought their masks by."""
    import nodes

    folder = Path(nodes.__file__).parent / "comfy_extras"
    for name in EXTRAS:
        file = folder / f"{name}.py"
        if file.is_file():
            asyncio.run(nodes.load_custom_node(str(file), module_parent="comfy_extras"))


def the_rest_stays_exactly(nodes: Any) -> None:
    """At sizes and lengths that are none of the model's, in a chain of windows."""
    frames, mask = clip_and_mask(52, 60, 7)
    model = vace(nodes)
    edited, effective, report, _ = edit(nodes, model, frames, mask)
    require_exact(edited, effective, frames)
    assert "outside the mask: max difference 0" in report and "2 window(s)" in report
    assert "the caption is not read" in report and "tokens" not in report


def the_same_request_gives_the_same(nodes: Any) -> None:
    """Whatever ran before, and with the same model loaded anew; another seed another edit."""
    frames, mask = clip_and_mask(frames=WINDOW)
    first, again = (edit(nodes, vace(nodes), frames, mask)[0] for _ in range(2))
    other = edit(nodes, vace(nodes), frames, mask, seed=2)[0]
    assert torch.equal(first, again) and not torch.equal(first, other)


def every_family_edits(nodes: Any) -> None:
    frames, mask = clip_and_mask(frames=WINDOW)
    models = {"Wan Fun-InP": wan(nodes, channels=36), "WAN21": wan(nodes)}
    if has_cogvideox():
        models["CogVideoX Fun-InP"] = cogvideox(nodes, channels=33, paired=False)
        models["CogVideoX 1.5"] = cogvideox(nodes, channels=33, paired=True)
        models["VOID"] = void(nodes)
    for name, model in models.items():
        assert model.bundle.name.startswith(name), (model.bundle.name, name)
        task = "delete" if name == "VOID" else "modify"
        edited, effective, report, _ = edit(nodes, model, frames, mask, task=task)
        require_exact(edited, effective, frames)
        assert ("knows no masks" in report) == (name == "WAN21"), report


def keyframes_are_kept(nodes: Any) -> None:
    frames, mask = clip_and_mask()
    image = (1 - frames[:1] * 255).mul(1).add(254).div(255).clamp(0, 1)
    keyframe = nodes.UseKeyframe.execute(image, 0).args[0]
    model = vace(nodes)
    names = ("fill", "rest")
    asked = {k: v for k, v in EDIT.items() if k not in names}
    edited, effective, *_ = nodes.PropagateKeyframes.execute(
        model, frames, mask, keyframe=keyframe, match_colors=True, first_frame=-1, last_frame=-1,
        **asked,
    ).args  # fmt: skip
    require_exact(edited, effective, frames)
    inside = mask[0] > 0
    inner = torch.zeros_like(inside)
    inner[20:36, 14:26] = True  # past the feather
    assert torch.equal(edited[0][inner], image[0][inner])
    assert not torch.equal(edited[0][inside], frames[0][inside])


def candidates_are_the_shortest_clip(nodes: Any) -> None:
    """Of a model that makes no single frame too."""
    frames, mask = clip_and_mask()
    names = ("fill", "caption")
    asked = {k: v for k, v in EDIT.items() if k not in names}
    models = [(vace(nodes), "modify")]
    models += [(void(nodes), "delete")] if has_cogvideox() else []
    for model, task in models:
        batch, _, report = (
            as_run(nodes.EditKeyframe)
            .execute(
                model,
                frames,
                mask,
                frame=2,
                captions="a\nb",
                candidates=2,
                **(asked | {"task": task}),
            )
            .args
        )
        assert batch.shape == (2, SIDE, SIDE, 3), "captions that nobody reads make no candidates"
        assert "2 candidate(s) of frame 2" in report
        count = 5 if task == "delete" else 1
        assert f"makes {count} frame(s) for a candidate" in report
        if task == "modify":
            outside = mask[2] == 0
            assert torch.equal(batch[:, outside], frames[2][outside].expand(2, -1, -1))
        assert not torch.equal(batch[0], batch[1])


def captions_are_read_by_the_clip(nodes: Any) -> None:
    frames, mask = clip_and_mask(frames=WINDOW)
    clip = TinyClip(WAN_TEXT)
    model = vace(nodes, clip=clip, positive=None, negative=None)
    red, blue = (edit(nodes, model, frames, mask, caption=c)[0] for c in ("a red", "a blue"))
    assert not torch.equal(red, blue)
    assert clip.texts == ["a red", "", "a blue", ""]
    edit(nodes, model, frames, mask, task="delete", caption="", guidance=1.0)
    assert clip.texts[4:] == ["Remove objects and generate areas that blend with the background."]
    report = edit(nodes, model, frames, mask)[2]
    assert "is not read" not in report


def a_stopped_chain_goes_on(nodes: Any) -> None:
    """In another session: with the model loaded anew, and not patched yet."""
    import comfy.model_management as management

    video = pack_module("media")
    chain, files = pack_module("chain.run"), pack_module("chain.request")
    settings, sources = pack_module("settings"), pack_module("chain.sources")
    runtimes = pack_module("runtime")
    base = Path(sys.argv[-1]) / "chain"
    base.mkdir(exist_ok=True)
    frames, mask = clip_and_mask(frames=13)
    video.write_clip(base / "clip.mkv", frames, fps=8)
    asked = settings.Settings(task="modify", caption="a red circle", steps=1, guidance=1.0)

    def run(model: Any, out: str, **options: Any) -> Any:
        return chain.edit_video(
            model.bundle,
            files.VideoFiles(
                source=base / "clip.mkv", masks=sources.MasksInMemory(mask), out=base / out,
                work=base / "work",
            ),
            asked,
            runtimes.Runtime(**options),
        )  # fmt: skip

    def stop(progress: Any) -> None:
        if progress.window == 2:
            raise management.InterruptProcessingException()

    try:
        run(vace(nodes), "a.mkv", report=stop)
        raise AssertionError("it was not stopped")
    except management.InterruptProcessingException:
        pass
    report = run(vace(nodes), "a.mkv")
    assert (report.edit.windows, report.windows_reused) == (3, 2)
    assert report.edit.max_difference_outside == 0
    assert run(vace(nodes, strength=0.5), "b.mkv").windows_reused == 0


def a_stop_ends_within_a_step(nodes: Any) -> None:
    import comfy.model_management as management

    frames, mask = clip_and_mask(frames=WINDOW)
    model = vace(nodes)
    before = edit(nodes, model, frames, mask)[0]
    management.interrupt_current_processing(True)
    try:
        edit(nodes, model, frames, mask, steps=50)
        raise AssertionError("it was not stopped")
    except management.InterruptProcessingException:
        pass
    assert torch.equal(edit(nodes, model, frames, mask)[0], before)


def costs_are_told_as_unknown(nodes: Any) -> None:
    asked = {"width": SIDE, "height": SIDE, "length": 9, "steps": 2}
    asked |= {"guidance": 1.0, "focus": "off"}
    words, pflops = nodes.EstimateCost.execute(vace(nodes), **asked).args
    assert "cannot tell what an edit costs" in words and pflops == 0


def in_inference_mode(check: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """As ComfyUI runs every node."""

    def checked(nodes: Any) -> str | None:
        with torch.inference_mode():
            return check(nodes)

    return checked


CHECKS: dict[str, Callable[[Any], str | None]] = {
    check.__name__: in_inference_mode(check)
    for check in (
        the_rest_stays_exactly,
        the_same_request_gives_the_same,
        every_family_edits,
        keyframes_are_kept,
        candidates_are_the_shortest_clip,
        captions_are_read_by_the_clip,
        a_stopped_chain_goes_on,
        a_stop_ends_within_a_step,
        costs_are_told_as_unknown,
    )
} | {
    name: in_inference_mode(check)
    for part in (CONTRACTS, EXPERTS, IDENTITY, LTX, MINIMAX, MEMORY, PARITY, WORDS, WORKFLOWS)
    for name, check in part.items()
}

if __name__ == "__main__":
    repository, base = sys.argv[1:3]
    from inside_comfyui import load_pack, run_checks, start_comfyui

    start_comfyui(base)
    quiet()
    pack = load_pack(Path(repository))
    load_core_nodes()
    run_checks(CHECKS, pack)
