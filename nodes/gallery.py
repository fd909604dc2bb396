"""The candidates that the gallery on a node shows: those of this run, and earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import host

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from ..vivid_core.keyframe.edit import KeyframeResult
    from ..vivid_core.keyframe.library import CandidateLibrary, CandidateRecord, Picked
    from ..vivid_core.settings import Aim
    from ..vivid_core.video import Clip

FOREIGN = "gallery"  # the temporary folder of pictures from other nodes
MOST_EARLIER = 200  # pictures of earlier runs in the gallery; older ones stay on disk


def library() -> CandidateLibrary:
    """The candidates below ComfyUI's output folder."""
    from ..vivid_core.keyframe.library import CandidateLibrary

    return CandidateLibrary(_root())


def keep(result: KeyframeResult, clip: Clip, task: Aim, *, node: str) -> None:
    """Keep the candidates of a run, beside the earlier ones of this node for this clip."""
    from ..vivid_core.keyframe.library import picture_digest

    group = host.work_folder("keyframes", f"{picture_digest(clip.frames[0])}_{node}").name
    library().keep(group, result.candidates, frame=result.frame, task=task)


def show(batch: Tensor) -> dict[str, Any]:
    """What the page gets: pictures [N, H, W, 3] of this run, and the earlier ones beside them."""
    from ..vivid_core.keyframe.library import picture_digest

    known = library()
    digests = [picture_digest(pixels) for pixels in batch]
    current = [
        _card(digest, known.find(digest), pixels)
        for digest, pixels in zip(digests, batch, strict=True)
    ]
    return {"vivid_gallery": (_with_earlier(current, known),)}


def remember(digests: Sequence[str]) -> dict[str, Any]:
    """The same for pictures that were shown before, as far as they are still there."""
    from ..vivid_core.keyframe.library import is_digest

    known = library()
    cards = (_kept(digest, known) for digest in digests if is_digest(digest))
    return _with_earlier([card for card in cards if card is not None], known)


def is_of_another_clip(picked: Picked, batch: Tensor) -> bool:
    """Whether a kept picture was made for another clip than these [N, H, W, 3]."""
    from ..vivid_core.keyframe.library import picture_digest

    if picked.record is None:
        return False
    if picked.pixels.shape != batch.shape[1:]:
        return True
    known = library()
    records = (known.find(picture_digest(pixels)) for pixels in batch)
    clips = {_clip_of(record) for record in records if record is not None}
    return bool(clips) and _clip_of(picked.record) not in clips


def _clip_of(record: CandidateRecord) -> str:
    """The digest of the first frame of the clip that a candidate was made for; see `keep`."""
    return record.folder.name.split("_")[0]


def _with_earlier(current: list[dict[str, Any]], known: CandidateLibrary) -> dict[str, Any]:
    earlier = known.beside([card["digest"] for card in current])[:MOST_EARLIER]
    return {"current": current, "earlier": [_of_record(record) for record in earlier]}


def _kept(digest: str, known: CandidateLibrary) -> dict[str, Any] | None:
    record = known.find(digest)
    if record is not None and record.path.is_file():
        return _of_record(record)
    foreign = host.temp_folder(FOREIGN)[0] / f"{digest}.png"
    return _in_temp(digest) if foreign.is_file() else None


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

    save_image(host.temp_folder(FOREIGN)[0] / f"{digest}.png", pixels)
    return _in_temp(digest)


def _in_temp(digest: str) -> dict[str, Any]:
    _, subfolder = host.temp_folder(FOREIGN)
    return {"digest": digest, "file": f"{digest}.png", "subfolder": subfolder, "type": "temp"}


def _root() -> Path:
    """output/vivid/keyframes."""
    return host.work_folder("keyframes", "")
