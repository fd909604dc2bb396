"""What a video file has beside the values of its pixels, in words, to tell what a copy kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.stream import Stream

from ._beside import TITLES, SoundMode
from ._formats import choose_format
from ._info import VideoInfo, read_info
from ._looks import Looks
from ._pictures import is_pictures
from ._source import open_media

PRIMARIES = {1: "BT.709", 5: "BT.470 BG", 6: "SMPTE 170M", 9: "BT.2020", 11: "DCI-P3", 12: "P3-D65"}
TRANSFERS = {
    1: "BT.709",
    6: "SMPTE 170M",
    8: "linear",
    13: "sRGB",
    14: "BT.2020",
    16: "PQ",
    18: "HLG",
}
_BIT_DEPTH = "depth"
_NO_TITLE = "Handler"  # MP4 gives every track a name, such as SoundHandler


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Properties of a source that a written file has too, and those that it lost."""

    kept: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def compare_properties(source: Path, written: Path) -> Kept:
    """What of a source's properties the file that was written really has."""
    before, after = _properties(source), _properties(written)
    kept = {name: value for name, value in before.items() if _has(after, name, value)}
    return Kept(
        kept=tuple(_words(name, value) for name, value in kept.items()),
        lost=tuple(
            f"{_words(name, value)}" + (f" (now {after[name]})" if name in after else "")
            for name, value in before.items()
            if name not in kept
        ),
    )


def expected_losses(info: VideoInfo, target: Path, sound: SoundMode = "copy") -> tuple[str, ...]:
    """What of a source the kind of file that is asked for cannot hold, known before any work."""
    chosen, losses = choose_format(target.absolute(), None), []
    if info.has_alpha and not any(alpha for _, alpha in chosen.layouts):
        losses.append(f"its alpha channel, which {target.suffix} cannot hold (.mkv and .mov can)")
    if info.looks.hdr and max(chosen.depths) < info.bit_depth:
        losses.append(f"{info.bit_depth} bits of depth ({target.suffix} has {max(chosen.depths)})")
    losses += [f"its {name}, which no file here keeps" for name in info.looks.hdr_extras]
    if info.has_audio and sound == "off":
        losses.append("its sound, as asked for")
    return tuple(losses)


def carried_beside(looks: Looks, *, alpha: bool) -> Kept:
    """What frames in memory can have beside them of a file's properties, and what they cannot."""
    colors = () if looks.hdr else ("primaries", "transfer")  # of SDR all is much alike
    found = {k: value for k, value in _shown(looks).items() if k not in colors}
    kept = [_words(k, value) for k, value in found.items() if k not in looks.hdr_extras]
    return Kept(kept=(*(["alpha"] if alpha else []), *kept), lost=looks.hdr_extras)


def _has(after: dict[str, Any], name: str, value: Any) -> bool:
    if name == _BIT_DEPTH:
        return after.get(name, 8) >= value
    return after.get(name) == value


def _words(name: str, value: Any) -> str:
    if name == _BIT_DEPTH:
        return f"{value} bit"
    return f"{name} {value}".strip() if value is not True else name


def _properties(path: Path) -> dict[str, Any]:
    """By name, each that is not what every file has."""
    info = read_info(path)
    found: dict[str, Any] = _shown(info.looks)
    if info.bit_depth > 8:
        found[_BIT_DEPTH] = info.bit_depth
    if info.has_alpha:
        found["alpha"] = True
    if not is_pictures(path):
        with open_media(path) as container:
            found |= _beside(container)
    return found


def _shown(looks: Looks) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if looks.pixel_aspect != 1:
        found["pixel aspect"] = f"{looks.pixel_aspect.numerator}:{looks.pixel_aspect.denominator}"
    if looks.primaries in PRIMARIES:
        found["primaries"] = PRIMARIES[looks.primaries]
    if looks.transfer in TRANSFERS:
        found["transfer"] = TRANSFERS[looks.transfer]
    found |= dict.fromkeys(looks.hdr_extras, True)
    if looks.fields is not None:
        found["interlaced,"] = f"{looks.fields} field first"
    return found


def _beside(container: InputContainer) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in ("audio", "subtitle"):
        for number, stream in enumerate((s for s in container.streams if s.type == kind), 1):
            found |= _track(f"{kind} {number}", stream)
    others = [s for s in container.streams if s.type not in ("video", "audio", "subtitle")]
    for number, stream in enumerate(others, 1):
        found[f"{stream.type} track {number}"] = True
    if chapters := container.chapters():
        found["chapters"] = len(chapters)
    tags = {key.lower(): value for key, value in container.metadata.items()}
    return found | {name: tags[name] for name in TITLES if name in tags}


def _track(name: str, stream: Stream) -> dict[str, Any]:
    found = {name: stream.codec_context.name if stream.codec_context else "unknown"}
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if tags.get("language", "und") != "und":
        found[f"{name} language"] = tags["language"]
    title = tags.get("title", tags.get("handler_name", ""))
    if title and _NO_TITLE not in title:
        found[f"{name} title"] = title
    return found
