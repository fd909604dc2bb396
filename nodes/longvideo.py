"""Edit a video of any length, in constant memory, from a journal that survives a crash."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths
from comfy_api.latest import InputImpl, io
from torch import Tensor

from . import convert, host, previews
from .edit_inputs import (
    caption_input,
    check_caption,
    edit_settings,
    fill_input,
    paste_inputs,
    prepare,
    prompt_inputs,
    rest_input,
    task_input,
    work_inputs,
)
from .memory import Hosted
from .schema import VividNode, advanced, require_choices, schema
from .sockets import MASKS, VividKeyframe, VividModel
from .video import on_disk

if TYPE_CHECKING:
    from ..vivid_core.chain.request import VideoFiles
    from ..vivid_core.edit.masks import MaskSource
    from ..vivid_core.media import VideoInfo

CATEGORY = "VIVID/5 Long video"
SUFFIXES = {"mp4 (H.264)": ".mp4", "mkv (lossless)": ".mkv", "mov (ProRes 4444)": ".mov"}
PLAYABLE = ".mp4"  # what every browser plays
PREVIEWED = 49  # frames of a file that browsers cannot play


class EditLongVideo(VividNode):
    """Vivid_EditLongVideo."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_EditLongVideo",
            display_name="Vivid Edit Long Video",
            category=CATEGORY,
            description="Edits a VIDEO of any length window by window and writes it to a file, "
            "with its sound. A run that was stopped goes on where it was.",
            search_aliases=[
                "inpaint",
                "erase",
                "video inpaint",
                "long video inpaint",
                "remove object",
                "chain",
                "video edit resume",
            ],
            is_output_node=True,
            hidden=[io.Hidden.unique_id],
            inputs=[
                VividModel.Input("model", tooltip="The model that edits."),
                io.Video.Input(
                    "video", tooltip="The video. It is read a window at a time, never as a whole."
                ),
                io.MultiType.Input(
                    "mask",
                    types=MASKS,
                    tooltip="White is edited. One mask a frame, or one for all frames. A mask "
                    "track is read from disk. Frames without a mask are copied at no cost.",
                ),
                task_input(),
                caption_input(),
                io.String.Input(
                    "later_captions",
                    multiline=True,
                    default="",
                    placeholder="120: a blue car",
                    tooltip="Captions from a frame on, one a line, as FRAME: CAPTION. A change "
                    "makes only what follows it again.",
                    **advanced(),
                ),
                *prompt_inputs(),
                *work_inputs(),
                fill_input(),
                *paste_inputs(),
                io.Boolean.Input(
                    "match_colors",
                    default=True,
                    tooltip="Where a clip takes more than one window: colours are matched to the "
                    "untouched surroundings, so that they do not drift.",
                    **advanced(),
                ),
                io.Boolean.Input(
                    "anchor",
                    default=False,
                    tooltip="Holds the colours of the edit to those of its first frame, shot by "
                    "shot.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "format",
                    options=list(SUFFIXES),
                    default="mp4 (H.264)",
                    tooltip="Of the file. Lossless keeps every pixel outside the mask exactly.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="vivid/long",
                    tooltip="Where the file goes, below ComfyUI's output folder.",
                ),
                VividKeyframe.Input(
                    "keyframe",
                    optional=True,
                    tooltip="Finished frames, numbered through the whole video.",
                ),
                io.Boolean.Input(
                    "save_mask",
                    default=False,
                    optional=True,
                    tooltip="Also writes the effective mask, white on black, lossless, beside the "
                    "video: what could change.",
                ),
                rest_input(),
                io.Combo.Input(
                    "sound",
                    options=["copy", "aac", "off"],
                    default="copy",
                    optional=True,
                    tooltip="Of the video. copy: untouched, refused before the edit where the kind "
                    "of file cannot hold it. aac: encoded anew. off: left out.",
                    **advanced(),
                ),
            ],
            outputs=[
                io.Video.Output("edit", display_name="edit", tooltip="The edited video's file."),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="What was done, what it cost, and warnings.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(
        cls,
        task: str | None = None,
        caption: str | None = None,
    ) -> bool | str:
        """Before anything is loaded."""
        return check_caption(task, caption, name="caption") or True

    @classmethod
    def execute(
        cls,
        model: Hosted,
        video: Any,
        mask: Any,
        later_captions: str,
        format: str,
        filename_prefix: str,
        keyframe: Any = None,
        save_mask: bool = False,
        sound: Any = "copy",
        **settings: Any,
    ) -> io.NodeOutput:
        from ..vivid_core.chain.footage import plan_video
        from ..vivid_core.chain.request import VideoFiles
        from ..vivid_core.chain.run import edit_video
        from ..vivid_core.edit.captions import parse_later_captions

        require_choices(cls, format=format, sound=sound, **settings)
        asked = edit_settings(later_captions=parse_later_captions(later_captions), **settings)
        with on_disk(video) as source:
            info = _info(source)
            out, shown = _target(filename_prefix, SUFFIXES[format], (info.width, info.height))
            files = VideoFiles(
                source=source,
                masks=_masks(mask),
                keyframes=keyframe or (),
                out=out,
                work=_journal(source, cls.hidden.unique_id),
                sound=sound,
                mask_out=out.with_name(f"{out.stem}.effective_mask.mkv") if save_mask else None,
            )
            runtime = host.runtime()
            job = plan_video(model.bundle, files, asked, runtime)
            prepare(model, job)
            report = edit_video(model.bundle, files, asked, runtime, job=job)
        words = f"{report.text}\nwritten: {shown['subfolder']}/{shown['filename']}"
        return io.NodeOutput(
            InputImpl.VideoFromFile(str(out)),
            words,
            ui=_found(files, shown) | previews.text(words),
        )


def _info(source: Path) -> VideoInfo:
    """Of a file whose errors name the input: ComfyUI's own way to the size explains none."""
    from ..vivid_core.errors import InputError, MediaError
    from ..vivid_core.media import read_info

    try:
        return read_info(source)
    except MediaError as error:
        raise InputError("video", str(error)) from error


def _journal(source: Path, node: str) -> Path:
    """The same for this node and this video in every run, whatever the file is called."""
    from ..vivid_core.keyframe.library import picture_digest
    from ..vivid_core.media import read_clip
    from ..vivid_core.video import FrameRange

    first = read_clip(source, range=FrameRange(start=0, stop=1)).frames[0]
    return host.work_folder("long", f"{picture_digest(first)}_{node}")


def _target(prefix: str, suffix: str, size: tuple[int, int]) -> tuple[Path, dict[str, str]]:
    """A new file below the output folder, and how the page finds it."""
    place = host.new_place(prefix, folder_paths.get_output_directory(), size)
    filename = f"{place.name}_{place.number:05}_{suffix}"
    shown = {"filename": filename, "subfolder": place.subfolder, "type": "output"}
    return place.folder / filename, shown


def _found(files: VideoFiles, shown: dict[str, str]) -> dict[str, Any]:
    """Where every written file is found, and what the node shows.

    The page shows what is among the "images"; what it cannot play is named as "video".
    """
    from ..vivid_core.media import read_clip, read_info
    from ..vivid_core.video import FrameRange

    others = [] if files.mask_out is None else [shown | {"filename": files.mask_out.name}]
    if files.out.suffix == PLAYABLE:
        view = {"images": [shown], "animated": (True,)}
    else:
        others.insert(0, shown)
        start = FrameRange(start=0, stop=min(read_info(files.out).frame_count, PREVIEWED))
        clip = read_clip(files.out, range=start)
        view = previews.animation(clip.frames, float(clip.fps))
    return view | ({"video": others} if others else {})


def _masks(mask: Any) -> MaskSource:
    from ..vivid_core.chain.sources import MasksInMemory

    if not isinstance(mask, Tensor):
        return mask
    values = convert.mask_values(mask)
    convert.require_painted(values)
    return MasksInMemory(values)
