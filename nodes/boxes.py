"""ComfyUI's bounding boxes to and from the entities of vivid_core."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..vivid_core.perceive.protocols import Entity

MOST_BOXES = 1000  # of one frame
UNNAMED = "object"  # the label of a box that says nothing of what it holds


def boxes_of_entities(entities: Sequence[Entity]) -> list[dict[str, Any]]:
    """As SAM3 Detect gives those of one frame."""
    return [
        {
            "x": entity.box[0],
            "y": entity.box[1],
            "width": entity.box[2] - entity.box[0],
            "height": entity.box[3] - entity.box[1],
            "score": entity.score,
            "label": entity.label,
        }
        for entity in entities
    ]


def entities_of_input(value: Any, frame: int, size: tuple[int, ...]) -> tuple[Entity, ...]:
    """VIVID_ENTITIES, or BOUNDING_BOX: one box, boxes for every frame, or a list for each frame.

    `size` is the frame's height and width. Raises InputError for what is neither.
    """
    from ..vivid_core.errors import InputError
    from ..vivid_core.perceive.protocols import Entity

    if isinstance(value, tuple) and all(isinstance(item, Entity) for item in value):
        return value
    boxes = [value] if isinstance(value, dict) else value
    if isinstance(boxes, list) and boxes and isinstance(boxes[0], list):
        if len(boxes) > 1 and frame >= len(boxes):
            raise InputError("entities", f"have boxes for frames 0 to {len(boxes) - 1}")
        boxes = boxes[frame if len(boxes) > 1 else 0]
    if not isinstance(boxes, list) or len(boxes) > MOST_BOXES:
        given = f"{len(boxes):,} boxes" if isinstance(boxes, list) else repr(boxes)[:60]
        raise InputError("entities", f"need boxes, {MOST_BOXES:,} at most, got {given}")
    found = [_entity(box, size) for box in boxes]
    return tuple(entity for entity in found if entity is not None)


def _entity(box: Any, size: tuple[int, ...]) -> Entity | None:
    from ..vivid_core.errors import InputError
    from ..vivid_core.perceive.selection import entity_in_frame

    try:
        left, top, width, height = (float(box[key]) for key in ("x", "y", "width", "height"))
        label, score = str(box.get("label") or UNNAMED), float(box.get("score", 1.0))
        if not all(map(isfinite, (left, top, width, height, score))):
            raise ValueError("not finite")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            "entities", f"a box is {box!r:.200}: expected x, y, width and height in pixels"
        ) from error
    return entity_in_frame(label, (left, top, left + width, top + height), score, size)
