"""Files that are fetched once and kept: resumed, tried again, checked, and never there in part.

`audio/fetch.py` fetches sounds, which are decoded and forgotten. What is fetched here is worth patience: a model, a
corpus. What came before a connection broke, or the process was killed, is kept beside the file as ``NAME.part``, with
``NAME.part.json`` saying which version of the file it is a part of. The rest is asked for by HTTP's Range, with
If-Range, so that the server sends the whole again where the file has changed. Whatever servers do, only a file that
has the expected size and SHA-256 gets the name.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import ssl
import sys
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO

from auscult.errors import DownloadError, InputErrorKind, OutputError
from auscult.files import Expected
from auscult.progress import bytes_in_words, progress
from auscult.web import Deadline, OtherSchemeError, open_url

_READ_BYTES = 1 << 16
# A server that is busy or broken for now, by status code.
_COME_BACK = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


@dataclass(frozen=True)
class Patience:
    """How slow a server may be, and how often it is asked.

    Attributes
    ----------
    silence_s : how long it may send nothing, while connecting too
    slow_s, slow_bytes : it is given up when fewer than `slow_bytes` came in `slow_s`
    attempts : attempts in a row that bring the file less than `worthwhile_bytes` further, after which it is given up
    wait_s : before the second attempt; each further wait is twice as long
    """

    silence_s: float = 15.0
    slow_s: float = 60.0
    slow_bytes: int = 1 << 16
    attempts: int = 5
    worthwhile_bytes: int = 1 << 20
    wait_s: float = 1.0


PATIENCE = Patience()


def download(
    url: str,
    path: str | os.PathLike[str],
    *,
    sha256: str | None = None,
    checksum: str | None = None,
    size_bytes: int | None = None,
    name: str | None = None,
    quiet: bool = False,
    patience: Patience | None = None,
) -> Path:
    """Fetch `url` to `path`, unless it is there already.

    Several threads and processes may ask for the same file at once: one fetches it, the others wait for it. Ctrl-C
    and a kill leave what came so far for the next call. Proxies are taken from the environment.

    Parameters
    ----------
    url : http or https
    path : of the file; its folder is made
    sha256 : of the file, 64 hexadecimal digits; None: not known, then a file that is there counts as right
    checksum : instead of `sha256`, what those who publish the file say of it: ``md5:``, ``sha1:`` or ``sha256:`` and
        hexadecimal digits
    size_bytes : of the file; None: not known
    name : what people call it, for progress; None: the last part of `url`
    quiet : say nothing on stderr
    patience : None: `PATIENCE`

    Returns
    -------
    `path`

    Raises
    ------
    DownloadError : where the server is not reached, breaks off too often, or has other bytes
    OutputError : where the disk is full or the folder cannot be written
    """
    path = Path(path)
    expected = Expected(f"sha256:{sha256}" if sha256 is not None else checksum, size_bytes)
    if expected.difference(path):
        with alone_with(path, quiet=quiet):
            # While this process waited, another may have fetched it.
            if expected.difference(path):
                shown = name or url.partition("?")[0].rpartition("/")[2] or url
                _Transfer(url, path, expected, shown, quiet, patience or PATIENCE).run()
    return path


class _AgainError(Exception):
    """This attempt failed in a way in which the next may not."""


class _Part:
    """What came so far, in a file beside the one that it will be, and which version of that it is a part of."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path.with_name(f"{path.name}.part")
        self._note = path.with_name(f"{path.name}.part.json")
        self._whole = path
        self._url = url

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def validator(self) -> str:
        """What the server called the version, "" where nothing can be added to what is there."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return str(note["validator"]) if note["url"] == self._url else ""
        except (OSError, ValueError, TypeError, KeyError):
            return ""

    def open(self, validator: str, *, resume: bool) -> BinaryIO:
        """The file, to add to. Unbuffered, so that closing it writes nothing and cannot fail."""
        with _writing(self._whole):
            if resume:
                return open(self.path, "ab", buffering=0)
            # Without a note, a kill between these lines leaves a part that is not gone on with.
            self._note.unlink(missing_ok=True)
            file = open(self.path, "wb", buffering=0)  # noqa: SIM115
            if validator:
                note = {"url": self._url, "validator": validator}
                self._note.write_text(json.dumps(note), encoding="utf-8")
            return file

    def write(self, file: BinaryIO, block: bytes) -> None:
        rest = memoryview(block)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self.discard()
            raise _output_error(self._whole, error) from error

    def discard(self) -> None:
        with _writing(self._whole):
            self._note.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)

    def put_in_place(self) -> None:
        """Give the file its name, when its bytes are on the disk."""
        with _writing(self._whole):
            with open(self.path, "rb") as file:
                os.fsync(file.fileno())
            os.replace(self.path, self._whole)
            self._note.unlink(missing_ok=True)


class _Transfer:
    """One file on its way, while its lock is held."""

    def __init__(self, url: str, path: Path, expected: Expected, name: str, quiet: bool, patience: Patience) -> None:
        self._url = url
        self._path = path
        self._expected = expected
        self._name = name
        self._quiet = quiet
        self._patience = patience
        self._part = _Part(path, url)

    def run(self) -> None:
        failures, furthest = 0, self._part.size
        while True:
            try:
                self._attempt()
                return
            except _AgainError as problem:
                # From the furthest point: a server that cannot resume sends the same bytes again and again.
                if self._part.size >= furthest + self._patience.worthwhile_bytes:
                    failures = 0
                furthest = max(furthest, self._part.size)
                failures += 1
                if failures >= self._patience.attempts:
                    said = f"given up after {failures} attempts, at the last of which {problem}"
                    raise self._error("unreachable", said, "run again later, it goes on where it stopped") from problem
                if not self._quiet:
                    print(f"{self._name}: {problem}; trying again", file=sys.stderr, flush=True)
                time.sleep(self._patience.wait_s * 2 ** (failures - 1))

    def _attempt(self) -> None:
        offset = self._part.size if self._part.validator else 0
        if offset and offset == self._expected.size_bytes:
            resumed = True  # killed between the last byte and the name
        else:
            resumed = self._fetch(offset)
        if difference := self._expected.difference(self._part.path):
            self._part.discard()
            if resumed:
                raise _AgainError("what came at different times did not fit together")
            raise self._other_bytes(difference)
        self._part.put_in_place()

    def _fetch(self, offset: int) -> bool:
        """Receive what is missing; whether it was added to what was there."""
        headers = {"Range": f"bytes={offset}-", "If-Range": self._part.validator} if offset else {}
        answered = False
        deadline = Deadline(self._patience.slow_s)
        silence_s = self._patience.silence_s
        try:
            with deadline, open_url(self._url, deadline=deadline, silence_s=silence_s, headers=headers) as response:
                answered = True
                return self._receive(response, offset, deadline)
        except OtherSchemeError as error:
            raise self._error("unsupported", str(error), "give another address") from error
        except urllib.error.HTTPError as error:
            error.close()
            raise self._refusal(error) from error
        except (OSError, HTTPException, ValueError) as error:
            if deadline.passed:
                raise _AgainError("the server was too slow") from error
            reason = getattr(error, "reason", None) or error
            if answered or not isinstance(error, urllib.error.URLError | ValueError):
                raise _AgainError(f"the connection broke ({reason})") from error
            # Not tried again: whoever is offline should know at once.
            next_step = "connect to the internet, or set HTTPS_PROXY where one is needed, and run again"
            if isinstance(reason, ssl.SSLCertVerificationError):
                next_step = "set SSL_CERT_FILE to the certificates that your network uses, and run again"
            raise self._error("unreachable", f"the server is not reached ({reason})", next_step) from error

    def _receive(self, response: Any, offset: int, deadline: Deadline) -> bool:
        resumed: bool = offset > 0 and response.status == 206
        total: int | None
        if resumed:
            total = self._size_when_resumed(response, offset)
        else:
            offset, total = 0, self._size_from_the_start(response)
        self._check_space(total, offset)
        with self._part.open(_validator(response), resume=resumed) as file:
            end = self._copy(response, file, offset, total, deadline)
        if total is not None and end < total:
            broke = "the server was too slow" if deadline.passed else "the connection broke"
            raise _AgainError(f"{broke} after {end} of {total} bytes")
        return resumed

    def _copy(self, response: Any, file: BinaryIO, offset: int, total: int | None, deadline: Deadline) -> int:
        """Add what comes to `file`, up to `total`: a server may send without end. How many bytes there are then."""
        patience = self._patience
        end = postponed_at = offset
        with progress(f"Fetching {self._name}", total or 0, unit="bytes", quiet=self._quiet) as advance:
            advance(done=offset)
            while (total is None or end < total) and (block := response.read1(_READ_BYTES)):
                block = block if total is None else block[: total - end]
                self._part.write(file, block)
                end += len(block)
                advance(done=len(block))
                if end - postponed_at >= patience.slow_bytes and deadline.remaining_s < patience.slow_s / 2:
                    deadline.postpone(patience.slow_s)
                    postponed_at = end
        return end

    def _size_from_the_start(self, response: Any) -> int | None:
        """The size of the whole file, None where nobody says."""
        length = response.headers.get("Content-Length", "")
        announced = int(length) if length.isdecimal() else None
        expected = self._expected.size_bytes
        if announced is not None and expected is not None and announced != expected:
            raise self._other_bytes(f"it announces {announced} bytes where {expected} are expected")
        return expected if announced is None else announced

    def _size_when_resumed(self, response: Any, offset: int) -> int:
        """The size of the whole file, from an answer that should bring the rest of it."""
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        fits = found is not None and int(found[1]) == offset and _validator(response) in ("", self._part.validator)
        total = int(found[2]) if found is not None else 0
        if not fits or total <= offset or self._expected.size_bytes not in (None, total):
            self._part.discard()
            raise _AgainError("the server sent another part than was asked for")
        return total

    def _check_space(self, total: int | None, offset: int) -> None:
        free = shutil.disk_usage(self._path.parent).free
        if total is not None and total - offset > free:
            raise OutputError(
                f"{self._path}: takes {bytes_in_words(total - offset)} more and the disk has {bytes_in_words(free)}; "
                "free some space, or set AUSCULT_HOME to a folder with more of it, and run again"
            )

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        said = f"the server answered {error.code} {error.reason}"
        if error.code == 416:
            self._part.discard()
            return _AgainError("the server has no such part")
        if error.code in _COME_BACK:
            return _AgainError(said)
        kinds: dict[int, InputErrorKind] = {401: "no_permission", 403: "no_permission", 404: "missing", 410: "missing"}
        kind = kinds.get(error.code, "unreachable")
        return self._error(kind, said, "upgrade auscult, which may know another address, or get the file elsewhere")

    def _other_bytes(self, difference: str) -> DownloadError:
        next_step = "see in a browser what is there (some networks put a page before everything), then run again"
        return self._error("damaged", f"what the server sends is not the file: {difference}", next_step)

    def _error(self, kind: InputErrorKind, problem: str, next_step: str) -> DownloadError:
        return DownloadError(self._url, kind, problem, next_step)


def _validator(response: Any) -> str:
    """What names the version that is sent, as If-Range takes it; "" where nothing does."""
    tag = str(response.headers.get("ETag", ""))
    # A weak one says that versions mean the same, not that they are the same bytes.
    return tag if tag and not tag.startswith("W/") else str(response.headers.get("Last-Modified", ""))


@contextmanager
def alone_with(path: Path, *, quiet: bool = False) -> Iterator[None]:
    """Nobody else who asks is here with `path` at the same time, among all threads and processes of this machine.

    Raises
    ------
    OutputError : where its folder cannot be written
    """
    # Imported here: what is there already needs no lock, and the import takes time.
    from filelock import FileLock, Timeout

    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not quiet:
                print(f"{path.name} is being fetched by another process; waiting for it", file=sys.stderr, flush=True)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _output_error(path, error) from error


def _output_error(path: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        problem, remedy = "the disk is full", "free some space, or set AUSCULT_HOME to a folder with more of it"
    else:
        problem = f"cannot be written ({error.strerror or error})"
        remedy = "set AUSCULT_HOME to a folder that can be written"
    return OutputError(f"{path}: {problem}; {remedy}, and run again")
