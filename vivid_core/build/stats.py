"""What a built dataset holds: samples by subset and task, labels, words, areas and motion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.built import INDEX, read_index
from ..data.record import SampleRecord
from .histogram import Histogram

SHOWN_LABELS = 12
LENGTHS = ("short", "medium", "long")
_TASKS = (("edit", "add and modify"), ("delete", "delete"))
_MOTION = (
    ("motion", "motion of the mask"),
    ("background_motion", "motion of the background"),
    ("relative_motion", "motion of one relative to the other"),
)


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Figures of VIVID's Table 2 and of its Figures 4 and 5 (v2)."""

    records: tuple[SampleRecord, ...]

    @property
    def text(self) -> str:
        lines = ["| subset | add and modify | delete | clips | labels |", "|---|---|---|---|---|"]
        lines += [self._row(subset) for subset in ("image", "video")]
        labels = Counter(record.label for record in self.records)
        shown = ", ".join(f"{name} {count}" for name, count in labels.most_common(SHOWN_LABELS))
        lines += ["", f"labels: {shown}"]
        lines += [f"{h.title}: {h.summary}" for h in self.histograms]
        return "\n".join(lines)

    @property
    def histograms(self) -> list[Histogram]:
        """Of what was measured."""
        found = [
            Histogram(title=f"words of the {name} caption", values=self._words(index))
            for index, name in enumerate(LENGTHS)
        ]
        for task, words in _TASKS:
            of = [r for r in self.records if r.task == task]
            found.append(
                Histogram(title=f"mask, {words}: share of the frame", values=_of(of, "area"))
            )
        videos = [r for r in self.records if r.subset == "video"]
        found += [
            Histogram(title=f"{title}, of the diagonal a frame", values=_of(videos, name))
            for name, title in _MOTION
        ]
        return [histogram for histogram in found if histogram.values]

    def _row(self, subset: str) -> str:
        of = [record for record in self.records if record.subset == subset]
        tasks = Counter(record.task for record in of)
        clips, labels = {record.clip for record in of}, {record.label for record in of}
        return f"| {subset} | {tasks['edit']} | {tasks['delete']} | {len(clips)} | {len(labels)} |"

    def _words(self, index: int) -> tuple[float, ...]:
        return tuple(
            float(len(r.captions[index].split())) for r in self.records if len(r.captions) > index
        )


def read_stats(folder: Path) -> Stats:
    """From the index alone. Raises InputError where that cannot be read."""
    return Stats(records=tuple(entry.record for entry in read_index(folder / INDEX)))


def _of(records: Sequence[SampleRecord], score: str) -> tuple[float, ...]:
    return tuple(r.scores[score] for r in records if score in r.scores)
