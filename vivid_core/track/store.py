"""Mask tracks on disk: COCO run lengths in small files, read and written one frame at a time.

A track is a folder:

    track.json            what it is: size, frame count, rate, objects, digest, report
    masks/000000.json     frames 0 to 31, masks/000001.json frames 32 to 63, ...
    states/               where an interrupted run goes on; may be deleted

Each file of `masks/` is itself a masks.json that `media.read_mask` reads, once all its frames are
done:

    {"size": [480, 720], "start": 32, "frames": [
        {"counts": "...", "objects": {
            "1": {"counts": "...", "state": "tracked", "confidence": 0.97, "made_by": "3f0c..."}}}]}

The outer `counts` are the union of the objects, null while an object is missing. `made_by` is a
digest of all that decides this mask: pixels, engine, weights, and the prompts up to its frame. A
record with the right digest is kept, any other is tracked again. Every file appears whole or
not at all, and holds a checksum of itself; at most one of them is in memory.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..errors import InputError, MediaError
from ..files.atomic import write_whole_file
from ..files.guarded import JsonError, load_json
from ..files.seal import require_sealed, write_sealed
from ..media import decode_rle, encode_rle, rle_area
from ..video import FrameRange

log = logging.getLogger(__name__)

FORMAT, VERSION = "vivid-mask-track", 1
CHUNK_FRAMES = 32
MOST_BYTES = 2**30  # of 32 frames; that of a frame of noise in 8K is 30 MB
HEADER, MASKS, STATES = "track.json", "masks", "states"

State = Literal["prompted", "tracked", "lost", "outside"]
"""prompted: from the user's prompt. tracked: followed there. lost: hidden or not found; the mask
is empty. outside: in a shot without prompts for this object; the mask is empty."""


@dataclass(frozen=True, kw_only=True)
class ObjectMask:
    """The mask of one object on one frame. `confidence` is 0..1."""

    pixels: Bool[np.ndarray, "h w"]
    state: State
    confidence: float


@dataclass(frozen=True, kw_only=True)
class TrackHeader:
    """What a track is. `digest` stands for everything that makes it; `report` is plain JSON."""

    height: int
    width: int
    frames: int
    fps: Fraction
    objects: tuple[tuple[int, str], ...]  # id, name
    digest: str
    complete: bool = False
    report: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.frames) < 1 or not self.objects:
            raise InputError("track", "needs a size, frames and objects: none of them may be 0")


class StoredTrack:
    """A mask track in a folder; random access by frame, constant memory.

    Use `create` to write, `open` to read. Writes reach the disk at `flush`, at `close`, and
    whenever another file of frames is touched.
    """

    def __init__(self, folder: Path, header: TrackHeader, *, renews: bool = False) -> None:
        """`renews`: damaged files count as missing, for a run that makes what is missing."""
        self.folder, self.header, self._renews = folder, header, renews
        self._chunk: int | None = None
        self._frames: list[dict[str, Any]] = []
        self._dirty = False

    @classmethod
    def create(cls, folder: Path, header: TrackHeader) -> StoredTrack:
        """Begin a track, or go on with the one in `folder`, whose masks stay until replaced.

        What is damaged is made again. Raises InputError if the folder holds something else, or a
        track of other frames.
        """
        if folder.exists() and not folder.is_dir():
            raise InputError("track", f"{folder} is a file: name a folder")
        if (folder / HEADER).is_file():
            old = _earlier_header(folder)
            if old is not None and not _same_frames(old, header):
                raise InputError(
                    "track",
                    f"{folder} holds {old.frames} masks of {old.width}x{old.height}, the clip has "
                    f"{header.frames} frames of {header.width}x{header.height}: choose another "
                    "folder",
                )
        elif folder.is_dir() and any(folder.iterdir()):
            raise InputError("track", f"{folder} is not empty and no track: choose another folder")
        track = cls(folder, header, renews=True)
        try:
            for part in (folder, folder / MASKS, folder / STATES):
                part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MediaError(f"{folder}: cannot be made ({error.strerror})") from error
        track._write_header()
        return track

    @classmethod
    def open(cls, folder: Path) -> StoredTrack:
        """A track to read. Raises MediaError if there is none, or it is damaged."""
        path = folder / HEADER
        if not path.is_file():
            raise MediaError(f"{folder}: holds no mask track ({HEADER}): run the tracking again")
        try:
            return cls(folder, _read_header(path))
        except MediaError as error:
            raise MediaError(f"{error}: run the tracking again, in another folder") from error

    def __len__(self) -> int:
        return self.header.frames

    def __enter__(self) -> StoredTrack:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.flush()

    @property
    def object_ids(self) -> tuple[int, ...]:
        return tuple(number for number, _ in self.header.objects)

    def made_by(self, frame: int, number: int) -> str | None:
        """The digest of what made this object's mask on a frame, if there is one."""
        found = self._entry(frame)["objects"].get(str(number))
        return None if found is None else found["made_by"]

    def status(self, frame: int, number: int) -> tuple[State, float] | None:
        """State and confidence of an object on a frame, if it was tracked."""
        found = self._entry(frame)["objects"].get(str(number))
        return None if found is None else (found["state"], found["confidence"])

    def area(self, frame: int, number: int) -> float:
        """The share of the frame that an object covers, 0..1; 0 if it was not tracked."""
        found = self._entry(frame)["objects"].get(str(number))
        if found is None:
            return 0.0
        return rle_area(found["counts"]) / (self.header.height * self.header.width)

    def put(self, frame: int, number: int, mask: ObjectMask, *, made_by: str) -> None:
        """Set the mask of one object on one frame."""
        self._require_size(mask.pixels)
        entry = self._entry(frame)
        entry["objects"][str(number)] = {
            "counts": encode_rle(mask.pixels),
            "state": mask.state,
            "confidence": round(float(mask.confidence), 4),
            "made_by": made_by,
        }
        entry["counts"] = self._union(entry)
        self._dirty = True

    def object_mask(self, frame: int, number: int) -> Bool[np.ndarray, "h w"]:
        """One object's mask. Raises MediaError if it was not tracked yet."""
        found = self._entry(frame)["objects"].get(str(number))
        if found is None:
            raise MediaError(
                f"{self.folder}: object {number} was not tracked on frame {frame}: run the "
                "tracking again, it goes on where it stopped"
            )
        return self._decode(found["counts"], frame)

    def mask(self, frame: int) -> Bool[np.ndarray, "h w"]:
        """The union of all objects on a frame."""
        counts = self._entry(frame)["counts"]
        if counts is None:
            missing = next(n for n in self.object_ids if self.status(frame, n) is None)
            return self.object_mask(frame, missing)
        return self._decode(counts, frame)

    def masks(self, frames: FrameRange | None = None) -> Iterator[Bool[np.ndarray, "h w"]]:
        """The union masks of a range of frames, one at a time."""
        span = frames or FrameRange(start=0, stop=len(self))
        return (self.mask(frame) for frame in range(span.start, span.stop))

    def read(self, frames: FrameRange | None = None) -> Float[Tensor, "t h w"]:
        """The union masks of a range of frames as a MASK: float32, 0 or 1."""
        span = frames or FrameRange(start=0, stop=len(self))
        values = torch.empty(len(span), self.header.height, self.header.width)
        for target, mask in zip(values, self.masks(span), strict=True):
            target.copy_(torch.from_numpy(mask))
        return values

    def save_json(self, path: Path) -> None:
        """Write the union masks as one masks.json, without decoding them."""
        counts = [self._entry(frame)["counts"] for frame in range(len(self))]
        if None in counts:
            self.mask(counts.index(None))
        data = {
            "size": [self.header.height, self.header.width],
            "frames": [{"counts": item} for item in counts],
        }
        write_whole_file(path, json.dumps(data).encode())

    def flush(self) -> None:
        """Write what was put, in one piece."""
        if not self._dirty or self._chunk is None:
            return
        data = {
            "size": [self.header.height, self.header.width],
            "start": self._chunk * CHUNK_FRAMES,
            "frames": self._frames,
        }
        write_sealed(self._path(self._chunk), data)
        self._dirty = False

    def finish(self, report: Mapping[str, Any]) -> None:
        """Write everything, and mark the track as complete."""
        self.flush()
        known = {item: getattr(self.header, item) for item in self.header.__dataclass_fields__}
        self.header = TrackHeader(**(known | {"complete": True, "report": report}))
        self._write_header()

    def _entry(self, frame: int) -> dict[str, Any]:
        if not 0 <= frame < len(self):
            raise InputError("frame", f"{frame} does not exist: the track has 0 to {len(self) - 1}")
        chunk, offset = divmod(frame, CHUNK_FRAMES)
        if chunk != self._chunk:
            self.flush()
            self._frames = self._read_chunk(chunk)
            self._chunk = chunk
        return self._frames[offset]

    def _read_chunk(self, chunk: int) -> list[dict[str, Any]]:
        count = min(CHUNK_FRAMES, len(self) - chunk * CHUNK_FRAMES)
        path = self._path(chunk)
        missing = [{"counts": None, "objects": {}} for _ in range(count)]
        if not path.is_file():
            return missing
        try:
            frames = self._parse_chunk(_read_json(path), path, chunk)
        except MediaError as error:
            if not self._renews:
                raise MediaError(f"{error}: delete this file and run the tracking again") from error
            log.warning("masks are tracked again (%s)", error)
            return missing
        for entry in frames:
            self._adopt(entry)
        return frames

    def _parse_chunk(self, data: Any, path: Path, chunk: int) -> list[dict[str, Any]]:
        size, start = [self.header.height, self.header.width], chunk * CHUNK_FRAMES
        count = min(CHUNK_FRAMES, len(self) - start)
        try:
            require_sealed(data, path)
            if (data["size"], data["start"]) != (size, start):
                raise ValueError(f"of size {data['size']}, from frame {data['start']}")
            frames = [_parse_entry(entry) for entry in data["frames"]]
            if len(frames) != count:
                raise ValueError(f"{len(frames)} frames instead of {count}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MediaError(f"{path}: is damaged ({error!r})") from error
        return frames

    def _adopt(self, entry: dict[str, Any]) -> None:
        """Drop objects that are no longer asked for."""
        wanted = {str(number) for number in self.object_ids}
        if entry["objects"].keys() != wanted:
            entry["objects"] = {k: v for k, v in entry["objects"].items() if k in wanted}
            entry["counts"] = self._union(entry)

    def _union(self, entry: dict[str, Any]) -> str | None:
        found = entry["objects"]
        if len(found) < len(self.object_ids):
            return None
        if len(found) == 1:
            return next(iter(found.values()))["counts"]
        union = np.zeros((self.header.height, self.header.width), bool)
        for item in found.values():
            union |= self._decode(item["counts"], frame=-1)
        return encode_rle(union)

    def _decode(self, counts: str, frame: int) -> Bool[np.ndarray, "h w"]:
        try:
            return decode_rle(counts, (self.header.height, self.header.width))
        except InputError as error:
            raise MediaError(
                f"{self.folder}: the mask of frame {frame} is damaged ({error}): delete "
                f"{MASKS}/{max(frame, 0) // CHUNK_FRAMES:06}.json and run the tracking again"
            ) from error

    def _path(self, chunk: int) -> Path:
        return self.folder / MASKS / f"{chunk:06}.json"

    def _require_size(self, pixels: np.ndarray) -> None:
        if pixels.shape != (self.header.height, self.header.width):
            raise InputError(
                "mask",
                f"is {pixels.shape[1]}x{pixels.shape[0]}, the track is "
                f"{self.header.width}x{self.header.height}",
            )

    def _write_header(self) -> None:
        data = {"format": FORMAT, "version": VERSION} | asdict(self.header)
        data["fps"] = str(self.header.fps)
        write_sealed(self.folder / HEADER, data, indent=1)


def _read_json(path: Path) -> Any:
    try:
        return load_json(path, most_bytes=MOST_BYTES)
    except (OSError, JsonError) as error:
        raise MediaError(f"{path}: cannot be read ({error})") from error


def _same_frames(old: TrackHeader, new: TrackHeader) -> bool:
    return (old.frames, old.height, old.width) == (new.frames, new.height, new.width)


def _earlier_header(folder: Path) -> TrackHeader | None:
    """The header that a run goes on from; None for a damaged one, which is written again.

    Raises MediaError for one of another version, and where nothing else says that it is a track.
    """
    path = folder / HEADER
    try:
        return _read_header(path)
    except _OtherTrack:
        raise
    except MediaError as error:
        if not (folder / MASKS).is_dir():
            raise
        log.warning("the track's header is written again (%s)", error)
        return None


class _OtherTrack(MediaError):
    """A header that another version, or something else, wrote on purpose."""


def _read_header(path: Path) -> TrackHeader:
    data = _read_json(path)
    if isinstance(data, dict) and {"format", "version"} <= data.keys():
        found = data["format"], data["version"]
        if found != (FORMAT, VERSION):
            raise _OtherTrack(
                f"{path}: is no mask track this pack reads (format {found[0]}, version {found[1]})"
            )
        require_sealed(data, path)
    return _parse_header(data, path)


def _parse_header(data: Any, path: Path) -> TrackHeader:
    try:
        return TrackHeader(
            height=int(data["height"]),
            width=int(data["width"]),
            frames=int(data["frames"]),
            fps=Fraction(data["fps"]),
            objects=tuple((int(number), str(name)) for number, name in data["objects"]),
            digest=str(data["digest"]),
            complete=bool(data["complete"]),
            report=dict(data["report"]),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise MediaError(f"{path}: is no mask track this pack reads ({error})") from error


def _parse_entry(entry: Any) -> dict[str, Any]:
    objects = {number: _parse_object(number, found) for number, found in entry["objects"].items()}
    counts = entry["counts"]
    if counts is not None and not isinstance(counts, str):
        raise ValueError("counts that are no text")
    return {"counts": counts, "objects": objects}


def _parse_object(number: str, found: Any) -> dict[str, Any]:
    state, counts, made_by = found["state"], found["counts"], found["made_by"]
    confidence = found["confidence"]
    texts = isinstance(counts, str) and isinstance(made_by, str)
    if not texts or state not in get_args(State) or type(confidence) not in (int, float):
        raise ValueError(f"object {number}")
    if not 0 <= confidence <= 1:
        raise ValueError(f"object {number} with the confidence {confidence}")
    return {
        "counts": counts,
        "state": state,
        "confidence": float(confidence),
        "made_by": made_by,
    }
