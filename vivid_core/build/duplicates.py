"""Clips that look like an earlier one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .units import ClipFacts

_BITS = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


def find_duplicates(clips: Iterable[ClipFacts], bits: int) -> dict[str, str]:
    """Keys of clips that differ by at most so many bits in each of their frames from an earlier
    one, which is no duplicate itself, and whose key is the value.
    """
    kept: list[str] = []
    looks = np.zeros((0, 3), np.uint64)
    duplicates: dict[str, str] = {}
    for clip in clips:
        look = np.array(clip.look, np.uint64)
        differing = _BITS[np.bitwise_xor(looks, look).view(np.uint8)].reshape(len(looks), 3, 8)
        near = np.flatnonzero((differing.sum(axis=2) <= bits).all(axis=1))
        if len(near):
            duplicates[clip.key] = kept[int(near[0])]
            continue
        kept.append(clip.key)
        looks = np.concatenate([looks, look[None]])
    return duplicates


def find_near_duplicates(clips: Iterable[ClipFacts], cosine: float) -> dict[str, str]:
    """The same of clips whose views have at least this cosine with an earlier one's, each."""
    kept: list[str] = []
    views = np.zeros((0, 0, 0), np.float32)
    duplicates: dict[str, str] = {}
    for clip in clips:
        if not clip.views:
            continue
        own = np.array([clip.views], np.float32)
        views = views if kept else own[:0]
        near = np.flatnonzero((views * own).sum(axis=2).min(axis=1) >= cosine)
        if len(near):
            duplicates[clip.key] = kept[int(near[0])]
            continue
        kept.append(clip.key)
        views = np.concatenate([views, own])
    return duplicates
