"""The candidates that the gallery on a node shows: those of this run, and earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import host

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from ..vivid_core.keyframe.edit import KeyframeResult
    from ..vivid_core.keyframe.library import CandidateLibrary, CandidateRecord
    from ..vivid_core.settings import Task
    from ..vivid_core.video import Clip

MOST_EARLIER = 200  # pictures of earlier runs in the gallery; older ones stay on disk


def library() -> CandidateLibrary:
    """The candidates below ComfyUI's output folder."""
    from ..vivid_core.keyframe.library import CandidateLibrary

    return CandidateLibrary(_root())


def keep(result: KeyframeResult, clip: Clip, task: Task, *, node: str) -> None:
    """Keep the candidates of a run, beside the earlier ones of this node for this clip."""
    from ..vivid_core.keyframe.library import picture_digest

    group = host.work_folder("keyframes", f"{picture_digest(clip.frames[0])}_{node}").name
    library().keep(group, result.candidates, frame=result.frame, task=task)


def show(batch: Tensor) -> dict[str, Any]:
    """What the page gets: pictures [N, H, W, 3] of this run, and the earlier ones beside them."""
    from ..vivid_core.keyframe.library import picture_digest

    known = library()
    digests = [picture_digest(pixels) for pixels in batch]
    earlier = known.beside(digests)[:MOST_EARLIER]
    data = {
        "current": [
            _card(digest, known.find(digest), pixels)
            for digest, pixels in zip(digests, batch, strict=True)
        ],
        "earlier": [_of_record(record) for record in earlier],
    }
    return {"vivid_gallery": (data,)}


def _card(digest: str, record: CandidateRecord | None, pixels: Tensor) -> dict[str, Any]:
    return _of_foreign(digest, pixels) if record is None else _of_record(record)


def _of_record(record: CandidateRecord) -> dict[str, Any]:
    return {
        "digest": record.digest,
        "caption": record.caption,
        "seed": record.seed,
        "frame": record.frame,
        "task": record.task,
        "made": record.made,
        "file": record.path.name,
        "subfolder": record.folder.relative_to(_root().parents[1]).as_posix(),
        "type": "output",
    }


def _of_foreign(digest: str, pixels: Tensor) -> dict[str, Any]:
    """A picture from another node lies in the temporary folder while ComfyUI runs."""
    from ..vivid_core.media import save_image

    folder, subfolder = host.temp_folder("gallery")
    save_image(folder / f"{digest}.png", pixels)
    return {"digest": digest, "file": f"{digest}.png", "subfolder": subfolder, "type": "temp"}


def _root() -> Path:
    """output/vivid/keyframes."""
    return host.work_folder("keyframes", "")
