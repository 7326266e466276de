"""An index on disk: which files it is made of, and how it stays whole whatever happens to the process that writes it.

::

    INDEX/
      index.json            which model, how its windows lie, which generation of the two files below counts
      vectors-1.i16         the packed vectors of all windows, one after another (see `vectors`)
      recordings-1.jsonl    a line a recording: which rows are its, and how its file looked when it was read
      totals.i64            the sum of the vectors, for the centre; made again where it is absent or old
      reading.json          which files a writer is reading (see `suspects`)
      crashing.json         only where there are such: files that end the process which reads them

Both files only grow. Vectors are on the disk before the line of their recording is, and what no line speaks for is cut
off by the next writer: so a kill costs the recordings of the last seconds, and nothing that was there before. A later
line of a recording takes the place of an earlier one. Where many rows belong to no recording any more, the two are
written anew as the next generation, which counts once `index.json` says so.

Damage is found rather than answered with: `index.json`, the sums and each line hold a checksum of themselves, and each
line one of the vectors of its recording, which is looked at when the recording is among the answers.

A recording has the name that it was given by: a URL, an absolute path, or a path relative to the index, in place of one
relative to where somebody happened to be. So an index and an archive that are moved together stay together.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from auscult.errors import OutputError, UsageError
from auscult.files import printable, write_bytes
from auscult.locks import locked
from auscult.search.vectors import PACKED_TYPE, PACKING, TOTALS_TYPE, Packed, Totals

FORMAT_VERSION = 1
# Rows that are looked at at a time, where all of them are.
BLOCK_ROWS = 4096
LOCK = ".lock"
DESCRIPTION = "index.json"
# Before the checksum of what stands before it, at the end of a line or of the description.
_CHECKED = b', "checksum": '
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class Description:
    """What `index.json` says.

    Attributes
    ----------
    model, digest : name of the model, and SHA-256 of its file
    opened_as : what `load` opened it by: a path or a name
    sample_rate, window_samples, hop_samples : window k begins at sample k * hop
    dim : of the vectors
    generation : of the files that count
    """

    model: str
    digest: str
    opened_as: str
    sample_rate: int
    window_samples: int
    hop_samples: int
    dim: int
    generation: int = 1

    def to_dict(self) -> dict[str, Any]:
        return {"format_version": FORMAT_VERSION, **asdict(self), "packing": PACKING}


class Recording(NamedTuple):
    """A recording of an index. Its file had `size` bytes and was changed at `changed_ns`; -1: that is not known.

    `crc32` is that of its vectors.
    """

    row: int
    n_windows: int
    duration_s: float
    size: int
    changed_ns: int
    crc32: int


@dataclass(frozen=True)
class Table:
    """The recordings of an index, by their name; in the order of their rows.

    `n_rows` and `n_bytes` are how much of the two files their lines speak for.
    """

    recordings: dict[str, Recording]
    n_rows: int
    n_bytes: int

    @property
    def n_windows(self) -> int:
        return sum(one.n_windows for one in self.recordings.values())


class Folder:
    """The folder of an index, and where in it each file lies."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.name = printable(path)
        self._absolute = os.path.abspath(path)

    def names_of(self, source: str | os.PathLike[str]) -> tuple[str, ...]:
        """By which names a recording may be in here, that first by which it is put here.

        >>> Folder("/data/index").names_of("/data/nights/1.wav")
        ('/data/nights/1.wav', '../nights/1.wav')
        """
        given = os.fspath(source)
        if _SCHEME.match(given):
            return (given,)
        absolute = os.path.abspath(given)
        try:
            relative = os.path.relpath(absolute, self._absolute)
        except ValueError:  # another drive
            return (absolute,)
        return (absolute, relative) if os.path.isabs(given) else (relative, absolute)

    def source_of(self, name: str) -> str:
        """What opens the recording of that name from here: a path that begins as that of the index does, or a URL.

        >>> Folder("data/index").source_of("../nights/1.wav")
        'data/nights/1.wav'
        """
        return name if _SCHEME.match(name) else os.path.normpath(os.path.join(self.path, name))

    def path_of(self, name: str) -> str | None:
        """The absolute path of the recording of that name; None: it is a URL."""
        return None if _SCHEME.match(name) else os.path.normpath(os.path.join(self._absolute, name))

    @property
    def description(self) -> Path:
        return self.path / DESCRIPTION

    @property
    def totals(self) -> Path:
        return self.path / "totals.i64"

    @property
    def reading(self) -> Path:
        return self.path / "reading.json"

    @property
    def crashing(self) -> Path:
        return self.path / "crashing.json"

    def vectors(self, generation: int) -> Path:
        return self.path / f"vectors-{generation}.i16"

    def recordings(self, generation: int) -> Path:
        return self.path / f"recordings-{generation}.jsonl"

    def describe(self) -> Description:
        """What is here.

        Raises
        ------
        UsageError : no index, a damaged one, or one of a newer format
        """
        try:
            content = self.description.read_bytes()
            said: Any = json.loads(content)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UsageError(f"{self.name}: is no index; make one with: auscult embed FOLDER -o {self.name}") from error
        except (OSError, ValueError) as error:
            raise self._damaged(f"{DESCRIPTION} cannot be read ({error})") from error
        if not isinstance(said, dict) or not isinstance(said.get("format_version"), int):
            raise self._damaged(f"{DESCRIPTION} is not that of an index")
        if said["format_version"] > FORMAT_VERSION:
            raise UsageError(
                f"{self.name}: was made by a newer auscult (format {said['format_version']}, this one reads up to "
                f"{FORMAT_VERSION}); upgrade auscult."
            )
        try:
            _check(content.rstrip())
            return _described(said)
        except (KeyError, ValueError, TypeError) as error:
            raise self._damaged(f"{DESCRIPTION} lacks or garbles what it should say ({error})") from error

    def write_description(self, description: Description) -> None:
        text = json.dumps(description.to_dict(), ensure_ascii=True)
        write_bytes(self.description, _checked(text) + b"\n")

    def read_table(self, description: Description) -> Table:
        """The recordings.

        Raises
        ------
        UsageError : the files are damaged
        """
        path = self.recordings(description.generation)
        try:
            # A first writer that was killed early has made neither.
            is_new = description.generation == 1 and not path.exists()
            content = b"" if is_new else path.read_bytes()
            size = self.vectors(description.generation).stat().st_size if content else 0
        except OSError as error:
            raise self._damaged(f"{error.filename} cannot be read ({error.strerror})") from error
        # What a kill left of a line has no end.
        n_bytes = content.rfind(b"\n") + 1
        recordings: dict[str, Recording] = {}
        n_rows = 0
        for number, line in enumerate(content[:n_bytes].splitlines(), start=1):
            try:
                source, recording = _from_line(line)
            except (ValueError, KeyError, TypeError) as error:
                raise self._damaged(f"line {number} of {path.name} cannot be read ({error})") from error
            # Taken out first, so that the order stays that of the rows.
            recordings.pop(source, None)
            if recording is not None:
                if recording.row != n_rows or recording.n_windows < 1:
                    raise self._damaged(f"line {number} of {path.name} does not begin where the line before ended")
                n_rows += recording.n_windows
                recordings[source] = recording
        needed = n_rows * description.dim * PACKED_TYPE.itemsize
        if size < needed:
            name = self.vectors(description.generation).name
            raise self._damaged(f"{name} holds {size} bytes, and {path.name} speaks of {needed}")
        return Table(recordings, n_rows, n_bytes)

    def map_vectors(self, description: Description, n_rows: int) -> Packed:
        """The first `n_rows` rows, read from the disk where they are looked at: int16 (windows, dim)."""
        if n_rows == 0:
            return np.zeros((0, description.dim), PACKED_TYPE)
        path = self.vectors(description.generation)
        try:
            return np.memmap(path, PACKED_TYPE, "r", shape=(n_rows, description.dim))
        except (OSError, ValueError) as error:
            raise self._damaged(f"{path.name} cannot be read ({error})") from error

    def read_totals(self, description: Description, table: Table) -> Totals | None:
        """The sum of the vectors of `table`; None where the file is not that of just this table."""
        try:
            content = self.totals.read_bytes()
        except OSError:
            return None
        if len(content) != TOTALS_TYPE.itemsize * (3 + description.dim):
            return None
        kept: Totals = np.frombuffer(content, TOTALS_TYPE)
        about = [description.generation, table.n_bytes, zlib.crc32(kept[3:].tobytes())]
        return kept[3:] if kept[:3].tolist() == about else None

    def write_totals(self, description: Description, n_bytes: int, totals: Totals) -> None:
        """Keep the sum of the vectors; `n_bytes`, of the table of recordings, says of which state."""
        about = [description.generation, n_bytes, zlib.crc32(totals.astype(TOTALS_TYPE).tobytes())]
        write_bytes(self.totals, np.concatenate([about, totals]).astype(TOTALS_TYPE).tobytes())

    def check_vectors(self, description: Description, name: str, recording: Recording, vectors: Packed) -> None:
        """
        Parameters
        ----------
        vectors : of all recordings

        Raises
        ------
        UsageError : those of this recording are not what was written
        """
        crc32, end = 0, recording.row + recording.n_windows
        for start in range(recording.row, end, BLOCK_ROWS):
            crc32 = zlib.crc32(vectors[start : min(start + BLOCK_ROWS, end)].tobytes(), crc32)
        if crc32 != recording.crc32:
            file = self.vectors(description.generation).name
            raise self._damaged(f"{file} does not hold what was written to it for {printable(self.source_of(name))}")

    def read_crashing(self) -> dict[str, Any]:
        """Of each file that ends the process which reads it: size, time of change, how the process ended."""
        try:
            said = json.loads(self.crashing.read_text(encoding="utf-8"))
            return {source: [*map(int, values[:2]), str(values[2])] for source, values in said.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError, IndexError) as error:
            raise self._damaged(f"{self.crashing.name} cannot be read ({error})") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers out; the folder is made.

        Raises
        ------
        UsageError : another process writes it, or the folder holds something else
        OutputError : it cannot be written, or is a file
        """
        self._make()
        taken = f"{self.name}: another process writes this index; wait for it, stop it, or choose another with -o."
        with locked(self.path / LOCK, taken=taken):
            yield

    def _make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            others = [] if self.description.exists() else [one.name for one in self.path.iterdir() if one.name != LOCK]
        except FileExistsError as error:
            raise OutputError(f"{self.name}: is a file; choose a folder for the index with -o.") from error
        except OSError as error:
            raise self._unwritable(error) from error
        # What `atomic_path` leaves when the process is killed in its first moment.
        others = [name for name in others if not name.startswith(".")]
        if others:
            raise UsageError(
                f"{self.name}: must be a new or empty folder, or an index. Got one with "
                f"{', '.join(printable(name) for name in sorted(others)[:3])} in it; choose another with -o."
            )

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.name}: cannot be written ({error.strerror or error}); free some space, or choose another place "
            "with -o."
        )

    def _damaged(self, what: str) -> UsageError:
        return UsageError(
            f"{self.name}: this index is damaged: {what}; restore it from a copy, or remove the folder and run "
            "auscult embed again."
        )


def line_of(source: str, recording: Recording | None) -> bytes:
    """The line that says that an index holds `recording`; None: that it holds it no more."""
    said = {"source": source, **({"gone": True} if recording is None else recording._asdict())}
    return _checked(json.dumps(said, ensure_ascii=True)) + b"\n"


def _checked(text: str) -> bytes:
    """A JSON object with its checksum as its last value.

    >>> _checked('{"a": 1}')
    b'{"a": 1, "checksum": 2057863684}'
    """
    head = text.removesuffix("}").encode("ascii")
    return head + _CHECKED + b"%d}" % zlib.crc32(head)


def _check(content: bytes) -> None:
    """
    Raises
    ------
    ValueError : not what `_checked` gave
    """
    head, _, _ = content.rpartition(_CHECKED)
    if content != head + _CHECKED + b"%d}" % zlib.crc32(head):
        raise ValueError("its checksum is another")


def _from_line(line: bytes) -> tuple[str, Recording | None]:
    """
    >>> _from_line(line_of("a.wav", Recording(0, 3, 1.5, 99, -1, 7)).rstrip())
    ('a.wav', Recording(row=0, n_windows=3, duration_s=1.5, size=99, changed_ns=-1, crc32=7))
    >>> _from_line(line_of("a.wav", None).rstrip())
    ('a.wav', None)
    """
    _check(line)
    said = json.loads(line)
    if said.get("gone"):
        return said["source"], None
    return said["source"], Recording(**{name: said[name] for name in Recording._fields})


def _described(said: dict[str, Any]) -> Description:
    if said["packing"] != PACKING:
        raise ValueError(f"packing {said['packing']!r}")
    texts = {name: str(said[name]) for name in ("model", "digest", "opened_as")}
    numbers = {name: int(said[name]) for name in ("sample_rate", "window_samples", "hop_samples", "dim", "generation")}
    if min(numbers.values()) < 1:
        raise ValueError("a number below 1")
    values: dict[str, Any] = {**texts, **numbers}
    return Description(**values)
