"""A dataset of sounds drawn as one of spectrogram pictures: a PNG a clip, in the same tree."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from auscult.audio import find_files, load_waveform, source_name
from auscult.audio.sources import open_source
from auscult.data.dataset import Dataset
from auscult.data.layouts import check_inside, metadata
from auscult.data.schema import SPLIT_NAMES, Clip
from auscult.data.tables import read_table
from auscult.errors import DataError, InputError, MissingExtraError, OutputError
from auscult.extras import require_extra
from auscult.features import PictureForm, PictureNote, encode_picture, log_mel, preset, read_picture
from auscult.features.picture_files import MAX_PIXELS
from auscult.files import printable, write_bytes, write_text
from auscult.progress import progress

TABLE = "metadata.csv"
THREADS = 4
# What the preset "auscult" adapts to.
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 4000, 32000


@dataclass(frozen=True)
class Drawn:
    """What became of a dataset's clips: pictures written, those that were there and right, and clips that failed.

    `n_others` are pictures below the folder that are of none of these clips.
    """

    folder: Path
    form: PictureForm
    n_written: int
    n_kept: int
    n_others: int
    problems: tuple[InputError, ...]


def picture_form(
    dataset: Dataset,
    features: str = "clearml",
    *,
    sample_rate: int | None = None,
    low_db: float | None = None,
    high_db: float | None = None,
) -> PictureForm:
    """What the pixels of all pictures of a dataset will mean.

    Parameters
    ----------
    features : name of a preset
    sample_rate : Hz, where the preset adapts to it; None: the rate that half of the sounds have at least, from 4000 to
        32000
    low_db, high_db : levels of black and white; None: from silence to a sine of full scale

    Raises
    ------
    UsageError : no such preset, a rate that it does not have, or a range that is none
    """
    if sample_rate is None and features == "auscult":
        rates = [rate for rate in dataset.table["sample_rate"].to_pylist() if rate]
        usual = int(np.percentile(rates, 50, method="lower")) if rates else MAX_SAMPLE_RATE
        sample_rate = min(max(usual, MIN_SAMPLE_RATE), MAX_SAMPLE_RATE)
    return PictureForm.of(preset(features, sample_rate=sample_rate), low_db=low_db, high_db=high_db)


def write_spectrograms(dataset: Dataset, folder: str | Path, form: PictureForm, *, quiet: bool = False) -> Drawn:
    """Draw every clip as a PNG below `folder`, where the tree of the source keeps its shape.

    What the source's table knows and folders cannot hold (folds, groups, several labels) goes into ``metadata.csv``, as
    Hugging Face's image and audio folders have it; so the folder, read as a source, has the same labels, splits, folds
    and groups. Pictures that are there and right are kept: what was interrupted goes on.

    Parameters
    ----------
    dataset : of sounds; of one that also holds pictures, the sounds are drawn
    folder : may be that of the sounds, where no table is needed
    form : see `picture_form`
    quiet : show no progress

    Raises
    ------
    DataError : `dataset` holds no sounds
    OutputError : a picture cannot be written, or a table of another kind stands where ours must
    """
    require_extra("PIL.Image", extra="data", purpose="writing pictures")
    folder = Path(os.path.abspath(folder))
    dataset = dataset.of_medium("sound")
    clips = dataset.clips()
    names = picture_names(clips)
    # A table from before would speak of other clips.
    needs_table = not _told_by_folders(dataset) or (folder / TABLE).exists()
    _check_place(dataset, folder, needs_table)
    work = [_Work(clip, folder / name, form) for clip, name in zip(clips, names, strict=True)]
    drawn, kept, problems = _draw(work, quiet=quiet)
    if needs_table and drawn.any():
        rows = np.flatnonzero(drawn).tolist()
        text = metadata(_with_groups(dataset), rows, [names[row] for row in rows], parts=True, cut=True)
        write_text(folder / TABLE, text)
    ours = {folder / name for name in names}
    n_others = sum(path not in ours for path in find_files(folder, frozenset({".png"}))) if folder.is_dir() else 0
    n_kept = int(kept.sum())
    return Drawn(folder, form, int(drawn.sum()) - n_kept, n_kept, n_others, (*dataset.problems, *problems))


def _draw(work: Sequence[_Work], *, quiet: bool) -> tuple[NDArray[np.bool_], NDArray[np.bool_], list[InputError]]:
    """Write what is not there: which clips have a picture now, which of them had one, and why others have none."""
    problems: list[InputError] = []
    drawn, kept = np.zeros((2, len(work)), dtype=bool)
    with progress("Drawing", len(work), quiet=quiet) as advance:
        for row, made in enumerate(_in_threads(work)):
            if isinstance(made, InputError):
                problems.append(made)
            else:
                drawn[row], kept[row] = True, made is None
                if made is not None:
                    # In this thread alone: `atomic_path` reads the umask.
                    write_bytes(work[row].path, made)
            advance()
    return drawn, kept, problems


def picture_names(clips: Sequence[Clip]) -> list[str]:
    """Where the picture of each clip lies: under the name of its sound, with its range where it is a part of it.

    Raises
    ------
    DataError : a name that leads out of the folder
    """
    stems = [_stem(clip) for clip in clips]
    # dog.wav and dog.mp3 are two clips.
    names = [f"{stem}.png" for stem, _ in stems]
    if len({name.casefold() for name in names}) < len(names):
        names = [f"{stem}{suffix}.png" for stem, suffix in stems]
    taken: set[str] = set()
    for row, name in enumerate(names):
        number = 1
        while names[row].casefold() in taken:
            number += 1
            names[row] = f"{name.removesuffix('.png')}-{number}.png"
        taken.add(names[row].casefold())
        check_inside(names[row])
    return names


def _stem(clip: Clip) -> tuple[str, str]:
    path = PurePosixPath(clip.uri)
    stem = path.with_suffix("").as_posix() if path.suffix else clip.uri
    if clip.start is not None or clip.end is not None:
        stem += f"-{clip.start or 0}-{'' if clip.end is None else clip.end}".rstrip("-")
    return stem, path.suffix


@dataclass(frozen=True)
class _Work:
    clip: Clip
    path: Path
    form: PictureForm

    def do(self) -> bytes | InputError | None:
        """The picture's file; None where it is there already; or why there is none."""
        try:
            return None if self._is_there() else self._encoded()
        except InputError as problem:
            return problem
        except MissingExtraError as error:
            return InputError(source_name(self.clip.source), "unsupported", "what reads it is missing", str(error))

    def _is_there(self) -> bool:
        try:
            with open_source(self.path).file as file:
                note = read_picture(file, printable(self.path)).note
        except InputError:
            return False
        return note is not None and note.clip == self.clip.clip_id and note.form == self.form

    def _encoded(self) -> bytes:
        features, source = self.form.features, self.clip.source
        start_s, end_s = self.clip.range_s()
        samples = load_waveform(source, sample_rate=features.sample_rate, start_s=start_s, end_s=end_s).samples
        if features.n_mels * features.n_frames(len(samples)) > MAX_PIXELS:
            raise InputError(
                source_name(source),
                "too_large",
                f"its picture would have more than {MAX_PIXELS} pixels",
                "cut it into clips, as --annotations with --clip does",
            )
        return encode_picture(log_mel(samples, features), PictureNote(self.form, self.clip.clip_id, len(samples)))


def _in_threads(work: Sequence[_Work]) -> Iterator[bytes | InputError | None]:
    """What becomes of each, in order, a few ahead: a folder's pictures need not fit into memory."""
    pool = ThreadPoolExecutor(THREADS)
    waiting: deque[Future[bytes | InputError | None]] = deque()
    try:
        for one in work:
            waiting.append(pool.submit(one.do))
            if len(waiting) > 4 * THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _told_by_folders(dataset: Dataset) -> bool:
    """Whether the tree says all that is known of the clips, so that no table is needed."""
    table = dataset.table
    if any(value is not None for name in ("fold", "group", "start", "end") for value in table[name].to_pylist()):
        return False
    if dataset.source_kind not in ("class_folders", "split_folders"):
        return False
    depth = int(dataset.source_kind == "split_folders")
    rows = zip(dataset.clips(), table["split"].to_pylist(), strict=True)
    return all(_tells(PurePosixPath(clip.uri).parts, depth, clip.labels, split) for clip, split in rows)


def _tells(parts: Sequence[str], depth: int, labels: tuple[str, ...] | None, split: str | None) -> bool:
    part = SPLIT_NAMES.get(parts[0].casefold()) if depth else None
    return len(parts) > depth + 1 and labels == (parts[depth],) and split == part


def _with_groups(dataset: Dataset) -> Dataset:
    """The dataset as its table must say it: parts of one file are one group.

    Pictures of two parts of a recording share no content that would say that they belong together.
    """
    pa = require_extra("pyarrow", extra="data", purpose="reading datasets")
    table = dataset.table
    merged = dataset.groups().tolist()
    counts, given = Counter(merged), table["group"].to_pylist()
    groups = [one or (group if counts[group] > 1 else None) for one, group in zip(given, merged, strict=True)]
    column = table.schema.get_field_index("group")
    return replace(dataset, table=table.set_column(column, "group", pa.array(groups, pa.string())))


def _check_place(dataset: Dataset, folder: Path, needs_table: bool) -> None:
    """Refuse to write our table where it would speak of the sounds, or in the place of somebody else's."""
    if not needs_table:
        return
    if folder == Path(os.path.abspath(dataset.root)):
        raise DataError(
            f"{printable(folder)}: what is known of these clips needs a table ({TABLE}), which would be taken for one "
            "of the sounds; give a folder of its own for the pictures."
        )
    table = folder / TABLE
    if table.exists():
        rows = read_table(table).rows
        if not all(str(row.fields.get("file_name", "")).endswith(".png") for row in rows):
            raise OutputError(f"{printable(table)}: this table is not one of pictures; give another folder.")
