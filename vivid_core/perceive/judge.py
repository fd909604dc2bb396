"""Ask a vision-language model which edit is best, or how good one is, and check its answers.

Criteria and answers are those of InsViE, 7.2 and 8; the words are ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..media import pixels_to_array
from .answers import LONGEST_ANSWER, UnusableAnswer, ask_until_usable, quoted
from .protocols import Chat
from .shown import Picture, ShownPictures

Frames = Float[Tensor, "t h w 3"]
Aspect = Literal["temporal consistency", "textual alignment", "video quality"]  # InsViE, 5.1
BEST, SCORE, PROBLEMS = "best_image", "score", "problems"
LOWEST, HIGHEST = 1, 5
FRAMES = 3  # of each video that are shown
LONGEST_INSTRUCTION = 1000  # characters of it that a judge is told

_CRITERIA_OF_WORDS = """\
- Adherence: exactly what the instruction asks for was done, and nothing else.
- Integration: the edit sits in its surroundings; colours, tone and balance go together."""
_CRITERIA = f"""\
{_CRITERIA_OF_WORDS}
- Artifacts: there are none: no smears, seams, noise or burnt colours.
- Consistency of the subject: shapes are whole, light and shadow agree."""
_CRITERIA_OF_VIDEO = """\
- Composition: the layout holds together from frame to frame.
- Content: what the edited frames show agrees with the originals, and from one to the next."""
# What an aspect is judged by, and what the highest score of it says.
_ASPECTS: dict[Aspect, tuple[str, str]] = {
    "temporal consistency": (_CRITERIA_OF_VIDEO, "steady, and one with the original throughout"),
    "textual alignment": (_CRITERIA_OF_WORDS, "does all that is asked, and only that"),
    "video quality": (f"{_CRITERIA}\n{_CRITERIA_OF_VIDEO}", "does all that is asked, looks real"),
}

_SCREENING = """\
The first picture is the original. The {count} pictures after it, numbered 1 to {count} in their \
order, are edits of it by this instruction:
{instruction}

Compare the edits by:
{criteria}

Which one does best overall, and looks most natural beside the original? Answer with a Python \
dictionary and nothing else, for example {{'{best}': 2}}."""

_SCORING = """\
The first {frames} pictures are frames of a video, the last {frames} the same frames after an \
edit by this instruction:
{instruction}

Judge its {aspect} by:
{criteria}

Give one whole number from {lowest} (useless) to {highest} ({best}), and name in a few words what \
is wrong, if anything. Answer with a Python dictionary and nothing else, for example \
{{'{score}': 3, '{problems}': 'seam at the left'}}."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """1 to 5, and what is wrong in a few words."""

    value: int
    problems: str = ""


def ask_for_best(judge: Chat, source: Picture, edits: Sequence[Picture], instruction: str) -> int:
    """The number of the best edit, from 1. Raises EngineError where no usable answer comes."""
    request = _SCREENING.format(
        count=len(edits), instruction=_told(instruction), criteria=_CRITERIA, best=BEST
    )
    shown = ShownPictures([source, *edits])
    return ask_until_usable(
        lambda words: judge.ask(shown, words),
        request,
        lambda answer: parse_best(answer, len(edits)),
        what="choice",
    )


def ask_for_score(
    judge: Chat, shown: ShownPictures, instruction: str, *, aspect: Aspect = "video quality"
) -> Score:
    """How good an edit is, by what `show_both` shows. Raises EngineError as `ask_for_best`.

    The quality of a video is all of it together: what datasets are filtered by.
    """
    criteria, best = _ASPECTS[aspect]
    request = _SCORING.format(
        frames=len(shown) // 2,
        instruction=_told(instruction),
        aspect=aspect,
        criteria=criteria,
        best=best,
        lowest=LOWEST,
        highest=HIGHEST,
        score=SCORE,
        problems=PROBLEMS,
    )
    return ask_until_usable(
        lambda words: judge.ask(shown, words), request, parse_score, what="score"
    )


def shown_frames(frames: Frames, count: int = FRAMES) -> Float[Tensor, "shown h w 3"]:
    """The first, the last and those evenly between; of a short clip all."""
    places = torch.linspace(0, len(frames) - 1, min(count, len(frames))).round().long()
    return frames[places]


def show_both(source: Frames, edit: Frames, count: int = FRAMES) -> ShownPictures:
    """Those of a clip, then the same ones of its edit, as a judge takes them."""
    frames = (*shown_frames(source, count), *shown_frames(edit, count))
    return ShownPictures([pixels_to_array(frame, depth=8) for frame in frames])


def parse_best(answer: str, count: int) -> int:
    """The number in {'best_image': 3}. Raises UnusableAnswer for anything else."""
    return _number(answer, BEST, 1, count)


def parse_score(answer: str) -> Score:
    """The number in {'score': 3, 'problems': 'a seam'}. Raises UnusableAnswer for anything else."""
    value = _number(answer, SCORE, LOWEST, HIGHEST)
    text = answer[:LONGEST_ANSWER]
    told = re.search(rf"['\"]{PROBLEMS}['\"]\s*:\s*(?:\"([^\"]*)\"|'([^']*)')", text)
    words = "" if told is None else (told[1] or told[2] or "")
    return Score(value=value, problems=" ".join(words.split()))


def _number(answer: str, key: str, low: int, high: int) -> int:
    """The one whole number that an answer's dictionary gives for a key."""
    pattern = rf"['\"]{key}['\"]\s*:\s*['\"]?(-?\d{{1,6}})(?![\d.])"
    found = {int(number) for number in re.findall(pattern, answer[:LONGEST_ANSWER])}
    if len(found) != 1:
        raise UnusableAnswer(f"is no dictionary with one '{key}': {quoted(answer)}")
    (value,) = found
    if not low <= value <= high:
        raise UnusableAnswer(f"'{key}' is {value}, not {low} to {high}: {quoted(answer)}")
    return value


def _told(instruction: str) -> str:
    """On one line. Raises InputError for an empty one, and for one that is no instruction."""
    words = " ".join(instruction.split())
    if not words:
        raise InputError("instruction", "is empty: say what the edit was to do")
    if len(words) > LONGEST_INSTRUCTION:
        raise InputError(
            "instruction",
            f"has {len(words)} letters, a judge is told {LONGEST_INSTRUCTION}: shorten it",
        )
    return words
