"""Digests that stand for values: the same digest, the same values."""

from __future__ import annotations

import hashlib
import json


def digest_of(*parts: object) -> str:
    """16 hexadecimal digits that stand for these values (anything JSON can hold, or bytes)."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        hasher.update(len(data).to_bytes(8, "little") + data)
    return hasher.hexdigest()[:16]
