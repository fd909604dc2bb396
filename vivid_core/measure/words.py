"""CLIP's words: captions as byte pairs (Sennrich et al. 2016), from the list CLIP came with."""

from __future__ import annotations

import gzip
import html
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from ..errors import ModelError

# The list of pairs: as OpenAI and OpenGVLab publish it, and as transformers does.
PACKED, PLAIN = "bpe_simple_vocab_16e6.txt.gz", "merges.txt"
MOST_PAIRS = 49408 - 2 * 256 - 2  # that CLIP reads of the list, which is longer
MOST_BYTES = 16 * 2**20  # of the list, unpacked; the published one has 3
_WORD_END = "</w>"
_PIECES = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")


class Words:
    """Captions as numbers, between a number that starts and one that ends them.

    Letters lose their case, and HTML's names of characters become characters.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        letters = _letters()
        known = [
            *letters,
            *(letter + _WORD_END for letter in letters),
            *("".join(p) for p in pairs),
        ]
        self._start, self._end = len(known), len(known) + 1
        self._split = Tokenizer(
            models.BPE(
                {word: number for number, word in enumerate(known)},
                list(pairs),
                end_of_word_suffix=_WORD_END,
            )
        )
        pieces = pre_tokenizers.Split(_PIECES, "removed", invert=True)
        as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        self._split.pre_tokenizer = pre_tokenizers.Sequence([pieces, as_bytes])  # pyright: ignore[reportAttributeAccessIssue]

    def __len__(self) -> int:
        """How many numbers there are."""
        return self._end + 1

    def numbers(self, caption: str) -> list[int]:
        plain = unicodedata.normalize("NFC", html.unescape(html.unescape(caption))).lower()
        return [self._start, *self._split.encode(plain).ids, self._end]


def read_words(folder: Path) -> Words:
    """CLIP's words from the list in a folder. Raises ModelError where there is none, or no list."""
    for name, reader in ((PACKED, gzip.open), (PLAIN, open)):
        path = folder / name
        if path.is_file():
            with reader(path, "rb") as file:
                return _words(path, _pairs(path, file))
    raise ModelError(
        f"{folder}: lacks the words of its captions: put {PACKED} (of OpenGVLab/ViCLIP-L-14-hf or "
        f"OpenAI's CLIP) or {PLAIN} of a CLIP model there"
    )


def _words(path: Path, pairs: list[tuple[str, str]]) -> Words:
    try:
        return Words(pairs)
    except Exception as error:  # the library has no class of its own for a pair of no words
        raise ModelError(
            f"{path}: is no list of CLIP's words ({error}): download it again"
        ) from error


def _pairs(path: Path, file: object) -> list[tuple[str, str]]:
    """The pairs of a list, whose first line tells its version."""
    try:
        data: bytes = file.read(MOST_BYTES + 1)  # pyright: ignore[reportAttributeAccessIssue]
        text = data.decode()
    except (OSError, EOFError, ValueError) as error:  # zlib's own errors are OSError or EOFError
        raise ModelError(f"{path}: is damaged ({error}): download it again") from error
    if len(data) > MOST_BYTES:
        raise ModelError(f"{path}: holds over {MOST_BYTES:,} bytes: it is no list of CLIP's words")
    lines = [line.split() for line in text.splitlines()[1 : MOST_PAIRS + 1]]
    found = [(line[0], line[1]) for line in lines if len(line) == 2]
    if len(found) != len(lines):
        raise ModelError(f"{path}: has a line that is no pair: download it again")
    return found


def _letters() -> list[str]:
    """A letter a byte, in CLIP's order: those that can be printed stand for themselves."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = 256 - len(shown)
    return [*map(chr, shown), *(chr(256 + number) for number in range(hidden))]
