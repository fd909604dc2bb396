"""Room for files that can be made again: where they get too many, the oldest-used go."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)
GB = 10**9
SUFFIXES = (".safetensors", ".part")  # entries, and what killed runs were writing
IN_USE_SECONDS = 60.0  # after it was last used another process may still be reading it
RESERVE = 0.1  # of the limit, kept free; so much may be written between two looks at the folder


@dataclass(frozen=True, kw_only=True)
class _Entry:
    used: float  # seconds since the epoch
    size: int
    path: Path


class Room:
    """Keeps the entries of a folder's folders below a limit of bytes; None: no limit.

    When an entry was used is its file's time of change. `writers` processes add to the folder at
    once: each may write its part of the reserve between two looks, so that they stay below the
    limit together. What was used just now is never removed, even if the limit does not hold.
    """

    def __init__(self, folder: Path, limit: int | None, *, writers: int = 1) -> None:
        self._folder, self._limit, self._told = folder, limit, False
        self._allowed = RESERVE * (limit or 0) / writers
        self._written = self._allowed  # nobody has looked yet

    def used(self, path: Path) -> None:
        """An entry was read."""
        try:
            os.utime(path)
        except OSError:  # another process has removed it, or may only read here
            log.debug("%s: its time cannot be set", path)

    def added(self, path: Path) -> None:
        """An entry was written; others go before there is no room for the next one of its size."""
        if self._limit is None:
            return
        size = path.stat().st_size if path.is_file() else 0
        self._written += size
        if self._written + size > self._allowed:
            self._clear((1 - RESERVE) * self._limit)
            self._written = 0.0

    def _clear(self, limit: float) -> None:
        entries = self._entries()
        total = sum(entry.size for entry in entries)
        if total <= limit:
            return
        self._tell()
        newest = time.time() - IN_USE_SECONDS
        for entry in sorted((e for e in entries if e.used < newest), key=lambda e: e.used):
            if total <= limit:
                break
            total -= _remove(entry)

    def _entries(self) -> list[_Entry]:
        entries = []
        for path in self._folder.glob("*/*"):
            if path.suffix in SUFFIXES:
                try:
                    facts = path.stat()
                except OSError:  # another process has removed it
                    continue
                entries.append(_Entry(used=facts.st_mtime, size=facts.st_size, path=path))
        return entries

    def _tell(self) -> None:
        if not self._told:
            log.warning(
                "%s has reached its limit of %.3g GB: what was used longest ago is removed, and "
                "encoded again where it comes up. Raise latent_cache_gb, or set it to 0 for none",
                self._folder,
                (self._limit or 0) / GB,
            )
        self._told = True


def _remove(entry: _Entry) -> int:
    """The bytes that are free by that."""
    try:
        entry.path.unlink()
    except OSError:  # Windows keeps what is open
        return 0
    return entry.size
