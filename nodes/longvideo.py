"""Edit a video of any length, in constant memory, from a journal that survives a crash."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import folder_paths
from comfy_api.latest import InputImpl, io
from torch import Tensor

from . import convert, host, previews
from .edit_inputs import (
    caption_input,
    check_caption,
    check_fill,
    edit_settings,
    fill_input,
    paste_inputs,
    prepare,
    prompt_inputs,
    task_input,
    work_inputs,
)
from .memory import HostedModel
from .schema import check_choices, schema
from .sockets import MASKS, VividKeyframe, VividModel

if TYPE_CHECKING:
    from ..vivid_core.edit.masks import MaskSource

CATEGORY = "VIVID/5 Long video"
SUFFIXES = {"mp4 (H.264)": ".mp4", "mkv (lossless)": ".mkv", "mov (ProRes 4444)": ".mov"}
PLAYABLE = ".mp4"  # what every browser plays
PREVIEWED = 49  # frames of a file that browsers cannot play


class EditLongVideo(io.ComfyNode):
    """Vivid_EditLongVideo."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_EditLongVideo",
            display_name="Vivid Edit Long Video",
            category=CATEGORY,
            description="Edits a VIDEO of any length window by window and writes it to a file, "
            "with its sound. A run that was stopped goes on where it was.",
            search_aliases=["long video inpaint", "chain", "video edit resume"],
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
                ),
                io.Boolean.Input(
                    "anchor",
                    default=False,
                    tooltip="Holds the colours of the edit to those of its first frame, shot by "
                    "shot.",
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
        later_captions: str | None = None,
        focus: str | None = None,
        fill: str | None = None,
        sampler: str | None = None,
        format: str | None = None,
    ) -> bool | str:
        """Before anything is loaded."""
        from ..vivid_core.edit.captions import parse_later_captions
        from ..vivid_core.errors import InputError

        problem = check_choices(
            cls, task=task, focus=focus, fill=fill, sampler=sampler, format=format
        )
        problem = problem or check_fill(task, fill)
        problem = problem or check_caption(task, caption, name="caption")
        try:
            parse_later_captions(later_captions or "")
        except InputError as error:
            problem = problem or str(error)
        return problem or True

    @classmethod
    def execute(
        cls,
        model: HostedModel,
        video: Any,
        mask: Any,
        later_captions: str,
        format: str,
        filename_prefix: str,
        keyframe: Any = None,
        **settings: Any,
    ) -> io.NodeOutput:
        from ..vivid_core.chain.footage import plan_video
        from ..vivid_core.chain.request import VideoFiles
        from ..vivid_core.chain.run import edit_video
        from ..vivid_core.edit.captions import parse_later_captions

        asked = edit_settings(later_captions=parse_later_captions(later_captions), **settings)
        with _on_disk(video) as source:
            out, shown = _target(filename_prefix, SUFFIXES[format], video.get_dimensions())
            files = VideoFiles(
                source=source,
                masks=_masks(mask),
                keyframes=keyframe or (),
                out=out,
                work=_journal(source, cls.hidden.unique_id),
            )
            runtime = host.runtime()
            job = plan_video(model.bundle, files, asked, runtime)
            prepare(model, job)
            report = edit_video(model.bundle, files, asked, runtime, job=job)
        words = f"{report.text}\nwritten: {shown['subfolder']}/{shown['filename']}"
        return io.NodeOutput(
            InputImpl.VideoFromFile(str(out)), words, ui=_preview(out, shown) | previews.text(words)
        )


@contextmanager
def _on_disk(video: Any) -> Iterator[Path]:
    """A file that holds the video; one that exists nowhere yet is written, lossless."""
    from ..vivid_core.media import write_clip

    source = convert.video_file(video)
    if source is not None:
        yield source
        return
    with TemporaryDirectory(dir=folder_paths.get_temp_directory()) as folder:
        clip = convert.to_clip(video)
        sound = Path(folder) / "sound.mp4"
        if convert.has_sound(video):
            video.save_to(str(sound))
        path = Path(folder) / "source.mkv"
        write_clip(path, clip.frames, fps=clip.fps, audio_from=sound if sound.exists() else None)
        yield path


def _journal(source: Path, node: str) -> Path:
    """The same for this node and this video in every run, whatever the file is called."""
    from ..vivid_core.keyframe.library import picture_digest
    from ..vivid_core.media import read_clip
    from ..vivid_core.video import FrameRange

    first = read_clip(source, range=FrameRange(start=0, stop=1)).frames[0]
    return host.work_folder("long", f"{picture_digest(first)}_{node}")


def _target(prefix: str, suffix: str, size: tuple[int, int]) -> tuple[Path, dict[str, str]]:
    """A new file below the output folder, and how the page finds it."""
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.get_output_directory(), *size
    )
    filename = f"{name}_{counter:05}_{suffix}"
    return Path(folder) / filename, {"filename": filename, "subfolder": subfolder, "type": "output"}


def _preview(out: Path, shown: dict[str, str]) -> dict[str, Any]:
    """The file itself where browsers can play it, else an animation of how it begins."""
    if out.suffix == PLAYABLE:
        return {"images": [shown], "animated": (True,)}
    from ..vivid_core.media import read_clip, read_info
    from ..vivid_core.video import FrameRange

    start = FrameRange(start=0, stop=min(read_info(out).frame_count, PREVIEWED))
    clip = read_clip(out, range=start)
    return previews.animation(clip.frames, float(clip.fps))


def _masks(mask: Any) -> MaskSource:
    from ..vivid_core.chain.sources import MasksInMemory

    return MasksInMemory(mask.cpu()) if isinstance(mask, Tensor) else mask
