"""What an instruction dataset holds, as InsViE's Table 2 counts it, and its figures as plots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from ..build.histogram import Histogram
from ..data.built import INDEX, read_index
from ..data.record import Origin, SampleRecord

NOT_MEASURED = "not measured"
_ROWS: dict[Origin, str] = {
    "video": "real-world videos",
    "pair": "image editing pairs",
    "still": "static videos of pictures",
}
_SHOWN = {
    "score": "score of the judge",
    "epe": "end-point error beside the source's motion, pixels",
    "clip_similarity": "CLIP similarity of source and edit",
    "clip_direction": "CLIP direction",
    "change": "mean change, of 255",
}


@dataclass(frozen=True, kw_only=True)
class TripletStats:
    """Figures of InsViE's Table 2 from one's own data."""

    records: tuple[SampleRecord, ...]

    @property
    def text(self) -> str:
        lines = [
            "| triplets from | sources | source size | triplets | size | frames | score | EPE |",
            "|---|---|---|---|---|---|---|---|",
        ]
        lines += [self._row(origin) for origin in get_args(Origin)]
        motions = Counter(r.edit.motion for r in self.records if r.edit and r.edit.motion)
        if motions:
            listed = ", ".join(f"{name} {count}" for name, count in sorted(motions.items()))
            lines += ["", f"motions of the camera: {listed}"]
        lines += [f"{h.title}: {h.summary}" for h in self.histograms]
        return "\n".join(lines)

    @property
    def histograms(self) -> list[Histogram]:
        """Of what was measured."""
        words = tuple(float(len(text.split())) for r in self.records for text in r.captions)
        found = [Histogram(title="words of the instruction", values=words)]
        for score, title in _SHOWN.items():
            found.append(Histogram(title=title, values=_of(self.records, score)))
        return [histogram for histogram in found if histogram.values]

    def _row(self, origin: Origin) -> str:
        of = [r for r in self.records if r.edit is not None and r.edit.origin == origin]
        cells = [
            _ROWS[origin],
            str(len({r.source.path for r in of})),
            _range(f"{r.edit.source_size[1]}x{r.edit.source_size[0]}" for r in of if r.edit),
            str(len(of)),
            _range(f"{r.width}x{r.height}" for r in of),
            _span([r.frames for r in of]),
            _mean(_of(of, "score")),
            _mean(_of(of, "epe")),
        ]
        return f"| {' | '.join(cells)} |"


def read_triplet_stats(folder: Path) -> TripletStats:
    """From the index alone. Raises InputError where that cannot be read."""
    return TripletStats(records=tuple(entry.record for entry in read_index(folder / INDEX)))


def _range(sizes: Iterable[str]) -> str:
    """The commonest one, and how many others there are."""
    counted = Counter(sizes).most_common()
    if not counted:
        return "-"
    more = f" and {len(counted) - 1} other(s)" if len(counted) > 1 else ""
    return f"{counted[0][0]}{more}"


def _span(numbers: Sequence[int]) -> str:
    if not numbers:
        return "-"
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.2f}" if values else NOT_MEASURED


def _of(records: Sequence[SampleRecord], score: str) -> tuple[float, ...]:
    return tuple(r.scores[score] for r in records if score in r.scores)
