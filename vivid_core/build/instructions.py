"""One caption of a clip from three of its frames, and instructions from that (InsViE, app. 7.1).

A model that answers questions about pictures writes them; examples of the user's show it how.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from ..files.digest import digest_of
from ..perceive.answers import ATTEMPTS, SEPARATOR, UnusableAnswer, ask_until_usable
from ..perceive.protocols import Chat

KEYFRAMES = 3  # of a clip that are described
MOST_WORDS = 40  # of an instruction
LONGEST_CAPTION = 2000  # letters
ARROW = "->"  # between an instruction and what it leads to
QUOTES, NUMBERING = " *\"'`", "-*0123456789.) "  # that models put around lines
EXAMPLES = (
    f"make the dog a fox {ARROW} A fox runs along a beach at noon.",
    f"let it snow {ARROW} A dog runs along a beach while snow falls.",
    f"turn it into a watercolour {ARROW} A watercolour of a dog that runs along a beach.",
    f"remove the dog {ARROW} An empty beach at noon.",
)

FRAME_REQUEST = """\
This picture is one frame of a video.{known} Describe in one or two sentences what is seen in it: \
who or what is there, what happens, and how things stand to each other. Write nothing else."""

FUSE_REQUEST = """\
These sentences describe frames of one video, in their order:
{notes}{known}

Write one caption of the whole video in at most three sentences. Keep what the sentences agree on, \
name what changes from frame to frame, and invent nothing. Write nothing else."""

INSTRUCT_REQUEST = """\
A video shows: {caption}

Write {count} different instructions to edit it: exchange, add or remove something, or change a \
colour, the style, the season, the weather. Each is short and speaks of what is there. Behind it \
goes a caption of the edited video, which repeats all that stays as it was. One line each, as in:
{examples}

Write nothing else."""


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """What to do to a clip, and a caption of what is seen then."""

    text: str
    edited_caption: str


@runtime_checkable
class Writer(Protocol):
    """Describes clips and writes instructions for them. Raises EngineError for want of an answer.

    `digest` stands for its settings and weights.
    """

    @property
    def digest(self) -> str: ...

    def describe(self, keyframes: Sequence[UInt8[np.ndarray, "h w 3"]], caption: str = "") -> str:
        """One caption of a clip's keyframes; `caption` is what is known already."""
        ...

    def instruct(
        self, picture: UInt8[np.ndarray, "h w 3"], caption: str, *, count: int
    ) -> tuple[Instruction, ...]:
        """So many different instructions for what the caption says."""
        ...


@dataclass(frozen=True, kw_only=True)
class ChatWriter:
    """A `Writer` that asks a model of language and vision."""

    chat: Chat
    examples: tuple[str, ...] = EXAMPLES

    @property
    def digest(self) -> str:
        return digest_of(
            self.chat.digest, self.examples, FRAME_REQUEST, FUSE_REQUEST, INSTRUCT_REQUEST
        )

    def describe(self, keyframes: Sequence[UInt8[np.ndarray, "h w 3"]], caption: str = "") -> str:
        return describe_clip(self.chat, keyframes, caption)

    def instruct(
        self, picture: UInt8[np.ndarray, "h w 3"], caption: str, *, count: int
    ) -> tuple[Instruction, ...]:
        return write_instructions(self.chat, picture, caption, count=count, examples=self.examples)


def keyframe_places(frames: int, count: int = KEYFRAMES) -> tuple[int, ...]:
    """The first frame, the last one and those between, as far as there are so many."""
    return tuple(dict.fromkeys(np.linspace(0, frames - 1, count).round().astype(int).tolist()))


def describe_clip(
    chat: Chat, keyframes: Sequence[UInt8[np.ndarray, "h w 3"]], caption: str = ""
) -> str:
    """One caption, of each keyframe's and what is `known` already.

    Raises EngineError where no usable answer came.
    """
    known = f' Somebody described the video as: "{caption.strip()}".' if caption.strip() else ""
    request = FRAME_REQUEST.format(known=known)
    notes = [_ask(chat, frame, request) for frame in keyframes]
    listed = "\n".join(f"{number}. {note}" for number, note in enumerate(notes, start=1))
    middle = keyframes[len(keyframes) // 2]
    return _ask(chat, middle, FUSE_REQUEST.format(notes=listed, known=f"\n{known.strip()}"))


def write_instructions(
    chat: Chat,
    picture: UInt8[np.ndarray, "h w 3"],
    caption: str,
    *,
    count: int = 3,
    examples: Sequence[str] = EXAMPLES,
) -> tuple[Instruction, ...]:
    """So many instructions for what the caption says. Raises EngineError like `describe_clip`."""
    request = INSTRUCT_REQUEST.format(caption=caption, count=count, examples="\n".join(examples))
    return ask_until_usable(
        lambda words: chat.ask(picture, words),
        request,
        lambda answer: parse_instructions(answer, count),
        what="instructions",
        attempts=ATTEMPTS,
    )


def parse_instructions(answer: str, count: int) -> tuple[Instruction, ...]:
    """The instructions of an answer. Raises UnusableAnswer, which says what is wrong with it."""
    found = [_instruction(line) for line in answer.splitlines() if ARROW in line]
    if len(found) < count:
        raise UnusableAnswer(f"has {len(found)} lines with {ARROW} in them, not {count}")
    if len({instruction.text.lower() for instruction in found[:count]}) < count:
        raise UnusableAnswer("says the same twice")
    return tuple(found[:count])


def _instruction(line: str) -> Instruction:
    text, caption = (part.strip(QUOTES) for part in line.split(ARROW, 1))
    text = text.lstrip(NUMBERING).strip(QUOTES)
    if not text or not caption:
        raise UnusableAnswer(f"needs words on both sides of {ARROW}: {line[:160]!r}")
    if len(text.split()) > MOST_WORDS or len(caption) > LONGEST_CAPTION:
        raise UnusableAnswer(f"is too long: {line[:160]!r}")
    return Instruction(text=text, edited_caption=caption)


def _ask(chat: Chat, picture: UInt8[np.ndarray, "h w 3"], request: str) -> str:
    return ask_until_usable(
        lambda words: chat.ask(picture, words), request, _sentences, what="caption"
    )


def _sentences(answer: str) -> str:
    text = " ".join(answer.replace(SEPARATOR, " ").split()).strip("*\"'` ")
    if not text:
        raise UnusableAnswer("is empty")
    if len(text) > LONGEST_CAPTION:
        raise UnusableAnswer(f"has {len(text)} letters, more than {LONGEST_CAPTION}")
    return text
