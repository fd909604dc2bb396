"""What happened to each object in each shot, as plain JSON and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..video import FrameRange
from .prompts import ObjectPrompts, Prompts
from .store import StoredTrack


def report_track(
    track: StoredTrack, shots: Sequence[FrameRange], prompts: Prompts
) -> dict[str, Any]:
    """{"shots": [{"start", "stop", "objects": [...]}], "warnings": [...]}.

    For each object of a shot: `id`, `name`, `prompted` (frames), `tracked` (how many frames),
    `lost` ([first, last] of each stretch), `outside` (no prompt in this shot) and `confidence`
    (mean over the frames where it was found, 0..1).
    """
    data = [
        {
            "start": shot.start,
            "stop": shot.stop,
            "objects": [_object_data(track, shot, item) for item in prompts.objects],
        }
        for shot in shots
    ]
    return {"shots": data, "warnings": list(_warnings(data))}


def _object_data(track: StoredTrack, shot: FrameRange, item: ObjectPrompts) -> dict[str, Any]:
    found: dict[str, list[int]] = {"prompted": [], "tracked": [], "lost": [], "outside": []}
    confidences: list[float] = []
    for frame in range(shot.start, shot.stop):
        status = track.status(frame, item.id)
        if status is not None:
            found[status[0]].append(frame)
            if status[0] in ("prompted", "tracked"):
                confidences.append(status[1])
    return {
        "id": item.id,
        "name": item.name,
        "prompted": found["prompted"],
        "tracked": len(found["tracked"]),
        "lost": _stretches(found["lost"]),
        "outside": bool(found["outside"]),
        "nothing_at_prompt": [p.frame for p in item.frames if p.frame in found["lost"]],
        "confidence": round(sum(confidences) / len(confidences), 4) if confidences else 0.0,
    }


def _stretches(frames: Iterable[int]) -> list[list[int]]:
    """First and last of each run of consecutive numbers."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and runs[-1][1] == frame - 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return runs


def _warnings(shots: Sequence[dict[str, Any]]) -> Iterable[str]:
    if len(shots) > 1:
        cuts = ", ".join(str(shot["start"]) for shot in shots[1:])
        yield (
            f"the clip has {len(shots)} shots (cuts at frame {cuts}); nothing is followed across "
            "a cut"
        )
    for index, shot in enumerate(shots, 1):
        where = f"shot {index} (frames {shot['start']} to {shot['stop'] - 1})"
        for item in shot["objects"]:
            yield from _object_warnings(item, where)


def _object_warnings(item: dict[str, Any], where: str) -> Iterable[str]:
    name = f"object {item['id']}" + (f" ({item['name']})" if item["name"] else "")
    if item["outside"]:
        yield (
            f"{name} has no prompt in {where}, its mask is empty there: add a point if it is in "
            "the picture"
        )
        return
    for frame in item["nothing_at_prompt"]:
        yield (
            f"{name}: nothing was found at its prompt on frame {frame}: move the point onto the "
            "object, or draw a box around it"
        )
    if item["lost"]:
        listed = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in item["lost"])
        yield (
            f"{name} is lost in {where} on frame {listed}: where it is visible there, add a point"
        )


def report_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The report in words, a line for each object in each shot, then the warnings."""
    for shot in report["shots"]:
        for item in shot["objects"]:
            found = len(item["prompted"]) + item["tracked"]
            yield (
                f"frames {shot['start']} to {shot['stop'] - 1}, object {item['id']}: found on "
                f"{found} of {shot['stop'] - shot['start']}, confidence {item['confidence']:.2f}"
            )
    for warning in report["warnings"]:
        yield f"warning: {warning}"
