"""A writer of instructions for procedural scenes: it knows their colours and shapes by sight.

It stands where a vision-language model stands in the building of an instruction dataset, so that
this can be tried with nothing downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from ..build.instructions import Instruction
from ..errors import EngineError
from ..files.digest import digest_of
from .scenes.captions import words_of
from .scenes.instructions import KINDS, PHRASES, SHARES, Kind, with_article
from .scenes.recognise import nearest_colors, recognise
from .scenes.shapes import COLORS, SHAPES, is_held_out

SMALLEST_SHARE = 0.01  # of the frame: fewer pixels of a colour are no thing
DRAWS = 40  # tries to find another instruction
Frame = UInt8[np.ndarray, "h w 3"]


class Seen(NamedTuple):
    """A thing of a scene."""

    color: str
    shape: str

    def __str__(self) -> str:
        return f"{self.color} {self.shape}"


class SceneWriter:
    """A `Writer`. Raises EngineError for pictures in which it sees none of the scenes' things."""

    digest = digest_of("scene writer", 1)

    def describe(self, keyframes: Sequence[Frame], caption: str = "") -> str:
        """What all frames together show; it reads no captions."""
        things = list(dict.fromkeys(thing for frame in keyframes for thing in see_things(frame)))
        if not things:
            raise EngineError("no coloured shape is seen: this writer knows the pack's own clips")
        colors = {thing.color: thing for thing in reversed(things)}  # a colour comes once
        return caption_of(list(reversed(colors.values())))

    def instruct(self, picture: Frame, caption: str, *, count: int) -> tuple[Instruction, ...]:
        things = _told(caption)
        if not things:
            raise EngineError(f"the caption names no coloured shape: {caption[:80]!r}")
        rng = np.random.default_rng(int(digest_of(caption, picture.tobytes()), 16))
        drawn: dict[str, Instruction] = {}
        for _ in range(DRAWS * count):
            if len(drawn) < count:
                one = _draw(things, rng)
                drawn.setdefault(one.text, one)
        if len(drawn) < count:
            raise EngineError(f"knows {len(drawn)} instructions for {caption!r}, not {count}")
        return tuple(drawn.values())


def see_things(frame: Frame) -> tuple[Seen, ...]:
    """Things by their colours, those with most pixels first."""
    pixels = frame[None].astype(np.float32) / 255
    labels = nearest_colors(pixels)
    counts = np.bincount(labels[labels >= 0], minlength=len(COLORS))
    found = []
    for number in np.argsort(-counts, kind="stable"):
        if counts[number] < SMALLEST_SHARE * labels.size:
            break
        seen = recognise(pixels, (labels == number).astype(np.float32))
        if seen.color is not None and seen.shape is not None:
            found.append(Seen(seen.color, seen.shape))
    return tuple(found)


def caption_of(things: Sequence[Seen]) -> str:
    """In the words of the scenes' captions."""
    return " and ".join(f"a {thing}" for thing in things)


def _told(caption: str) -> list[Seen]:
    """The things that a caption names, in its order."""
    words = words_of(caption)
    pairs = zip(words, words[1:], strict=False)
    return [Seen(color, shape) for color, shape in pairs if color in COLORS and shape in SHAPES]


def _draw(things: list[Seen], rng: np.random.Generator) -> Instruction:
    kinds: list[Kind] = [kind for kind in KINDS if kind != "remove" or len(things) > 1]
    shares = np.array([SHARES[KINDS.index(kind)] for kind in kinds])
    kind = kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]
    old = things[int(rng.integers(len(things)))]
    new = _changed(kind, old, things, rng)
    phrases = PHRASES[kind]
    text = phrases[int(rng.integers(len(phrases)))].format(
        it=f"the {old}", color=new.color, shape=new.shape, new=with_article(str(new))
    )
    return Instruction(text=text, edited_caption=caption_of(_after(kind, old, new, things)))


def _changed(kind: Kind, old: Seen, things: list[Seen], rng: np.random.Generator) -> Seen:
    """What is to be seen afterwards, of pairs that vivid-tiny has learnt."""
    taken = {thing.color for thing in things}
    free = [color for color in COLORS if color not in taken]
    colors = [old.color] if kind in ("reshape", "remove") else free or [old.color]
    shapes = {
        "recolor": [old.shape],
        "reshape": [shape for shape in SHAPES if shape != old.shape],
        "remove": [old.shape],
        "add": list(SHAPES),
    }[kind]
    pairs = [Seen(color, shape) for color in colors for shape in shapes]
    known = [pair for pair in pairs if not is_held_out(*pair)] or pairs
    return known[int(rng.integers(len(known)))]


def _after(kind: Kind, old: Seen, new: Seen, things: list[Seen]) -> list[Seen]:
    if kind == "add":
        return [*things, new]
    if kind == "remove":
        return [thing for thing in things if thing != old]
    return [new if thing == old else thing for thing in things]
