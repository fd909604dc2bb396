"""What the editing nodes share: their inputs, the request these make, and what is given back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, previews
from .memory import HostedModel
from .schema import advanced
from .sockets import FRAMES, MASKS, VividModel

if TYPE_CHECKING:
    from ..vivid_core.edit.job import Job, Material
    from ..vivid_core.edit.report import EditResult
    from ..vivid_core.settings import Settings
    from ..vivid_core.video import Clip
    from .video import Recording

TASKS = ["add", "modify", "delete"]
FOCUSES = ["auto", "native", "enlarge", "off"]
SAMPLERS = ["ddim", "dpm"]
FILLS = ["off", "auto"]
RESTS = ["model", "classical", "leave"]
NULL = "None"  # what ComfyUI makes of a null in a request
DEFAULT_GROWTH = -1  # stands for "as the task needs it"


def clip_inputs() -> list[io.Input]:
    """The model, the clip and its mask."""
    return [
        VividModel.Input("model", tooltip="The model that edits."),
        io.MultiType.Input(
            "video",
            types=FRAMES,
            tooltip="The clip: images, one a frame, or a VIDEO. Any size and length; the "
            "result has the same. Long clips are edited in a chain of windows.",
        ),
        io.MultiType.Input(
            "mask",
            types=MASKS,
            tooltip="White is edited. One mask a frame, or one for all frames; the size "
            "of the clip.",
        ),
    ]


def task_input() -> io.Input:
    return io.Combo.Input(
        "task",
        options=TASKS,
        default="modify",
        tooltip="add: put what the caption says into the mask. modify: turn what is "
        "there into it. delete: remove it and show the background.",
    )


def caption_input() -> io.Input:
    return io.String.Input(
        "caption",
        multiline=True,
        default="",
        placeholder="what shall be inside the mask, for example: a red balloon",
        tooltip="What shall be inside the mask. delete needs none: it uses the one "
        "sentence that VIVID models are trained on.",
    )


def prompt_inputs() -> list[io.Input]:
    """The negative caption and the seed."""
    return [negative_input(), seed_input()]


def negative_input() -> io.Input:
    return io.String.Input(
        "negative",
        multiline=True,
        default="",
        placeholder="what to steer away from (optional)",
        tooltip="What to steer away from. Has no effect at guidance 1.",
        **advanced(),
    )


def seed_input() -> io.Input:
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=2**64 - 1,
        control_after_generate=True,
        tooltip="Another seed gives another result; the same one the same.",
    )


def work_inputs() -> list[io.Input]:
    """How much work the model does, and on what part of the frame."""
    return [
        steps_input(),
        io.Float.Input(
            "guidance",
            default=6.0,
            min=0.0,
            max=100.0,
            step=0.1,
            tooltip="How strongly the caption is followed. 1 is plain and costs half; 6 is usual; "
            "high values burn colours.",
        ),
        focus_input(),
    ]


def steps_input() -> io.Input:
    return io.Int.Input(
        "steps",
        default=50,
        min=1,
        max=1000,
        tooltip="Denoising steps. More take longer, in proportion; 20 to 50 are usual.",
    )


def focus_input() -> io.Input:
    return io.Combo.Input(
        "focus",
        options=FOCUSES,
        default="auto",
        tooltip="The part of the frame that the model sees. native: a crop around the mask, at "
        "its own scale. auto: the same, unless it shows no more detail than the whole frame or "
        "costs over half as much again. enlarge: that crop scaled up to the model's size, for "
        "more detail. off: the whole frame.",
    )


def fill_input() -> io.Input:
    return io.Combo.Input(
        "fill",
        options=FILLS,
        default="auto",
        tooltip="For delete. auto: what other frames show of the background is filled "
        "in first, and only what no frame shows is made (see rest). off: everything inside the "
        "mask is made.",
    )


def rest_input() -> io.Input:
    """The last input of a node; optional, since requests of earlier versions do not have it."""
    return io.Combo.Input(
        "rest",
        options=RESTS,
        default="model",
        optional=True,
        tooltip="For delete: what becomes of what no frame shows. model: the model invents it. "
        "classical: filled from the frame around it, no model runs. leave: the source stays "
        "there.",
        **advanced(),
    )


def paste_inputs() -> list[io.Input]:
    """How noise becomes an edit, and how that meets the source."""
    return [sampler_input(), *border_inputs()]


def sampler_input() -> io.Input:
    return io.Combo.Input(
        "sampler",
        options=SAMPLERS,
        default="ddim",
        tooltip="ddim: even and predictable. dpm: often good with fewer steps.",
        **advanced(),
    )


def border_inputs() -> list[io.Input]:
    """How an edit meets the source."""
    return [
        io.Int.Input(
            "grow",
            default=DEFAULT_GROWTH,
            min=DEFAULT_GROWTH,
            max=512,
            tooltip="Pixels by which the mask is widened. -1: as the task needs it (delete "
            "1/60 of the shorter side, at least feather + 1; add and modify 0).",
            **advanced(),
        ),
        io.Int.Input(
            "feather",
            default=2,
            min=0,
            max=256,
            tooltip="Pixels over which the edit fades into the source, all inside the "
            "effective mask. 0: a hard edge.",
            **advanced(),
        ),
    ]


def edit_outputs() -> list[io.Output]:
    """An edited clip, what was allowed to change, and what was done."""
    return [
        io.Image.Output("edit", display_name="edit", tooltip="The edited clip."),
        io.Mask.Output(
            "effective_mask",
            display_name="effective mask",
            tooltip="What could change: the mask, cut at 0.5 and widened by grow. "
            "Everything else equals the source.",
        ),
        io.String.Output(
            "report",
            display_name="report",
            tooltip="What was done, what it cost, and warnings.",
        ),
        video_output(),
    ]


def video_output() -> io.Output:
    """The clip with what a VIDEO has beside pixels."""
    return io.Video.Output(
        "as_video",  # the oldest supported ComfyUI wants another id than the input's
        display_name="video",
        tooltip="The same frames as a VIDEO, for Save Video: with the frame rate, timing and sound "
        "of the VIDEO that came in. Images have none of these: 8 frames a second, silent.",
    )


def check_caption(task: str | None, words: Any, *, name: str) -> str | None:
    """Why the input `name` is no caption for this task, or None; linked values are None.

    ComfyUI leaves drop-downs that `validate_inputs` names, such as the task, to us.
    """
    if task is not None and task not in TASKS:
        return f"task: '{task}' is not one of {', '.join(TASKS)}"
    if isinstance(words, list):
        return f"{name}: is a list of {len(words)}, give one text: of a list every item is a run"
    if task not in ("add", "modify") or not isinstance(words, str):
        return None
    if words.strip() not in ("", NULL):
        return None
    return f"{name}: is empty: say what to {task}, for example 'a red balloon'"


def edit_settings(*, grow: int, **settings: Any) -> Settings:
    """What is asked, from a node's widgets."""
    from ..vivid_core.settings import Settings

    return Settings(grow=None if grow == DEFAULT_GROWTH else grow, **settings)


def edit_material(clip: Clip, mask: Any, *, keyframes: Any = None) -> Material:
    """What it is asked of; `mask` and `keyframes` as they come through their sockets."""
    from ..vivid_core.edit.job import Material

    return Material(clip=clip, mask=convert.to_mask(mask, clip), keyframes=keyframes or ())


def prepare(model: HostedModel, job: Job) -> None:
    """Bring the model to its device, with room for what the job needs beside it, if it runs."""
    from ..vivid_core.edit.cost import activation_bytes

    if job.settings.needs_model:
        model.prepare(activation_bytes(model.bundle, job))


def edit_output(source: Recording, result: EditResult, *, lead: str = "") -> io.NodeOutput:
    """The edit of a source with its preview and report; `lead` says how it was made."""
    from ..vivid_core.edit.report import NOTHING_CHANGED, report_text

    words = report_text(result.report, lead=lead)
    if source.losses:
        words += (
            f"\nWARNING: not kept of the source: {'; '.join(source.losses)} (Vivid Edit Long Video "
            "keeps it)"
        )
    if result.report.nothing_changed:
        logging.getLogger(__name__).warning(NOTHING_CHANGED)
    frames = convert.to_socket(result.frames)
    return io.NodeOutput(
        frames,
        convert.to_socket(result.effective_mask),
        words,
        source.video(frames),
        ui=previews.animation(frames, float(source.clip.fps)) | previews.text(words),
    )
