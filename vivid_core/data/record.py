"""What is known about a sample of a built dataset: its task, words, scores and where it is from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..errors import InputError
from ..files.guarded import decode_json
from ..files.parse import build_config, plain_values
from .samples import Task

Subset = Literal["video", "image"]
Propagation = Literal["tracked", "copied", "background", "changed"]
Origin = Literal["video", "pair", "still"]  # InsViE, Tab. 2


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """The frames start .. stop-1 of a source. `path` is relative to the folder of all sources."""

    path: str
    start: int
    stop: int
    digest: str  # of the source file
    licence: str = ""
    origin: str = ""  # an address, or words


@dataclass(frozen=True, kw_only=True)
class EditFacts:
    """How the edit of a clip came about; `source_size` is height and width of what it is from."""

    origin: Origin
    source_size: tuple[int, int]
    source_caption: str = ""
    edited_caption: str = ""
    motion: str = ""  # of the camera, over a still


@dataclass(frozen=True, kw_only=True)
class SampleRecord:
    """One sample: a clip (an image is a clip of one frame) and the mask of what is edited in it.

    A sample of "edit" has captions of what is inside the mask, the shortest first; "delete" has
    none, for its caption is fixed, and its mask lies on background, so that the clip itself is the
    truth. A sample of "instruct" has an edit beside its clip: its captions are the instruction in
    one or more wordings, its mask is where the two differ. `box` is left, top, right, bottom in
    pixels, on the first frame, or of an edit on all frames together. The six variants of a
    mask (VIVID, sec. 3.3) are not stored. Whoever wants them as fixed files, as the paper has them,
    gives `mask_seed` to `augment_mask`; this pack's training draws anew each time instead, from
    its own seed and step.
    """

    key: str
    clip: str  # key of the clip that other samples may share
    subset: Subset
    task: Task
    label: str
    captions: tuple[str, ...]
    box: tuple[float, float, float, float]
    height: int
    width: int
    frames: int
    fps: str  # a fraction, as 30000/1001
    propagation: Propagation  # of the mask: with its object, another's path, the scene, or an edit
    source: Provenance
    mask_seed: int
    scores: dict[str, float] = field(default_factory=dict)
    empty: tuple[int, ...] = ()  # frames whose mask selects nothing
    donor: str = ""  # key of the sample whose mask a deletion borrows
    reference: str = ""  # member that holds a picture of the thing, where there is one
    edit: EditFacts | None = None  # of "instruct"

    def __post_init__(self) -> None:
        if not self.key or not self.key.replace("_", "").isalnum():
            raise ValueError(f"key must be letters, digits and _, got {self.key!r}")
        if min(self.height, self.width, self.frames) < 1:
            raise ValueError(f"{self.key}: must have pixels and frames")
        if (self.task == "delete") == bool(self.captions):
            raise ValueError(f"{self.key}: 'delete' has no captions, every other task has some")
        if (self.task == "instruct") != (self.edit is not None):
            raise ValueError(f"{self.key}: 'instruct' says how its edit came about, no other does")

    @property
    def masked(self) -> tuple[int, ...]:
        """The frames whose mask selects something."""
        empty = {*self.empty}
        return tuple(frame for frame in range(self.frames) if frame not in empty)


def format_record(record: SampleRecord) -> str:
    """The JSON text of a record; the same record, the same text."""
    values = plain_values(record)
    if record.edit is None:  # as it was written before there were edits
        del values["edit"]
    return json.dumps(values, sort_keys=True)


def parse_record(text: str | bytes, *, where: str) -> SampleRecord:
    """The record of a JSON text. Raises InputError that names what is wrong and `where`."""
    try:
        data = decode_json(text if isinstance(text, str) else text.decode())
    except ValueError as error:
        raise InputError("data", f"{where}: is no JSON record ({error})") from error
    if not isinstance(data, Mapping):
        raise InputError("data", f"{where}: is no JSON object")
    return build_config(SampleRecord, data, where=where)
