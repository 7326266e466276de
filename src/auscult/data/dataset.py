"""`Dataset`: a table of clips, whatever form the labelled sound came in."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from auscult.data.assemble import assemble, check_labels
from auscult.data.corpora.registry import read_corpus
from auscult.data.grouping import merged_groups
from auscult.data.listing import Listing
from auscult.data.narrowing import in_parts, narrowed, relabelled
from auscult.data.readers import read_folder
from auscult.data.readers.annotations import CutPlan, list_annotations
from auscult.data.readers.files import list_arrays, list_files
from auscult.data.readers.rows import TableFields, TableForm, list_table
from auscult.data.schema import Clip, Medium, SourceKind, Task, clip_schema, medium_of
from auscult.data.sounds import ArraySounds, FolderSounds, Sounds
from auscult.data.tables import read_table, table_of
from auscult.errors import DataError, InputError
from auscult.extras import require_extra
from auscult.records import FloatArray, Label

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled clips; immutable.

    Parameters
    ----------
    table : a row a clip, with at least the columns of `clip_schema`
    root : folder that the column ``uri`` is relative to; for sounds elsewhere, what the source is called
    labels : the classes, in the order that targets and scores have
    task : ``single_label``: the weights of a clip sum to one; ``multi_label``: each in [0, 1] by itself
    source_kind : what the source was taken for
    problems : files that were left out, each with the reason
    sounds : where the sounds lie; None: in files under `root`

    Raises
    ------
    DataError : a table that breaks these rules

    Examples
    --------
    >>> import pyarrow
    >>> rows = [
    ...     {"clip_id": "0a", "uri": "dog/1.wav", "labels": [{"id": "dog", "weight": 1.0}]},
    ...     {"clip_id": "0b", "uri": "cat/1.wav", "labels": [{"id": "cat", "weight": 1.0}]},
    ... ]
    >>> table = pyarrow.Table.from_pylist(rows, schema=clip_schema())
    >>> dataset = Dataset(table, Path("sounds"), (Label("cat"), Label("dog")), "single_label")
    >>> dataset
    Dataset(2 clips, 2 classes, single_label, table, root='sounds')
    >>> dataset.targets().tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    table: pa.Table
    root: Path
    labels: tuple[Label, ...]
    task: Task
    source_kind: SourceKind = "table"
    problems: tuple[InputError, ...] = ()
    sounds: Sounds | None = None

    def __post_init__(self) -> None:
        _check_columns(self.table)
        check_labels(label.id for label in self.labels)
        if len({label.id for label in self.labels}) < len(self.labels):
            raise DataError("The 'labels' parameter of Dataset must not name a class twice.")
        if self.task not in ("single_label", "multi_label"):
            raise DataError(
                f"The 'task' parameter of Dataset must be 'single_label' or 'multi_label'. Got {self.task!r} instead."
            )
        _check_weights(self)

    @classmethod
    def from_folder(cls, path: str | Path, *, labelled: bool = True, pictures: bool = False) -> Dataset:
        """Read a folder of sounds, or of pictures of sounds (PNG, JPEG, WebP and others; ``.npy`` of two axes).

        Taken for the first of these that it looks like, and `source_kind` says which: the tree of a known corpus as it
        was published (docs/reference/corpora.md), ``train/ val/ test/`` folders of class folders, a folder per class.
        Folders inside a class folder belong to the class; hidden files are skipped. A table called ``metadata.csv``,
        ``.jsonl`` or ``.parquet`` with a column ``file_name`` makes it what Hugging Face calls an ``audiofolder``.

        Parameters
        ----------
        labelled : False: every sound below is taken, without labels, to be classified and not to be learned from
        pictures : True: of a folder that holds both, take the pictures; otherwise the sounds are taken

        Raises
        ------
        DataError : no such folder, no audio in it, no class folders, unclear labels
        """
        return cls._from_listing(read_folder(path, labelled=labelled, pictures=pictures))

    @classmethod
    def from_corpus(cls, name: str, folder: str | Path | None = None, *, quiet: bool = False) -> Dataset:
        """Read a known corpus with its official folds or parts; `auscult data corpora list` shows their names.

        Parameters
        ----------
        name : of the corpus, e.g. "esc50"
        folder : its tree, where you have it; None: it is fetched once, verified, unpacked and kept
        quiet : say nothing on stderr while it is fetched, its licence neither

        Raises
        ------
        DataError : no corpus of that name, or `folder` is not its tree
        DownloadError : it has to be fetched and cannot be
        OutputError : it has to be fetched and cannot be kept
        """
        return cls._from_listing(read_corpus(name, folder, quiet=quiet))

    @classmethod
    def from_csv(cls, path: str | Path, **form: Unpack[TableFields]) -> Dataset:
        """Read a table of paths and labels: ``.parquet``, ``.jsonl`` (an object a line), or else CSV.

        A CSV is UTF-8 with a header; its fields are separated by ``,`` ``;`` ``|`` or tab.

        Parameters
        ----------
        path : the table
        path_column : default: the one called path, file, filename, file_name, filepath, file_path or uri
        label_column : default: the one called label, labels, class, category or target. A field may be a list of
            labels, or an object of labels and weights in [0, 1], where the form of the table has such
        label_columns : instead, a column for each class, with its weight, or 1 and 0
        label_delimiter : splits the labels of a multi-label clip; never guessed, so that "car, horn" is one
            class
        labelled : False: labels are not read, and need not be there
        task : ``single_label`` or ``multi_label``; default: what the table says or shows, see below
        root : folder that relative paths start from; default: the table's own
        resolve : a function from what stands in the path column to a path

        Columns called ``split``, ``fold`` and ``group`` are read too; one without any value is as good as none.
        A clip whose split is ``left_out`` is in no part; ``label_weight`` is that of the row's label. With ``start_s``
        and ``end_s`` (or ``start_time`` and ``end_time``), in seconds, a row is a part of its file. All other columns
        are kept as they are. Where a column ``audio``, or that of the paths, holds objects with the bytes of files
        (``{"bytes", "path"}``, as Hugging Face's Parquet files have them), these are the sounds, and stay in memory.

        The task is multi-label with `label_delimiter`, where a column ``task`` says ``multi_label`` in every row,
        where fields are lists, where weights do not sum to one, or where at least one file in twenty stands in
        several rows under different labels; fewer are taken for mistakes and refused. In a multi-label table an
        empty label means that no class applies. The ``split.csv`` of a training run is such a table.

        Raises
        ------
        DataError : unreadable table, unclear columns, no rows, a few files under several labels
        """
        table = Path(os.path.abspath(path))
        return cls._from_listing(list_table(read_table(table), TableForm(**form), base=table.parent, source_kind="csv"))

    @classmethod
    def from_table(cls, table: Any, **form: Unpack[TableFields]) -> Dataset:
        """Read a table in memory: a data frame of pandas or polars, an Arrow table, or a list of dicts.

        Parameters and rules as in `from_csv`; relative paths start from `root`, or else from the working folder.

        Raises
        ------
        DataError : no such table, unclear columns, no rows, a few files under several labels

        Examples
        --------
        >>> Dataset.from_table([{"path": "gone.wav", "label": "dog"}])
        Traceback (most recent call last):
        auscult.errors.DataError: ...none of the 1 sounds listed there can be used. ...
        """
        return cls._from_listing(list_table(table_of(table), TableForm(**form), base=Path.cwd(), source_kind="table"))

    @classmethod
    def from_files(
        cls,
        files: Iterable[str | os.PathLike[str]],
        labels: Iterable[Any] | None = None,
        *,
        splits: Iterable[str | None] | None = None,
        groups: Iterable[str | None] | None = None,
    ) -> Dataset:
        """Take files that are named one by one.

        Parameters
        ----------
        files : paths
        labels : for each file its label, a list of labels, or a dict of labels and weights in [0, 1]; None: nobody
            has said what they hold, and they can be classified, but not learned from
        splits : for each file ``train``, ``validation`` or ``test``
        groups : for each file its recording: what must not stand on both sides of a split

        Raises
        ------
        DataError : no file, or another number of labels
        """
        return cls._from_listing(list_files(files, labels, {"split": splits, "group": groups}))

    @classmethod
    def from_arrays(
        cls,
        arrays: Iterable[Any],
        labels: Iterable[Any] | None = None,
        *,
        sample_rate: int | None = None,
        splits: Iterable[str | None] | None = None,
        groups: Iterable[str | None] | None = None,
    ) -> Dataset:
        """Take sounds in memory; they stay there as long as the dataset.

        Parameters
        ----------
        arrays : for each clip its samples `(samples,)`, of numpy or torch, in [-1, 1] (integers are scaled to that),
            a `Sound`, or ``{"array": samples, "sampling_rate": rate}``; `(clips, samples)` is such a series too
        labels, splits, groups : as in `from_files`
        sample_rate : Hz, of those that do not say their own

        Raises
        ------
        DataError : no sound, no rate, or another number of labels

        Examples
        --------
        >>> noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 8000)).astype(np.float32)
        >>> Dataset.from_arrays(noise, ["hiss", "hush"], sample_rate=8000)
        Dataset(2 clips, 2 classes, single_label, arrays, root='.')
        """
        return cls._from_listing(list_arrays(arrays, labels, sample_rate, {"split": splits, "group": groups}))

    @classmethod
    def from_annotations(
        cls,
        source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        audio: str | os.PathLike[str] | None = None,
        label_column: str | None = None,
        clip_s: float | None = None,
        hop_s: float | None = None,
        min_overlap_s: float = 0.25,
        keep_empty: bool = False,
    ) -> Dataset:
        """Cut recordings into clips by what annotations say happens when.

        Parameters
        ----------
        source : an annotation file, several, or a folder of them: Raven selection tables, Audacity label tracks, ELAN
            documents (``.eaf``), and CSV with a start, an end and a label, as BirdNET-Analyzer writes it
        audio : folder of the recordings, or the recording; default: beside the annotations. A recording is the one
            that is named in the file, or the one that the file is named after
        label_column : of a table, or the tier of an ELAN document; default: the first of the usual ones, all tiers
        clip_s : cut recordings evenly into clips of so many seconds; default: each annotation is a clip
        hop_s : from one clip's start to the next; default `clip_s`
        min_overlap_s : a clip has a label if so much of the annotation lies within it, or all of it
        keep_empty : also keep clips without a label, as examples of no class

        Where clips have several labels, or none, the task is multi-label. Clips of one recording are one group.

        Raises
        ------
        DataError : a file that is no such annotation, or names no recording that is there
        """
        plan = CutPlan(clip_s, hop_s, min_overlap_s, keep_empty)
        return cls._from_listing(list_annotations(source, audio=audio, label_column=label_column, plan=plan))

    @classmethod
    def _from_listing(cls, listing: Listing) -> Dataset:
        table, labels, problems = assemble(listing)
        return cls(
            table=table,
            root=listing.root,
            labels=tuple(Label(label) for label in labels),
            task=listing.task,
            source_kind=listing.source_kind,
            problems=problems,
            sounds=None if listing.sounds is None else ArraySounds(listing.sounds),
        )

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        counts = f"{len(self)} clips, {len(self.labels)} classes"
        return f"Dataset({counts}, {self.task}, {self.source_kind}, root={str(self.root)!r})"

    @cached_property
    def medium(self) -> Medium:
        """ "picture" where every clip is a picture of a sound, by the ending of its name; else "sound"."""
        uris = self.table["uri"].to_pylist()
        return "picture" if uris and all(medium_of(uri) == "picture" for uri in uris) else "sound"

    def of_medium(self, medium: Medium | None = None) -> Dataset:
        """The sounds, or the pictures, of a dataset that may hold both, as a version in a store may.

        Parameters
        ----------
        medium : None: the sounds, where there are any

        Raises
        ------
        DataError : there is no such clip
        """
        medium = medium or self.medium
        chosen = np.array([medium_of(uri) == medium for uri in self.table["uri"].to_pylist()], dtype=bool)
        if not chosen.any():
            raise DataError(f"{self.root}: none of {len(self)} clips is a {medium}; give a source that holds some.")
        return self if chosen.all() else self.select(chosen)

    def select(self, chosen: Sequence[int] | NDArray[Any]) -> Dataset:
        """The clips that a mask `(clips,)` of bools or a list of row numbers picks, with all `labels`."""
        chosen = np.asarray(chosen)
        if chosen.dtype == np.bool_:
            if chosen.shape != (len(self),):
                raise ValueError(f"The mask must have one value a clip, {len(self)}. Got {chosen.shape} instead.")
            chosen = np.flatnonzero(chosen)
        indices = chosen.astype(np.int64)
        if indices.size and (indices.min() < 0 or indices.max() >= len(self)):
            raise ValueError(f"Row numbers must lie in [0, {len(self)}). Got {indices.min()} to {indices.max()}.")
        return replace(self, table=self.table.take(indices))

    def map_labels(self, to: Mapping[str, str]) -> Dataset:
        """The same clips under other labels, several of which may become one.

        Parameters
        ----------
        to : for every label of the dataset the label that takes its place; others are not looked at

        Where two labels of a clip become one, it weighs what both did, and one at most.

        Raises
        ------
        DataError : a label that is not in `to`
        """
        return relabelled(self, to)

    def only(
        self,
        *,
        labels: Sequence[str] | None = None,
        folds: Sequence[int] | None = None,
        splits: Sequence[str] | None = None,
        clips: Sequence[str] | None = None,
    ) -> Dataset:
        """The clips that are under one of these labels, in one of these folds, in one of these parts, and so on.

        Parameters
        ----------
        labels : those of other classes are left out, and the classes too; of a clip with several labels, the others
        folds, splits : of the official folds, of ``train``, ``validation`` and ``test``
        clips : patterns of `uri`, such as ``"2024/*.wav"``

        Raises
        ------
        DataError : something that the dataset does not have, or no clip left
        """
        return narrowed(self, labels=labels, folds=folds, splits=splits, clips=clips)

    def in_parts(self, parts: Mapping[str, str | None]) -> Dataset:
        """The same clips in other parts: by `clip_id` ``train``, ``validation``, ``test``, or None.

        Clips that are not named are in no part.

        Raises
        ------
        DataError : where no clip of the dataset is named
        """
        return in_parts(self, parts)

    def to_arrow(self) -> pa.Table:
        """The table of clips; see `schema.clip_schema`."""
        return self.table

    def to_pandas(self) -> Any:
        """The table of clips as a data frame of pandas, which must be installed."""
        require_extra("pandas", extra="data", purpose="making data frames")
        return self.table.to_pandas()

    def clips(self) -> list[Clip]:
        """The rows as records, in order."""
        names = ["clip_id", "uri", "start", "end", "split", "fold", "group", "sample_rate", "n_frames"]
        rows = self.table.select(names).to_pylist()
        sounds = self.sounds or FolderSounds(self.root)
        return [Clip(sounds=sounds, labels=labels, **row) for row, labels in zip(rows, self._label_ids, strict=True)]

    def targets(self) -> FloatArray:
        """Label weights in [0, 1], float32 `(clips, classes)`, columns in the order of `labels`.

        Raises
        ------
        DataError : a clip without labels
        """
        column = {label.id: i for i, label in enumerate(self.labels)}
        targets = np.zeros((len(self), len(self.labels)), np.float32)
        for row, weights in enumerate(self._weights):
            if weights is None:
                uri = self.table["uri"][row].as_py()
                raise DataError(f"{uri}: this clip has no label; label it, or leave it out with `select`.")
            for label, weight in weights.items():
                targets[row, column[label]] = weight
        return targets

    def groups(self) -> NDArray[np.str_]:
        """What must stay together in a split, `(clips,)`: the recording, or else the content of the file.

        Clips of equal content are of one group always, and so are the groups that such clips connect.
        """
        return merged_groups(self.table["clip_id"].to_pylist(), self.table["group"].to_pylist())

    def folds(self) -> tuple[int, ...]:
        """Numbers of the official folds, ascending; empty where there are none."""
        return tuple(sorted({fold for fold in self.table["fold"].to_pylist() if fold is not None}))

    def digest(self) -> str:
        """SHA-256 in hex of clips, labels, splits, folds and groups.

        Neither where the files lie, nor what they are called, nor the order of the rows is in it.
        """
        columns = [self.table[name].to_pylist() for name in ("clip_id", "split", "fold", "group")]
        rows = sorted(
            json.dumps([*row, None if weights is None else sorted(weights.items())])
            for *row, weights in zip(*columns, self._weights, strict=True)
        )
        head = json.dumps([self.task, [label.id for label in self.labels]])
        return hashlib.sha256("\n".join([head, *rows]).encode()).hexdigest()

    @cached_property
    def _weights(self) -> list[dict[str, float] | None]:
        return [
            None if labels is None else {label["id"]: label["weight"] for label in labels}
            for labels in self.table["labels"].to_pylist()
        ]

    @property
    def _label_ids(self) -> list[tuple[str, ...] | None]:
        return [
            None if weights is None else tuple(label for label, weight in weights.items() if weight > 0)
            for weights in self._weights
        ]


def _check_columns(table: pa.Table) -> None:
    for field in clip_schema():
        if field.name not in table.column_names:
            raise DataError(f"A table of clips must have the column {field.name!r}. Got {table.column_names} instead.")
        got = table.schema.field(field.name).type
        if got != field.type:
            raise DataError(f"The column {field.name!r} of a table of clips must be {field.type}. Got {got} instead.")


def _check_weights(dataset: Dataset) -> None:
    known = {label.id for label in dataset.labels}
    for row, weights in enumerate(dataset._weights):
        if weights is None:
            continue
        if unknown := weights.keys() - known:
            problem = f"has the label {min(unknown)!r}, which is not among the dataset's labels"
        elif not all(0 <= weight <= 1 for weight in weights.values()):
            problem = f"has label weights outside [0, 1]: {weights}"
        elif dataset.task == "single_label" and abs(sum(weights.values()) - 1) > 1e-3:
            problem = f"has label weights that do not sum to 1, as those of a single-label clip must: {weights}"
        else:
            continue
        raise DataError(f"{dataset.table['uri'][row].as_py()}: this clip {problem}.")
