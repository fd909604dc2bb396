"""What happened to each object in each shot, as plain JSON and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..video import FrameRange
from .growth import DOUBTED_CONFIDENCE, Growth, find_growth
from .prompts import FramePrompt, ObjectPrompts, Prompts
from .store import StoredTrack

MOST_JUMPS = 3  # that are named one by one


def report_track(
    track: StoredTrack, shots: Sequence[FrameRange], prompts: Prompts
) -> dict[str, Any]:
    """{"shots": [{"start", "stop", "objects": [...]}], "warnings": [...]}.

    For each object of a shot: `id`, `name`, `prompted` (frames), `tracked` (how many frames),
    `lost` ([first, last] of each stretch), `outside` (no prompt in this shot), `unclear` (prompted
    frames of low confidence, such as a lone click that selects something else a few pixels away),
    `largest` ([frame, share of the frame]), `large` ([first, last] of each stretch over a third of
    the frame), `jumps` ([frame, share before, share there] where it grew suddenly; see `growth`)
    and `confidence` (mean over the frames where it was found, 0..1; a mask that is doubted for its
    size counts DOUBTED_CONFIDENCE at most).
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
    confidences: dict[int, float] = {}
    for frame in range(shot.start, shot.stop):
        status = track.status(frame, item.id)
        if status is not None:
            found[status[0]].append(frame)
            if status[0] in ("prompted", "tracked"):
                confidences[frame] = status[1]
    areas = {frame: track.area(frame, item.id) for frame in confidences}
    growth = _growth(track, shot, item, areas)
    return {
        "id": item.id,
        "name": item.name,
        "prompted": found["prompted"],
        "tracked": len(found["tracked"]),
        "lost": _stretches(found["lost"]),
        "outside": bool(found["outside"]),
        "nothing_at_prompt": [p.frame for p in item.frames if p.frame in found["lost"]],
        "unclear": [f for f in found["prompted"] if confidences[f] <= DOUBTED_CONFIDENCE],
        "largest": _largest(areas),
        "large": _stretches(growth.large),
        "jumps": [[j.frame, round(j.before, 4), round(j.after, 4)] for j in growth.jumps],
        "confidence": _mean_confidence(confidences, growth),
    }


def _growth(
    track: StoredTrack, shot: FrameRange, item: ObjectPrompts, areas: Mapping[int, float]
) -> Growth:
    inside = [prompt for prompt in item.frames if shot.start <= prompt.frame < shot.stop]
    pixels = track.header.height * track.header.width
    drawn = max((_drawn_area(prompt) / pixels for prompt in inside), default=0.0)
    return find_growth(areas, [prompt.frame for prompt in inside], drawn=drawn)


def _drawn_area(prompt: FramePrompt) -> float:
    """Pixels that a box or painted mask covers; clicks cover none."""
    if prompt.mask is not None:
        return float(prompt.mask.pixels.sum())
    if prompt.box is None:
        return 0.0
    left, top, right, bottom = prompt.box.corners
    return (right - left) * (bottom - top)


def _largest(areas: Mapping[int, float]) -> list[float] | None:
    """[frame, share] of the largest mask."""
    frame = max(areas, key=lambda one: areas[one], default=None)
    return None if frame is None else [frame, round(areas[frame], 4)]


def _mean_confidence(confidences: Mapping[int, float], growth: Growth) -> float:
    if not confidences:
        return 0.0
    counted = [
        min(value, DOUBTED_CONFIDENCE) if frame in growth.doubted else value
        for frame, value in confidences.items()
    ]
    return round(sum(counted) / len(counted), 4)


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
    for frame in item["unclear"]:
        yield (
            f"{name}: it is not clear what the prompt on frame {frame} means, a point a few pixels "
            "beside it selects something else: add a second point, or draw a box around the object"
        )
    if item["lost"]:
        yield (
            f"{name} is lost in {where} on frame {_listed(item['lost'])}: where it is visible "
            "there, add a point"
        )
    yield from _size_warnings(item, name)


def _size_warnings(item: dict[str, Any], name: str) -> Iterable[str]:
    remedy = (
        "look at the mask there; where it covers what is not the object, shift-click on that, or "
        "draw a box around the object"
    )
    if item["large"]:
        frame, share = item["largest"]
        yield (
            f"{name} covers more than a third of the picture on frame {_listed(item['large'])} "
            f"({share:.0%} on frame {frame}): unless it is that large, {remedy}"
        )
    for frame, before, after in item["jumps"][:MOST_JUMPS]:
        yield (
            f"{name} grows suddenly on frame {frame}, from {before:.1%} to {after:.1%} of the "
            f"picture: {remedy}"
        )
    if len(item["jumps"]) > MOST_JUMPS:
        yield f"{name} grows as suddenly on {len(item['jumps']) - MOST_JUMPS} more frames"


def _listed(stretches: Sequence[Sequence[int]]) -> str:
    return ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in stretches)


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
