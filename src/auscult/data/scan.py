"""Look into each listed file once: is it a sound, and what is its content hash?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from auscult.audio import probe
from auscult.errors import InputError, MissingExtraError
from auscult.files import printable, sha256_of_file
from auscult.records import AudioInfo

# Hashing and libsndfile release the GIL; beyond a few threads the disk is the limit.
THREADS = min(8, 2 * (os.cpu_count() or 1))


@dataclass(frozen=True)
class ScannedFile:
    """What one file is: SHA-256 of its bytes in hex, and what its header says."""

    content_sha256: str
    info: AudioInfo


def scan_files(paths: Sequence[Path]) -> list[ScannedFile | InputError]:
    """Probe and hash files, in input order. A file that is no usable sound gives the reason in its place."""
    pool = ThreadPoolExecutor(THREADS)
    try:
        return list(pool.map(_scan_file, paths))
    finally:
        # After Ctrl-C, thousands of waiting files must not be read first.
        pool.shutdown(cancel_futures=True)


def _scan_file(path: Path) -> ScannedFile | InputError:
    name = printable(path)
    if name != str(path):
        return InputError(name, "invalid", "its name is not valid UTF-8", "rename it")
    try:
        # Probing comes first: it refuses a FIFO, on which hashing would wait for ever.
        info = probe(path)
        return ScannedFile(sha256_of_file(path), info)
    except InputError as error:
        return error
    except MissingExtraError as error:
        return InputError(name, "unsupported", "what reads this format is not installed", str(error))
    except PermissionError:
        return InputError(name, "no_permission", "it may not be read", "change its permissions")
    except OSError as error:
        return InputError(name, "damaged", f"it could not be read ({error.strerror})", "copy it again")
