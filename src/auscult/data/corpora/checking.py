"""Are all files of a corpus here, and are they what they were?

They are compared with the first of these that there is: checksums that others have published, which come with the
package (``checksums/``); those that were written when the corpus was unpacked from an archive whose own checksum was
right; those that the corpus brings along. All are lists as `sha256sum` writes and reads them, so that
``sha256sum --check SHA256SUMS`` does the same without auscult.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from auscult.data.corpora.record import Corpus
from auscult.errors import DataError
from auscult.files import digest_of_file, printable
from auscult.progress import progress

SUMS = "SHA256SUMS"
_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}
_PACKAGED = Path(__file__).parent / "checksums"
_THREADS = min(8, 2 * (os.cpu_count() or 1))

Against = Literal["published checksums", "checksums from when it was unpacked", "checksums that it brings along"]


@dataclass(frozen=True)
class Validation:
    """What a comparison of files with their checksums found.

    Attributes
    ----------
    name, folder : of the corpus, and where its tree is
    against : what the files were compared with
    n_files : how many there should be
    missing : paths of those that are not there, under `folder`, with ``/``
    corrupt : paths of those that are not what they should be, or cannot be read
    """

    name: str
    folder: Path
    against: Against
    n_files: int
    missing: tuple[str, ...]
    corrupt: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return not self.missing and not self.corrupt


def check_files(corpus: Corpus, root: Path, *, quiet: bool = False) -> Validation:
    """Compare all files of the tree at `root`.

    Raises
    ------
    DataError : where there is nothing to compare with
    """
    against, sums = _expected(corpus, root)
    with progress(f"Checking {corpus.name}", len(sums), quiet=quiet) as advance:
        pool = ThreadPoolExecutor(_THREADS)
        try:
            found = []
            for state in pool.map(lambda item: _state(root, *item), sums.items()):
                found.append(state)
                advance()
        finally:
            # After Ctrl-C, thousands of waiting files must not be read first.
            pool.shutdown(cancel_futures=True)
    by_state = {
        state: tuple(name for name, its in zip(sums, found, strict=True) if its == state)
        for state in ("missing", "corrupt")
    }
    return Validation(corpus.name, root, against, len(sums), by_state["missing"], by_state["corrupt"])


def sums_text(sums: Mapping[str, str]) -> str:
    """A list of checksums, a line a file, sorted by path.

    >>> sums_text({"b.wav": "01", "a.wav": "23"})
    '23  a.wav\\n01  b.wav\\n'
    """
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def _expected(corpus: Corpus, root: Path) -> tuple[Against, dict[str, str]]:
    """What the files are compared with, and the digest of each by its path."""
    if corpus.published:
        with gzip.open(_PACKAGED / f"{corpus.published}.gz", "rt", encoding="utf-8") as file:
            return "published checksums", _parsed(file.read(), corpus.published)
    if (path := root / SUMS).is_file():
        return "checksums from when it was unpacked", _read_sums(path)
    if corpus.own_list and (path := root / corpus.own_list).is_file():
        folder = PurePosixPath(corpus.own_list).parent
        return "checksums that it brings along", {str(folder / name): sum_ for name, sum_ in _read_sums(path).items()}
    raise DataError(
        f"{printable(root)}: there is no list of checksums of the files of {corpus.title} to compare with. It is "
        f"written when auscult unpacks the archive: auscult data corpora get {corpus.name} --from FILE --to FOLDER"
    )


def _read_sums(path: Path) -> dict[str, str]:
    try:
        return _parsed(path.read_text(encoding="utf-8"), printable(path))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{printable(path)}: cannot be read ({error}); unpack the corpus again.") from error


def _parsed(text: str, source: str) -> dict[str, str]:
    sums = {}
    for number, line in enumerate(text.splitlines(), 1):
        digest, gap, name = line[: line.find(" ")], line[line.find(" ") :][:2], line[line.find(" ") :][2:]
        if len(digest) not in _ALGORITHMS or gap not in ("  ", " *") or not _is_below(name):
            raise DataError(f"{source}, line {number}: is no checksum and path; unpack the corpus again.")
        sums[name] = digest
    if not sums:
        raise DataError(f"{source}: holds no checksum; unpack the corpus again.")
    return sums


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _state(root: Path, name: str, digest: str) -> Literal["missing", "corrupt", "right"]:
    path = root / name
    if not path.is_file():
        return "missing"
    try:
        return "right" if digest_of_file(path, _ALGORITHMS[len(digest)]) == digest else "corrupt"
    except OSError:
        return "corrupt"
