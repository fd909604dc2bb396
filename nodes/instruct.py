"""Edit a clip by instruction, without a mask or confined to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, host
from .edit_inputs import (
    NULL,
    border_inputs,
    edit_output,
    edit_outputs,
    edit_settings,
    focus_input,
    negative_input,
    prepare,
    sampler_input,
    seed_input,
    steps_input,
)
from .memory import HostedModel
from .schema import VividNode, advanced, require_choices, schema
from .sockets import FRAMES, MASKS, VividKeyframe, VividModel
from .video import Recording, read_recording

if TYPE_CHECKING:
    from ..vivid_core.chain.journal import Journal
    from ..vivid_core.edit.job import Job, Material
    from ..vivid_core.video import Clip

CATEGORY = "VIVID/3 Edit"
FORMULAS = ["released", "paper"]
TEXT_GUIDANCE, VIDEO_GUIDANCE = 7.5, 1.2  # InsViE


def instruction_input() -> io.Input:
    return io.String.Input(
        "instruction",
        multiline=True,
        default="",
        placeholder="what to do, for example: make the parrot a magpie",
        tooltip="What to do with the clip, in one short sentence.",
    )


def confining_mask() -> io.Input:
    return io.MultiType.Input(
        "mask",
        types=MASKS,
        optional=True,
        tooltip="White may change, and nothing else does: outside it every pixel stays. Without "
        "one the whole frame may change.",
    )


def formula_input() -> io.Input:
    return io.Combo.Input(
        "guidance_formula",
        options=FORMULAS,
        default="released",
        optional=True,
        tooltip="How both guidances are joined. released: as InsViE's code does, swinging with "
        "the step between 1 and 1 more than set. paper: as its eq. 2 says, held over all steps.",
        **advanced(),
    )


class EditByInstruction(VividNode):
    """Vivid_EditByInstruction."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_EditByInstruction",
            display_name="Vivid Edit By Instruction",
            category=CATEGORY,
            description="Edits a clip by an instruction alone: no mask, no description of the "
            "result. With a mask nothing outside it changes. Needs a model of instructions "
            "(InsViE).",
            search_aliases=["instruct", "insvie", "instructpix2pix", "video to video", "restyle"],
            has_intermediate_output=True,
            hidden=[io.Hidden.unique_id],
            inputs=[
                VividModel.Input("model", tooltip="A model that reads instructions."),
                io.MultiType.Input(
                    "video",
                    types=FRAMES,
                    tooltip="The clip: images, one a frame, or a VIDEO. Any size and length; the "
                    "result has the same. Long clips are edited in a chain of windows.",
                ),
                instruction_input(),
                negative_input(),
                io.Float.Input(
                    "text_guidance",
                    default=TEXT_GUIDANCE,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="How strongly the instruction is followed. 3 to 8 are usual; high "
                    "values burn colours.",
                ),
                io.Float.Input(
                    "video_guidance",
                    default=VIDEO_GUIDANCE,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="How closely the source is kept. 1 to 2 are usual.",
                ),
                seed_input(),
                steps_input(),
                sampler_input(),
                focus_input(),
                *border_inputs(),
                confining_mask(),
                formula_input(),
                VividKeyframe.Input(
                    "keyframe",
                    optional=True,
                    tooltip="Finished frames that the rest of the clip shall follow.",
                ),
            ],
            outputs=edit_outputs(),
        )

    @classmethod
    def validate_inputs(cls, instruction: str | None = None) -> bool | str:
        """Before anything is loaded."""
        return check_instruction(instruction) or True

    @classmethod
    def execute(
        cls,
        model: HostedModel,
        video: Any,
        instruction: str,
        text_guidance: float,
        video_guidance: float,
        mask: Any = None,
        keyframe: Any = None,
        **settings: Any,
    ) -> io.NodeOutput:
        from ..vivid_core.edit.clip import run_edit
        from ..vivid_core.edit.job import plan_edit

        require_choices(cls, **settings)
        source = read_recording(video)
        asked = edit_settings(
            task="instruct",
            caption=instruction,
            guidance=(text_guidance, video_guidance),
            **settings,
        )
        job = plan_edit(model.bundle, material_of(source.clip, mask, keyframe), asked)
        prepare(model, job)
        runtime = host.runtime()
        store = journal_of(source, job, f"{cls.hidden.unique_id}")
        result = run_edit(model.bundle, job, runtime, store=store)
        host.show_result(runtime, result.frames)
        return edit_output(source, result)


def check_instruction(words: Any) -> str | None:
    """Why this is no instruction, or None; linked values are None."""
    if isinstance(words, list):
        return (
            f"instruction: is a list of {len(words)}, give one text: of a list every item is a run"
        )
    if isinstance(words, str) and words.strip() in ("", NULL):
        return "instruction: is empty: say what to do, for example 'make the parrot a magpie'"
    return None


def material_of(clip: Clip, mask: Any, keyframes: Any) -> Material:
    """A clip of which everything may change where there is no mask."""
    from ..vivid_core.edit.job import Material
    from ..vivid_core.video import MaskTrack

    track = MaskTrack.of_everything(clip) if mask is None else convert.to_mask(mask, clip)
    return Material(clip=clip, mask=track, keyframes=keyframes or ())


def journal_of(source: Recording, job: Job, node: str) -> Journal | None:
    """Where finished windows of a long clip are kept, so that a stopped run goes on.

    The same for this node and this clip in every run; a single window needs none.
    """
    from ..vivid_core.chain.journal import Journal
    from ..vivid_core.keyframe.library import picture_digest

    if len(job.windows) < 2:
        return None
    name = f"{picture_digest(source.clip.frames[0])}_{node}"
    return Journal(host.work_folder("long", name), source.clip.fps)
