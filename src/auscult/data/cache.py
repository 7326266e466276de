"""The waveform cache: decoded sound kept on disk, read back memory-mapped.

A plain store of key -> float32 array that knows nothing of audio. One ``.npy`` file a key, so that anything
can read it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import re
import tempfile
import time
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from auscult.errors import OutputError
from auscult.home import home_folder
from auscult.records import FloatArray

_KEY = re.compile(r"[0-9a-f]{8,64}")
_SAMPLES = np.dtype("<f4")
# A writer that was killed leaves its unfinished file; after this long no writer can still be at it.
_STALE_AFTER_S = 3600.0


class WaveformCache:
    """Arrays of float32 `(samples,)` on disk, by key.

    Safe against kills and against several processes writing at once: a file appears under its name only when
    it is whole, and one that is not what was written (damaged, cut off) counts as absent until it is put
    again.

    Parameters
    ----------
    folder : made when the first array is put; may be deleted whenever nothing uses it

    Examples
    --------
    >>> import tempfile
    >>> cache = WaveformCache(tempfile.mkdtemp())
    >>> cache.put("00ff00ff", np.array([0.5, -0.5], np.float32))
    >>> "00ff00ff" in cache, cache.get("00ff00ff").tolist(), cache.get("ffffffff")
    (True, [0.5, -0.5], None)
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._unfinished = self.folder / "unfinished"
        self._remove_stale()

    def __contains__(self, key: str) -> bool:
        try:
            with open(self._path(key), "rb") as file:
                return _n_samples(file.fileno()) is not None
        except OSError:
            return False

    def get(self, key: str) -> FloatArray | None:
        """The array of `key`, read-only and memory-mapped; None where it is absent or damaged.

        Each array holds a file descriptor for as long as it lives: do not keep thousands of them.
        """
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                n_samples = _n_samples(file.fileno())
                if n_samples is None:
                    return None
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # ValueError: the file was emptied between the two looks
            return None
        offset = len(_header(n_samples))
        return np.frombuffer(mapped, dtype=_SAMPLES, count=n_samples, offset=offset)

    def put(self, key: str, array: FloatArray) -> None:
        """Store `array` under `key`, in the place of what may be there.

        Raises
        ------
        ValueError : not a one-dimensional float32 array with at least one sample
        OutputError : the disk is full, or the folder cannot be written
        """
        self.put_blocks(key, [array])

    def put_blocks(self, key: str, blocks: Iterable[FloatArray]) -> None:
        """Store the samples of `blocks`, one after another, as one array; a block at a time is in memory.

        Raises
        ------
        ValueError : a block is not a one-dimensional float32 array, or there is no sample in them
        OutputError : the disk is full, or the folder cannot be written
        """
        path = self._path(key)
        temporary: str | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._unfinished.mkdir(exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._unfinished, prefix=key)
            with open(handle, "wb") as file:
                _write_array(file, blocks)
            # No fsync: thousands of them take minutes, and what a power cut may cost is found by its size.
            os.replace(temporary, path)
        except OSError as error:
            raise OutputError(
                f"{path}: the waveform cache cannot be written ({error.strerror or error}); free some "
                "space, or set "
                "AUSCULT_HOME to a folder with more of it, and run again."
            ) from error
        finally:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"A cache key must be 8 to 64 hexadecimal digits in lower case. Got {key!r} instead.")
        return self.folder / key[:2] / f"{key}.npy"

    def _remove_stale(self) -> None:
        oldest = time.time() - _STALE_AFTER_S
        # Another process may do the same at this moment, and a folder may not be there yet.
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._unfinished):
                if entry.stat().st_mtime < oldest:
                    os.unlink(entry.path)


def waveform_key(
    content_hash: str,
    start: int | None,
    end: int | None,
    mono: str | int,
    sample_rate: int,
    decoding_version: str,
) -> str:
    """Cache key of a decoded clip: everything that its samples depend on, as 32 hexadecimal digits.

    Examples
    --------
    >>> waveform_key("ab12", None, None, "mean", 16000, "soundfile 0.13, soxr 0.5")
    '...'
    >>> waveform_key("ab12", 0, 16000, 0, 16000, "x") == waveform_key("ab12", 0, 16000, 1, 16000, "x")
    False
    """
    parts = json.dumps([content_hash, start, end, mono, sample_rate, decoding_version])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def default_cache_folder() -> Path:
    """Where waveforms are kept; see `auscult.home`."""
    return home_folder("waveforms")


def _write_array(file: BinaryIO, blocks: Iterable[FloatArray]) -> None:
    n_samples = 0
    file.write(_header(1))
    for block in blocks:
        if block.ndim != 1 or block.dtype != np.float32:
            raise _not_samples(f"{block.dtype} of shape {block.shape}")
        file.write(np.ascontiguousarray(block, dtype=_SAMPLES).data)
        n_samples += len(block)
    if not n_samples:
        raise _not_samples("no sample")
    # Only now is their number known; the header is the same length for every one.
    file.seek(0)
    file.write(_header(n_samples))


def _not_samples(got: str) -> ValueError:
    return ValueError(
        f"The arrays of WaveformCache must be float32 with axes (samples,), not empty. Got {got} instead."
    )


def _n_samples(handle: int) -> int | None:
    """How many samples an open cache file holds, None unless its header and size are what `put` writes."""
    # The header of a one-dimensional array is the same length for every count.
    data_bytes = os.fstat(handle).st_size - len(_header(1))
    n_samples, rest = divmod(data_bytes, _SAMPLES.itemsize)
    if n_samples < 1 or rest:
        return None
    header = _header(n_samples)
    return n_samples if os.read(handle, len(header)) == header else None


@lru_cache(maxsize=1024)
def _header(n_samples: int) -> bytes:
    """The first bytes of an ``.npy`` file (format 1.0) of `n_samples` float32 values."""
    file = BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": _SAMPLES.str, "fortran_order": False, "shape": (n_samples,)})
    return file.getvalue()
