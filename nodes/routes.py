"""What the page asks for between runs: frames of a clip that is known, and kept candidates.

All is read-only (GET), below /vivid, and contained: a file is given only if it lies, links
resolved, in ComfyUI's input, output or temp folder. ComfyUI's own /view gives finished pictures;
these are for what it cannot: a frame of a video, and the records of candidates.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths
import torch
from aiohttp import web
from comfy_api.latest import io

from . import convert, frames, gallery
from .sample import SampleClip

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from ..vivid_core.track.frames import VideoFrames

VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
LONGEST_NAME = 1024  # characters
MOST_FRAMES = 100_000  # of a clip that the page shows before a run
MOST_PIXELS = 8192 * 8192  # of one frame
MOST_CANDIDATES = 64  # that one question may name
BLOCK = 8  # frames that are decoded together, because an editor asks for neighbours too
MOST_BYTES = 64 * 2**20  # of pictures that are kept in memory
MOST_CLIPS = 4  # of which the timing, or the answer, is kept
MOST_SAMPLE_PIXELS = 640 * 480 * 100  # of a sample clip: width x height x length


class Routes:
    """The answers. Files are decoded one at a time, beside the event loop."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._blocks: OrderedDict[tuple[str, int, int], list[bytes]] = OrderedDict()
        self._clips: OrderedDict[tuple[str, int], VideoFrames] = OrderedDict()
        self._samples: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def add_to(self, routes: web.RouteTableDef) -> None:
        """Make them known to ComfyUI's server."""
        routes.get("/vivid/clip")(self.clip)
        routes.get("/vivid/frame")(self.frame)
        routes.get("/vivid/sample")(self.sample)
        routes.get("/vivid/candidates")(self.candidates)

    async def clip(self, request: web.Request) -> web.Response:
        """?file: {"width", "height", "fps", "frames", "stamp"} of a video file."""
        path = find_video(request.query.get("file", ""))
        return web.json_response(await self._in_turn(self._about, path))

    async def frame(self, request: web.Request) -> web.Response:
        """?file&frame: one frame as JPEG, scaled down for a page."""
        path = find_video(request.query.get("file", ""))
        picture = await self._in_turn(self._picture, path, _number(request.query.get("frame", "")))
        age = {"Cache-Control": "private, max-age=3600"}  # the page adds the file's stamp
        return web.Response(body=picture, content_type="image/jpeg", headers=age)

    async def sample(self, request: web.Request) -> web.Response:
        """?inputs of Vivid Sample Clip: what its editor gets after a run."""
        values = sample_values(request.query)
        return web.json_response(await self._in_turn(self._sample, values))

    async def candidates(self, request: web.Request) -> web.Response:
        """?digest&digest...: what the gallery showed, as far as it is still there."""
        digests = request.query.getall("digest", [])
        if not 0 < len(digests) <= MOST_CANDIDATES:
            raise web.HTTPBadRequest(text=f"name 1 to {MOST_CANDIDATES} candidates")
        return web.json_response(await self._in_turn(gallery.remember, digests))

    async def _in_turn(self, work: Callable[..., Any], *values: Any) -> Any:
        from ..vivid_core.errors import VividError

        async with self._turn:
            try:
                return await asyncio.to_thread(work, *values)
            except VividError as error:
                # Its words name paths of this machine.
                raise web.HTTPUnprocessableEntity(text="the file cannot be shown") from error

    def _about(self, path: Path) -> dict[str, Any]:
        clip = self._clip(path)
        height, width = clip.size
        stamp = str(path.stat().st_mtime_ns)
        size = {"width": width, "height": height, "fps": float(clip.fps)}
        return size | {"frames": len(clip), "stamp": stamp}

    def _picture(self, path: Path, number: int) -> bytes:
        block, offset = divmod(number, BLOCK)
        key = (str(path), path.stat().st_mtime_ns, block)
        pictures = self._blocks.get(key) or read_block(self._clip(path), block)
        self._blocks[key] = pictures
        self._blocks.move_to_end(key)
        while len(self._blocks) > 1 and self._held > MOST_BYTES:
            self._blocks.popitem(last=False)
        if offset >= len(pictures):
            raise web.HTTPNotFound(text=f"the clip has no frame {number}")
        return pictures[offset]

    def _clip(self, path: Path) -> VideoFrames:
        """A file, whose timing is read once as long as it does not change."""
        key = (str(path), path.stat().st_mtime_ns)
        clip = self._clips.get(key) or open_clip(path)
        _remember(self._clips, key, clip)
        return clip

    def _sample(self, values: dict[str, Any]) -> dict[str, Any]:
        key = str(sorted(values.items()))
        data = self._samples.get(key)
        if data is None or not frames.are_there(data):
            data = draw_sample(values)
        _remember(self._samples, key, data)
        return data

    @property
    def _held(self) -> int:
        return sum(len(picture) for block in self._blocks.values() for picture in block)


def find_video(name: str) -> Path:
    """The video file behind the value of Load Video's `file`: "clip.mp4", "clip.mp4 [output]".

    Raises HTTPNotFound for whatever is not there or not in ComfyUI's folders.
    """
    missing = web.HTTPNotFound(text="there is no such video in ComfyUI's folders")
    if not name or len(name) > LONGEST_NAME or "\0" in name:
        raise missing
    relative, base = folder_paths.annotated_filepath(name)
    path = Path(base or folder_paths.get_input_directory(), relative).resolve()
    if not any(path.is_relative_to(folder) for folder in _folders()) or not path.is_file():
        raise missing
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        raise web.HTTPUnsupportedMediaType(text="the file is no video")
    return path


def open_clip(path: Path) -> VideoFrames:
    """A file to read frames of. Raises MediaError for one that cannot be read, or is too large."""
    from ..vivid_core.errors import MediaError
    from ..vivid_core.track.frames import VideoFrames

    clip = VideoFrames(path)
    height, width = clip.size
    if width * height > MOST_PIXELS or len(clip) > MOST_FRAMES:
        raise MediaError(f"{path.name}: is too large to be shown before a run")
    return clip


def read_block(clip: VideoFrames, block: int) -> list[bytes]:
    """The JPEG pictures of BLOCK frames; fewer at the clip's end, none after it."""
    from ..vivid_core.video import FrameRange

    start, stop = block * BLOCK, min((block + 1) * BLOCK, len(clip))
    if start >= stop:
        return []
    return [_jpeg(pixels) for pixels in clip.read(FrameRange(start=start, stop=stop))]


def sample_values(query: Mapping[str, str]) -> dict[str, Any]:
    """The inputs of Vivid Sample Clip, each as its schema allows it.

    Raises HTTPBadRequest for any other, and for a clip too large to be drawn before a run.
    """
    inputs = SampleClip.define_schema().inputs
    values: dict[str, Any] = {one.id: _sample_value(one, query.get(one.id, "")) for one in inputs}
    if values["width"] * values["height"] * values["length"] > MOST_SAMPLE_PIXELS:
        raise web.HTTPBadRequest(text="the clip is too large to be shown before a run")
    return values


def _sample_value(one: Any, text: str) -> Any:
    if isinstance(one, io.Combo.Input) and text in (one.options or ()):
        return text
    if isinstance(one, io.Int.Input) and text.isascii() and text.isdigit() and len(text) < 12:
        value = int(text)
        if (one.min or 0) <= value <= (one.max or 0):
            return value
    raise web.HTTPBadRequest(text=f"{one.id} is not as Vivid Sample Clip takes it")


def draw_sample(values: dict[str, Any]) -> dict[str, Any]:
    """The frames of a sample clip as files, as a run leaves them."""
    with torch.inference_mode():  # as ComfyUI runs every node
        made: Any = SampleClip.execute(**values).args
        (data,) = frames.editor_frames(convert.to_clip(made[0]))["vivid_frames"]
    return data


def _remember(known: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > MOST_CLIPS:
        known.popitem(last=False)


def _jpeg(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    frames.small_picture(pixels).save(file, "JPEG", quality=frames.QUALITY)
    return file.getvalue()


def _folders() -> list[Path]:
    """Where files may lie, links resolved."""
    known = ("input", "output", "temp")
    return [Path(folder_paths.get_directory_by_type(kind)).resolve() for kind in known]


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise web.HTTPBadRequest(text="frame is a whole number from 0")
    return int(text)
