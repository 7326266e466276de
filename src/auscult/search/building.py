"""Sounds into an index: added, passed over where they are in it unchanged, taken out where they are gone."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auscult.errors import InputError, OutputError, UsageError
from auscult.files import write_text
from auscult.result import Heard, WindowValues
from auscult.search.folder import BLOCK_ROWS, Description, Folder, Recording, Table, line_of
from auscult.search.suspects import Reading, crashes, left_out
from auscult.search.vectors import PACKED_TYPE, Packed, Totals, packed, total

if TYPE_CHECKING:
    from auscult.classifier import Classifier

# What a kill can cost: recordings are committed to the disk when so many seconds have gone since the last time.
COMMIT_EVERY_S = 5.0
# In what models agree whose embeddings can be compared.
WHAT_IT_HEARS = ("digest", "dim", "sample_rate", "window_samples")
# An index is written anew where more than this share of its rows belong to no recording any more.
MAX_DEAD_SHARE = 0.5


@dataclass(frozen=True)
class Added:
    """A recording that is in the index now: `n_windows` of it, or where it was there already and has not changed, 0."""

    source: str
    n_windows: int
    duration_s: float


def add_sounds(
    index: str | os.PathLike[str],
    sources: Iterable[str | os.PathLike[str]],
    model: Classifier,
    *,
    opened_as: str | None = None,
    gone_from: Sequence[str | os.PathLike[str]] = (),
    workers: int | None = None,
) -> Iterator[Added | InputError]:
    """Add recordings to the index in a folder, which is made where there is none. Memory does not grow with them.

    May be killed at any time and run again: what was done is passed over, and the index that is there in the end is
    the same, byte for byte. A recording whose file has another size or time of change than before is read again.

    Parameters
    ----------
    index : folder of the index
    sources : paths of files, and URLs; read a little ahead
    model : opened model that has an embedding
    opened_as : what `load` can open the model by again: a path or a name; None: the path of its file
    gone_from : folders; recordings of the index that lay in one of them, and are there no more, are taken out
    workers : as for `Classifier.classify_many`

    Yields
    ------
    for each source, in order, what was added, or what is wrong with it. A recording counts as a part of the index
    only when the iterator is at its end, or is closed, or seconds later.

    Raises
    ------
    UsageError : the index is another model's, or damaged, or another process writes it; the model has no embedding
    OutputError : the index cannot be written
    """
    folder = Folder(index)
    with folder.locked(), _written(folder), _Writer.open(folder, model, opened_as) as writer:
        writer.try_suspects()
        writer.take_out_gone([os.path.abspath(one) for one in gone_from])
        yield from writer.add(sources, model, workers)


class _Writer:
    """The one process that writes an index."""

    def __init__(self, folder: Folder, description: Description, table: Table, totals: Totals | None) -> None:
        self._folder = folder
        self._description = description
        self._recordings = table.recordings
        self._n_rows = table.n_rows
        self._n_bytes = table.n_bytes
        self._lines: list[bytes] = []
        self._committed_at = time.monotonic()
        generation = description.generation
        self._vectors = _opened_at(folder.vectors(generation), table.n_rows * self._row_bytes)
        self._table = _opened_at(folder.recordings(generation), table.n_bytes)
        self._totals = self._sum_of_all() if totals is None else totals.copy()
        self._reading = Reading(folder.reading)
        self._crashing = folder.read_crashing()
        self._n_open, self._is_finite, self._open_crc32 = 0, True, 0
        self._open_totals: Totals = np.zeros(description.dim, np.int64)

    @classmethod
    def open(cls, folder: Folder, model: Classifier, opened_as: str | None) -> _Writer:
        wanted = describe(model, opened_as)
        if folder.description.exists():
            description = folder.describe()
            check_same_model(folder, description, wanted)
        else:
            folder.write_description(wanted)
            description = wanted
        table = folder.read_table(description)
        for old in [*folder.path.glob("vectors-*.i16"), *folder.path.glob("recordings-*.jsonl")]:
            if old not in (folder.vectors(description.generation), folder.recordings(description.generation)):
                old.unlink(missing_ok=True)
        return cls(folder, description, table, folder.read_totals(description, table))

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._drop_rows()
            self._commit()
            self._keep_totals()
            # Only now: of a writer that failed here, it is not known why.
            self._reading.close()
        finally:
            self._vectors.close()
            self._table.close()
        n_live = sum(one.n_windows for one in self._recordings.values())
        if exception[0] is None and self._n_rows - n_live > MAX_DEAD_SHARE * self._n_rows:
            compact(self._folder)

    def add(
        self, sources: Iterable[str | os.PathLike[str]], model: Classifier, workers: int | None
    ) -> Iterator[Added | InputError]:
        """See `add_sounds`."""
        # What was asked for and has not been answered.
        asked: deque[_Asked] = deque()
        parts = model.window_scores(self._new(sources, asked), output="embedding", workers=workers)
        with closing(parts):
            for part in parts:
                if isinstance(part, WindowValues):
                    self._write_rows(part)
                    continue
                yield from _known(asked)
                one = asked.popleft()
                self._reading.end(one.name)
                if isinstance(part, Heard):
                    yield self._finish(one, part)
                else:
                    self._drop_rows()
                    yield part
                yield from _known(asked)
        yield from _known(asked)

    def try_suspects(self) -> None:
        """Those that were being read when a process ended: see `suspects`."""
        paths = {name: self._folder.path_of(name) for name in self._reading.left_over}
        suspects = {path: name for name, path in paths.items() if path is not None and os.path.isfile(path)}
        for path, how in crashes(list(suspects), self._description.sample_rate):
            state = _state(path)
            self._crashing[suspects[path]] = [state.size, state.changed_ns, how]
            write_text(self._folder.crashing, json.dumps(self._crashing, indent=2) + "\n")

    def take_out_gone(self, folders: Sequence[str]) -> None:
        """Recordings that lay in one of `folders` and do so no more."""
        for folder in folders:
            # A disk that is not there has lost nothing.
            if not os.path.isdir(folder):
                continue
            within = os.path.join(folder, "")
            paths = ((name, self._folder.path_of(name)) for name in self._recordings)
            gone = [name for name, path in paths if path and path.startswith(within) and not os.path.lexists(path)]
            for name in gone:
                self._take_out(name)
                self._lines.append(line_of(name, None))

    def _new(self, sources: Iterable[str | os.PathLike[str]], asked: deque[_Asked]) -> Iterator[str]:
        """Those to be read. Called from the thread that takes what they give, so `asked` needs no lock."""
        seen: set[str] = set()
        for one in sources:
            source, names = os.fspath(one), self._folder.names_of(one)
            name = next((name for name in names if name in self._recordings or name in self._crashing), names[0])
            state = _state(source)
            known = self._recordings.get(name)
            if name in seen or (known is not None and _State(known.size, known.changed_ns) == state):
                answer = Added(source, 0, 0.0 if known is None else known.duration_s)
                asked.append(_Asked(source, name, state, answer))
                continue
            seen.update(names)
            size, changed_ns, how = self._crashing.get(name, (None, None, ""))
            if (size, changed_ns) == (state.size, state.changed_ns):
                asked.append(_Asked(source, name, state, left_out(source, how)))
                continue
            asked.append(_Asked(source, name, state))
            self._reading.begin(name)
            yield source

    def _write_rows(self, part: WindowValues) -> None:
        """Rows of the recording that is being read: they count when it is finished."""
        self._n_open += len(part.windows)
        if not np.isfinite(part.values).all():
            self._is_finite = False
        if self._is_finite:
            vectors = packed(part.values)
            self._open_totals += total(vectors)
            content = vectors.tobytes()
            self._open_crc32 = zlib.crc32(content, self._open_crc32)
            _write(self._vectors, content)

    def _finish(self, one: _Asked, heard: Heard) -> Added | InputError:
        if not self._is_finite:
            self._drop_rows()
            return InputError(
                one.source,
                "not_finite",
                "the model's embedding of it holds values that are no numbers",
                "see whether its samples lie far outside [-1, 1]; if they do not, export the model again",
            )
        self._take_out(one.name)
        n_windows, state = self._n_open, one.state
        recording = Recording(self._n_rows, n_windows, heard.duration_s, state.size, state.changed_ns, self._open_crc32)
        self._recordings[one.name] = recording
        self._lines.append(line_of(one.name, recording))
        self._n_rows += n_windows
        self._totals += self._open_totals
        self._begin_rows()
        if time.monotonic() - self._committed_at > COMMIT_EVERY_S:
            self._commit()
        return Added(one.source, n_windows, heard.duration_s)

    def _take_out(self, name: str) -> None:
        before = self._recordings.pop(name, None)
        if before is not None:
            vectors = self._folder.map_vectors(self._description, before.row + before.n_windows)
            self._totals -= sum_of(vectors, [before])

    def _begin_rows(self) -> None:
        self._n_open, self._is_finite, self._open_crc32 = 0, True, 0
        self._open_totals = np.zeros(self._description.dim, np.int64)

    def _drop_rows(self) -> None:
        """What was written of a recording that came to nothing."""
        self._vectors.seek(self._n_rows * self._row_bytes)
        self._vectors.truncate()
        self._begin_rows()

    def _commit(self) -> None:
        """First the vectors, then the lines that speak for them."""
        if self._lines:
            os.fsync(self._vectors.fileno())
            content = b"".join(self._lines)
            _write(self._table, content)
            os.fsync(self._table.fileno())
            self._n_bytes += len(content)
            self._lines = []
        self._committed_at = time.monotonic()

    def _keep_totals(self) -> None:
        self._folder.write_totals(self._description, self._n_bytes, self._totals)

    @property
    def _row_bytes(self) -> int:
        return self._description.dim * PACKED_TYPE.itemsize

    def _sum_of_all(self) -> Totals:
        vectors = self._folder.map_vectors(self._description, self._n_rows)
        return sum_of(vectors, self._recordings.values())


def describe(model: Classifier, opened_as: str | None) -> Description:
    """What an index of `model` says of it."""
    spec = model.spec
    if not spec.takes_sound:
        raise UsageError(f"The model {spec.name!r} takes pictures, in which nothing has a time; choose another model.")
    silence = np.zeros(spec.window_samples, np.float32)
    return Description(
        model=spec.name,
        digest=model.digest,
        opened_as=opened_as if opened_as is not None else os.path.abspath(model.path),
        sample_rate=spec.sample_rate,
        window_samples=spec.window_samples,
        hop_samples=spec.hop_samples,
        dim=model.embed(silence).shape[1],
    )


def check_same_model(folder: Folder, description: Description, wanted: Description) -> None:
    """
    Raises
    ------
    UsageError : embeddings of the one and of the other cannot be compared
    """
    if any(getattr(description, what) != getattr(wanted, what) for what in WHAT_IT_HEARS):
        raise UsageError(
            f"{folder.name}: is an index of the model {description.model!r} ({description.digest[:12]}), and "
            f"embeddings of another ({wanted.model!r}, {wanted.digest[:12]}) cannot be compared with it; use that "
            "model, or make another index with -o."
        )
    if description.hop_samples != wanted.hop_samples:
        there_s, here_s = (one.hop_samples / one.sample_rate for one in (description, wanted))
        raise UsageError(
            f"{folder.name}: its windows begin every {there_s:g} s, and the model was opened with one every {here_s:g} "
            f"s; open it with a hop of {there_s:g} s, or make another index with -o."
        )


def sum_of(vectors: Packed, recordings: Iterable[Recording]) -> Totals:
    """The sum over all windows of `recordings`, a few of them in memory at a time."""
    totals = np.zeros(vectors.shape[1], np.int64)
    for one in recordings:
        for start in range(one.row, one.row + one.n_windows, BLOCK_ROWS):
            totals += total(vectors[start : min(start + BLOCK_ROWS, one.row + one.n_windows)])
    return totals


def compact(folder: Folder) -> None:
    """Write an index anew without the rows of recordings that it holds no more."""
    description = folder.describe()
    table = folder.read_table(description)
    after = replace(description, generation=description.generation + 1)
    vectors = folder.map_vectors(description, table.n_rows)
    row = n_bytes = 0
    with (
        open(folder.vectors(after.generation), "wb") as rows,
        open(folder.recordings(after.generation), "wb") as lines,
    ):
        for name, one in table.recordings.items():
            for start in range(one.row, one.row + one.n_windows, BLOCK_ROWS):
                rows.write(vectors[start : min(start + BLOCK_ROWS, one.row + one.n_windows)].tobytes())
            n_bytes += lines.write(line_of(name, one._replace(row=row)))
            row += one.n_windows
        for file in (rows, lines):
            file.flush()
            os.fsync(file.fileno())
    folder.write_description(after)
    folder.write_totals(after, n_bytes, sum_of(vectors, table.recordings.values()))
    for old in (folder.vectors(description.generation), folder.recordings(description.generation)):
        old.unlink(missing_ok=True)


@dataclass(frozen=True)
class _State:
    """How a file looks from outside; -1 where there is none, or it is a URL."""

    size: int = -1
    changed_ns: int = -1


def _state(source: str) -> _State:
    try:
        status = os.stat(source)
    except (OSError, ValueError):
        return _State()
    return _State(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class _Asked:
    """A source that was asked for, its name in the index, how its file looked then, and what to say of it where nothing
    is to be done.
    """

    source: str
    name: str
    state: _State
    known: Added | InputError | None = None


def _known(asked: deque[_Asked]) -> Iterator[Added | InputError]:
    while asked and asked[0].known is not None:
        yield asked[0].known
        asked.popleft()


def _opened_at(path: Path, size: int) -> FileIO:
    """A file to go on writing after its first `size` bytes; what a kill left behind them is cut off."""
    path.touch()
    file = FileIO(path, "r+")
    file.seek(size)
    file.truncate()
    return file


def _write(file: FileIO, content: bytes) -> None:
    """All of it: on a disk that is nearly full, a write may end early, and the next one says why."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


@contextmanager
def _written(folder: Folder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder.name}: cannot be written ({error.strerror or error}); what is in it is whole: free some space "
            "and run again to go on."
        ) from error
