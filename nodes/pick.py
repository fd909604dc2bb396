"""Choose a finished frame: among candidates, or from any other node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import convert, gallery, previews, waiting
from .keyframe import CATEGORY, MOST_FRAMES
from .schema import VividNode, schema
from .sockets import VividFrame, VividKeyframe

if TYPE_CHECKING:
    from torch import Tensor

    from ..vivid_core.keyframe.library import Picked

FROM_RECORD = -1  # stands for "the frame that the candidate was made for"
NOTHING_CHOSEN = (
    "Vivid Pick Keyframe does not know yet which picture to go on with: click one in the node, "
    "then run again"
)
OTHER_CLIP = (
    "Vivid Pick Keyframe waits for you: the chosen picture was made for another clip. Click one of "
    "these, then run again"
)
GONE = "Vivid Pick Keyframe waits for you: {problem}"


class PickKeyframe(VividNode):
    """Vivid_PickKeyframe."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_PickKeyframe",
            display_name="Vivid Pick Keyframe",
            category=CATEGORY,
            description="Shows candidates, and hands on the one that you click. Run once to see "
            "them, click, run again.",
            search_aliases=["choose image", "image gallery", "select image", "pick image"],
            is_output_node=True,
            inputs=[
                io.Image.Input(
                    "candidates",
                    tooltip="Pictures of one frame, from Vivid Edit Keyframe or any other node.",
                ),
                io.String.Input(
                    "choice",
                    default="",
                    tooltip="The picture to go on with; a click in the node writes it. The digest "
                    "of a picture, or a number from 1.",
                ),
                io.Int.Input(
                    "frame",
                    default=FROM_RECORD,
                    min=FROM_RECORD,
                    max=MOST_FRAMES,
                    tooltip="The frame of the clip that the picture belongs to. -1: the one that "
                    "Vivid Edit Keyframe made it for.",
                ),
            ],
            outputs=[
                VividKeyframe.Output(
                    "keyframe", display_name="keyframe", tooltip="For Vivid Propagate Keyframes."
                ),
                io.Image.Output("picked", display_name="image", tooltip="The chosen picture."),
                io.String.Output(
                    "caption",
                    display_name="caption",
                    tooltip="What the picture was made from, for the caption of Vivid Propagate "
                    "Keyframes. Empty for pictures of other nodes.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, choice: str | None = None) -> bool | str:
        """A damaged choice is told before anything runs."""
        return check_picked(choice)

    @classmethod
    def execute(cls, candidates: Any, choice: str, frame: int) -> io.NodeOutput:
        from ..vivid_core.video import Keyframe

        batch = convert.to_clip(candidates, "candidates").frames
        picked = _picked(batch, choice)
        if isinstance(picked, str):
            return waiting.wait(cls, picked, gallery.show(batch))
        keyframe = Keyframe(frame=_frame_of(picked, frame), pixels=picked.pixels)
        return io.NodeOutput(
            (keyframe,),
            convert.to_socket(picked.pixels[None]),
            picked.record.caption if picked.record else "",
            ui=gallery.show(batch) | previews.text(_about(picked, keyframe.frame)),
        )


class UseKeyframe(VividNode):
    """Vivid_UseKeyframe."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_UseKeyframe",
            display_name="Vivid Use Keyframe",
            category=CATEGORY,
            description="Makes any image a keyframe: painted by hand, or from another model. "
            "Outside the mask the clip's own pixels are used.",
            search_aliases=["reference frame", "guide image", "first frame", "paint keyframe"],
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="The finished frame, of the clip's size. Of several the first counts. "
                    "With crop: the edited picture of Vivid Frame for Editing.",
                ),
                io.Int.Input(
                    "frame",
                    default=0,
                    min=0,
                    max=MOST_FRAMES,
                    tooltip="The frame of the clip that it stands for, counted from 0. With crop: "
                    "not read, the crop knows.",
                ),
                VividKeyframe.Input(
                    "keyframe",
                    optional=True,
                    tooltip="More keyframes of the same clip. At the same frame the new one wins.",
                ),
                VividFrame.Input(
                    "crop",
                    optional=True,
                    tooltip="From Vivid Frame for Editing: the picture goes back to its place in "
                    "the frame, inside the mask.",
                ),
            ],
            outputs=[
                VividKeyframe.Output(
                    "keyframes",
                    display_name="keyframe",
                    tooltip="All of them, for Vivid Propagate Keyframes.",
                ),
                io.Image.Output(
                    "stitched",
                    display_name="frame",
                    tooltip="The picture as a keyframe: with crop the whole frame, the edit in "
                    "its place.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, image: Any, frame: int, keyframe: Any = None, crop: Any = None
    ) -> io.NodeOutput:
        from ..vivid_core.video import Keyframe

        pixels = convert.to_clip(image, "image").frames[0]
        alpha = convert.alpha_of(image)
        if crop is None:
            mine = Keyframe(frame=frame, pixels=pixels, finished=False, alpha=alpha)
        else:
            mine = crop.keyframe(pixels, alpha)
        others = [other for other in keyframe or () if other.frame != mine.frame]
        keyframes = tuple(sorted([*others, mine], key=lambda one: one.frame))
        return io.NodeOutput(keyframes, convert.to_socket(mine.pixels[None]))


def check_picked(choice: str | None) -> bool | str:
    """True, or why this is no choice of a gallery; linked values are None."""
    from ..vivid_core.errors import InputError
    from ..vivid_core.keyframe.library import parse_choice

    try:
        parse_choice(choice if isinstance(choice, str) else "")
    except InputError as error:
        return str(error)
    return True


def _picked(batch: Tensor, text: str) -> Picked | str:
    """The picture to go on with, or the words that say what somebody has to decide first.

    A choice that is not here is no mistake: it came with a workflow, or the clip was replaced.
    """
    from ..vivid_core.errors import InputError
    from ..vivid_core.keyframe.library import parse_choice, pick

    chosen = parse_choice(text)
    if chosen is None:
        return NOTHING_CHOSEN
    try:
        picked = pick(batch, chosen, gallery.library())
    except InputError as error:
        return GONE.format(problem=error)
    return OTHER_CLIP if gallery.is_of_another_clip(picked, batch) else picked


def _frame_of(picked: Picked, frame: int) -> int:
    """The frame of the clip that a picture is for."""
    from ..vivid_core.errors import InputError

    if frame != FROM_RECORD:
        return frame
    if picked.record is None:
        raise InputError(
            "frame",
            "is -1, but the picture was not made by Vivid Edit Keyframe, so nobody knows which "
            "frame it is for: give its number, counted from 0",
        )
    return picked.record.frame


def _about(picked: Picked, frame: int) -> str:
    """What was picked, for people."""
    if picked.record is None:
        return f"picked {picked.digest} for frame {frame}"
    made = f"seed {picked.record.seed}, {picked.record.caption or picked.record.task}"
    return f"picked {picked.digest} for frame {frame}: {made}"
