"""Ask a vision-language model for three captions, and check what it answers (VIVID, app. A.5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from ..errors import EngineError
from .protocols import Captions
from .vocabulary import known_labels, plain_label

Parsed = TypeVar("Parsed")
OPENING = "The video shows"  # how each caption starts
SEPARATOR = "***"  # between the three
ATTEMPTS = 3
LONGEST_ANSWER = 8000  # characters; a model that repeats itself goes on forever
SHOWN = 160  # characters of an answer that an error quotes
MOST_TAGS = 60

CAPTION_REQUEST = """\
You write captions that a video generator is given as prompts. The picture is one object cut out \
of a video: {tag}. Everything around it was painted black; do not mention that.

Describe the {tag} three times, from plain to rich:
1. two or three short phrases;
2. two or three clear, compact sentences;
3. a detailed description: shape, colours, materials, clothing, posture, what it does.

Each of the three begins with "{opening}" and contains the word "{tag}". Put {separator} between \
them and write nothing else: no numbers, no headings, no comments."""

TAG_REQUEST = """\
List what is visible in this picture: every kind of object, person, animal and surrounding, as \
short singular nouns in lower case, separated by commas. Write nothing else."""

_NUMBERING = re.compile(
    r"^\s*(?:[*#>-]+\s*)*(?:(?:(?:answer|caption)\s*)?\(?[1-3][.):]|(?:first|second|third)\s*:)?\s*",
    re.IGNORECASE,
)
_BREAKS = re.compile(r"\n\s*\n")


class UnusableAnswer(EngineError):
    """An answer came, but not what was asked for; asking again may help."""


def caption_request(label: str) -> str:
    """What to ask about the thing with this label."""
    return CAPTION_REQUEST.format(tag=label, opening=OPENING, separator=SEPARATOR)


def parse_captions(answer: str, label: str) -> Captions:
    """The three captions of an answer. Raises UnusableAnswer, which says what is wrong with it."""
    parts = _parts(answer)
    if len(parts) != 3:
        raise UnusableAnswer(f"has {len(parts)} parts, not three: {quoted(answer)}")
    for number, part in enumerate(parts, start=1):
        if not part.lower().startswith(OPENING.lower()):
            raise UnusableAnswer(f"part {number} does not start with '{OPENING}': {quoted(part)}")
        if not _contains(part, label):
            raise UnusableAnswer(f"part {number} does not contain '{label}': {quoted(part)}")
    short, medium, long = parts
    if not len(short) < len(medium) < len(long):
        raise UnusableAnswer(
            f"the parts are {len(short)}, {len(medium)} and {len(long)} letters long: each has to "
            "be longer than the one before"
        )
    return Captions(short=short, medium=medium, long=long)


def ask_for_captions(
    ask: Callable[[str], str], label: str, *, attempts: int = ATTEMPTS
) -> Captions:
    """Ask until an answer is valid, each time with what was wrong with the last one.

    Raises EngineError after so many attempts; what `ask` raises goes through.
    """
    return ask_until_usable(
        ask,
        caption_request(label),
        lambda answer: parse_captions(answer, label),
        what=f"caption of '{label}'",
        attempts=attempts,
    )


def ask_until_usable(
    ask: Callable[[str], str],
    request: str,
    parse: Callable[[str], Parsed],
    *,
    what: str,
    attempts: int = ATTEMPTS,
) -> Parsed:
    """What `parse` makes of an answer; where it raises UnusableAnswer, ask again and say why.

    Raises EngineError after so many attempts; what `ask` raises goes through.
    """
    problem = ""
    for _ in range(attempts):
        words = f"{request}\n\nYour last answer cannot be used: {problem}" if problem else request
        try:
            return parse(ask(words))
        except UnusableAnswer as error:
            problem = str(error)
    raise EngineError(f"no usable {what} in {attempts} answers; the last {problem}")


def parse_tags(answer: str) -> tuple[str, ...]:
    """Labels of an answer: between commas or on lines of their own. May be empty."""
    pieces = re.split(r"[,;\n]", answer[:LONGEST_ANSWER])
    return known_labels(_NUMBERING.sub("", piece) for piece in pieces)[:MOST_TAGS]


def _parts(answer: str) -> list[str]:
    """The answer's parts: between separators, else paragraphs, else lines."""
    text = answer[:LONGEST_ANSWER].strip()
    for split in (lambda: text.split(SEPARATOR), lambda: _BREAKS.split(text), text.splitlines):
        parts = [cleaned for part in split() if (cleaned := _clean(part))]
        if len(parts) == 3:
            return parts
    return [cleaned for part in text.split(SEPARATOR) if (cleaned := _clean(part))]


def _clean(part: str) -> str:
    """Without numbering, quotes and emphasis; on one line."""
    return " ".join(_NUMBERING.sub("", part, count=1).split()).strip("*\"'` ")


def _contains(text: str, label: str) -> bool:
    """Whether the label stands in the text as words of its own, its plural counts."""
    words = r"\s+".join(map(re.escape, plain_label(label).split()))
    return re.search(rf"(?<!\w){words}(?:s|es)?(?!\w)", text, re.IGNORECASE) is not None


def quoted(text: str) -> str:
    """An answer as an error shows it."""
    text = " ".join(text.split())
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")
