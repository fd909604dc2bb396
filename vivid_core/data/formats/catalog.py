"""The forms of dataset that can be read and written, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from .columns import ColumnMap, read_table, write_table
from .finetrainers import read_finetrainers, write_finetrainers
from .record import Record
from .vireset import read_vireset, write_vireset
from .vpdata import read_vpdata, write_vpdata


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a dataset is read from and written to an index file; paths in it start in a root.

    `levels` says how many folders above the index's own the root is where nobody gives one.
    """

    read: Callable[[Path, Path], tuple[Record, ...]]
    write: Callable[[Path, Iterable[Record], Path], None]
    levels: int = 0


def form_of(columns: ColumnMap, *, levels: int = 0) -> Form:
    """A dataset that is one table."""

    def read(path: Path, root: Path) -> tuple[Record, ...]:
        return read_table(path, columns, root)

    def write(path: Path, records: Iterable[Record], root: Path) -> None:
        write_table(path, records, columns, root)

    return Form(read=read, write=write, levels=levels)


# As their own loaders read them.
FORMS = {
    "vpdata": Form(read=read_vpdata, write=write_vpdata),
    "vireset": Form(read=read_vireset, write=write_vireset),
    "finetrainers": Form(read=read_finetrainers, write=write_finetrainers),
    "insvie": form_of(
        ColumnMap(video="video", instruction="instruct", order=("video", "instruct"))
    ),
    "insvie-pairs": form_of(
        ColumnMap(
            video="source",
            captions=("source caption",),
            instruction="instruct",
            edited_caption="edit caption",
            order=("source", "source caption", "instruct", "edit caption", "subfolder"),
        )
    ),
    "ditto": form_of(
        ColumnMap(video="source_path", instruction="instruction", edited="edited_path")
    ),
    "openve": form_of(ColumnMap(video="original_video", edited="video", instruction="prompt")),
    # ReCo-Data/TASK/TASK_data_configs.json, with paths from ReCo-Data
    "reco": form_of(
        ColumnMap(video="src_video", edited="tar_video", instruction="instruction_final_refine"),
        levels=1,
    ),
    "kiwi-edit": form_of(
        ColumnMap(
            video="src_video",
            edited="tgt_video",
            references=("ref_image",),
            instruction="prompt",
            optional=("ref_image",),
        )
    ),
    "videox-fun": form_of(ColumnMap(video="file_path", captions=("text",))),
    # source, mask, edited clip and a picture of what appears in it
    "reference-quadruplets": form_of(
        ColumnMap(
            video="source_video",
            mask="mask_video",
            edited="target_video",
            references=("reference_image",),
            instruction="prompt",
        )
    ),
}


def read_dataset(
    path: Path, form: str, *, root: Path | None = None, columns: ColumnMap | None = None
) -> tuple[Record, ...]:
    """The samples that an index file lists. With `columns`, of any table; `form` is then "table".

    Raises InputError for what cannot be read, with the file and the sample.
    """
    known = _form(form, columns)
    return known.read(path, root or _root(path, known))


def write_dataset(
    path: Path,
    records: Iterable[Record],
    form: str,
    *,
    root: Path | None = None,
    columns: ColumnMap | None = None,
) -> None:
    """Write an index file; clips and masks stay where they are, inside of `root`."""
    known = _form(form, columns)
    known.write(path, records, root or _root(path, known))


def _form(name: str, columns: ColumnMap | None) -> Form:
    if columns is not None:
        if name != "table":
            raise InputError("form", f"{name!r} has columns of its own: give the form table")
        return form_of(columns)
    if name not in FORMS:
        listed = ", ".join(("table", *FORMS))
        reason = "needs columns" if name == "table" else f"{name!r} is not one of {listed}"
        raise InputError("form", reason)
    return FORMS[name]


def _root(path: Path, form: Form) -> Path:
    folder = path if path.is_dir() else path.absolute().parent
    for _ in range(form.levels):
        folder = folder.parent
    return folder
