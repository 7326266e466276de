"""`open_dataset`: a dataset from whatever names one on a command line or in a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auscult.data.dataset import Dataset
from auscult.data.narrowing import read_label_map
from auscult.errors import DataError
from auscult.files import printable

TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


def open_dataset(source: str | Path | Dataset) -> Dataset:
    """A dataset from whatever names one: a folder, a table of paths and labels, or a dataset already open.

    Raises
    ------
    DataError : nothing there, or nothing that is read as a dataset
    """
    if isinstance(source, Dataset):
        return source
    path = Path(source)
    if path.is_dir():
        return Dataset.from_folder(path)
    if path.suffix.lower() in TABLES:
        return Dataset.from_csv(path)
    found = "There is no such file or folder" if not path.exists() else "This is neither"
    raise DataError(
        f"{printable(path)}: a dataset is a folder of sounds or a table ({', '.join(TABLES)}). {found}; check the path."
    )


@dataclass(frozen=True)
class Chosen:
    """Which clips of a source are meant, and under which labels; see `Dataset.only` and `Dataset.map_labels`."""

    map: Path | None = None
    only_labels: Sequence[str] = ()
    only_folds: Sequence[int] = ()
    only_clips: Sequence[str] = ()

    def of(self, dataset: Dataset) -> Dataset:
        """The chosen clips. Labels are chosen as the source has them, and mapped after that.

        Raises
        ------
        DataError : a label, fold or clip that the dataset does not have
        """
        if self.only_labels or self.only_folds or self.only_clips:
            dataset = dataset.only(
                labels=self.only_labels or None, folds=self.only_folds or None, clips=self.only_clips or None
            )
        return dataset if self.map is None else dataset.map_labels(read_label_map(self.map))
