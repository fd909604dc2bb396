"""The pictures inside one file: a still, or several as in animated WebP, APNG, GIF and TIFF.

Stills and TIFF pages are decoded by OpenCV, which keeps 16 bit; animations, and transparency that
a palette or a single colour stands for, by Pillow.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import MediaError
from ._color import orient
from ._pixels import full_scale
from ._source import require_file

# Other formats hold several pictures for other reasons: a JPEG its thumbnail and its light map.
_ANIMATED = ("GIF", "PNG", "WEBP", "TIFF")
_DEFAULT_MILLISECONDS = 100  # browsers show a picture that states no duration for so long
_EXIF_ORIENTATION, _TIFF_KIND = 0x0112, 254
_REDUCED_PAGE = 1  # a TIFF page that shows another one smaller
_TURNS = {  # EXIF orientation as a display matrix: a, b, c, d
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}


class PictureFile:
    """One file, held in memory as it is stored. Raises MediaError for what cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = _bytes_of(path)
        self._pages = self._find_pages()

    def __len__(self) -> int:
        return len(self._pages)

    def first(self) -> np.ndarray:
        """The first picture: uint8 or uint16 [H, W, 3 or 4], RGB with straight alpha, upright."""
        return next(self.read(0))

    def numbered(self) -> np.ndarray:
        """The first picture, a palette's entries as the greys of their numbers."""
        try:
            with self._opened() as image:
                if image.mode == "P":
                    return np.repeat(np.array(image)[..., None], 3, axis=2)
        except (UnidentifiedImageError, Image.DecompressionBombError):
            pass  # what Pillow does not know has no palette
        return self.first()

    def read(self, start: int) -> Iterator[np.ndarray]:
        """Every picture from a number on."""
        if len(self) == 1 and self._data[:4] != b"GIF8":
            yield self._still()
        elif self._is_tiff():
            yield from self._tiff_pages(start)
        else:
            yield from self._animation(start)

    def durations(self) -> list[Fraction] | None:
        """Seconds that each picture is shown; None where the format has no notion of time."""
        if len(self) == 1 or self._is_tiff():
            return None
        with self._opened() as image:
            return [_seconds(image, page) for page in self._pages]

    def has_alpha(self) -> bool:
        """Whether anything is transparent; decodes every picture."""
        return any(p.shape[2] == 4 and p[..., 3].min() < full_scale(p) for p in self.read(0))

    def _is_tiff(self) -> bool:
        return self._data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

    def _find_pages(self) -> list[int]:
        """Which of the file's pictures count; a file that Pillow does not know has one."""
        try:
            with self._opened() as image:
                if image.format not in _ANIMATED:
                    return [0]
                pages = list(range(getattr(image, "n_frames", 1)))
                if image.format == "TIFF":
                    pages = [page for page in pages if not _is_reduced(image, page)]
                return pages or [0]
        except (UnidentifiedImageError, Image.DecompressionBombError, MediaError):
            return [0]

    def _still(self) -> np.ndarray:
        import cv2

        stored = self._decode(cv2.IMREAD_UNCHANGED)
        if stored.ndim == 3 and stored.shape[2] == 4:
            return orient(cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA), self._turn())
        keyed = self._keyed()
        if keyed is not None:
            return orient(keyed, self._turn())
        bgr = self._decode(cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)

    def _decode(self, how: int) -> np.ndarray:
        import cv2

        data = np.frombuffer(self._data, np.uint8)
        pixels = cv2.imdecode(data, how) if data.size else None
        if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
            raise self._damaged()
        return pixels

    def _keyed(self) -> np.ndarray | None:
        """RGBA of an 8-bit picture one of whose colours stands for transparency."""
        if self._data[:4] != b"\x89PNG" or b"tRNS" not in self._data[:4096]:
            return None
        with self._opened() as image:
            return np.array(image.convert("RGBA")) if "transparency" in image.info else None

    def _turn(self) -> tuple[int, int, int, int] | None:
        """How a picture with alpha is to be turned; OpenCV turns the others itself."""
        try:
            with self._opened() as image:
                return _TURNS.get(image.getexif().get(_EXIF_ORIENTATION, 1))
        except (UnidentifiedImageError, Image.DecompressionBombError, MediaError):
            return None

    def _tiff_pages(self, start: int) -> Iterator[np.ndarray]:
        import cv2

        data = np.frombuffer(self._data, np.uint8)
        ok, stored = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED)
        if not ok or len(stored) <= self._pages[-1]:
            raise self._damaged()
        for page in self._pages[start:]:
            yield _rgb(stored[page])

    def _animation(self, start: int) -> Iterator[np.ndarray]:
        with self._opened() as image:
            for page in self._pages[start:]:
                image.seek(page)
                shown = np.array(image.convert("RGBA"))
                yield np.ascontiguousarray(shown[..., :3] if _is_opaque(image) else shown)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            with Image.open(BytesIO(self._data)) as image:
                yield image
        except UnidentifiedImageError:
            raise
        except (OSError, EOFError, SyntaxError, ValueError) as error:
            raise self._damaged() from error

    def _damaged(self) -> MediaError:
        return MediaError(f"{self.path}: is damaged or not an image: save it as PNG or JPEG again")


def states_alpha(path: Path) -> bool:
    """Whether a file's header says that its picture has alpha; decodes nothing."""
    try:
        with Image.open(path) as image:
            return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


def _bytes_of(path: Path) -> bytes:
    require_file(path)
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MediaError(f"{path}: there is no such file: check the path") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise MediaError(f"{str(path)!r}: can be no file's name: check the path") from error


def _rgb(stored: np.ndarray) -> np.ndarray:
    """RGB or RGBA of a page as OpenCV gives it: grey, BGR or BGRA."""
    if stored.ndim == 2:
        return np.repeat(stored[..., None], 3, axis=2)
    order = [2, 1, 0, 3] if stored.shape[2] == 4 else [2, 1, 0]
    return np.ascontiguousarray(stored[..., order])


def _is_opaque(image: Any) -> bool:
    return image.mode in ("L", "RGB", "1", "I;16") and "transparency" not in image.info


def _is_reduced(image: Any, page: int) -> bool:
    image.seek(page)
    return page > 0 and bool(image.tag_v2.get(_TIFF_KIND, 0) & _REDUCED_PAGE)


def _seconds(image: Any, page: int) -> Fraction:
    image.seek(page)
    image.load()  # WebP tells a picture's duration when it is decoded
    stated = image.info.get("duration") or _DEFAULT_MILLISECONDS
    return Fraction(stated).limit_denominator(1000) / 1000
