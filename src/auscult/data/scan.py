"""Look into each listed sound or picture once: can it be read, and what is its content hash?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auscult.audio import probe
from auscult.audio.sources import open_source
from auscult.data.schema import medium_of
from auscult.errors import InputError, MissingExtraError
from auscult.features import picture_info
from auscult.files import printable, sha256_of_file
from auscult.records import AudioInfo, Sound

# Hashing and libsndfile release the GIL; beyond a few threads the disk is the limit.
THREADS = min(8, 2 * (os.cpu_count() or 1))


@dataclass(frozen=True)
class ScannedFile:
    """What one file is: SHA-256 of its bytes in hex, and what its header says.

    `info` is None for a picture; `picture_of` is then the id of the clip that it is one of, "" if it does not say.
    """

    content_sha256: str
    info: AudioInfo | None
    picture_of: str = ""


def scan_sounds(sounds: Sequence[Path | Sound | bytes]) -> list[ScannedFile | InputError]:
    """Probe and hash sounds and pictures, in input order. One that cannot be used gives the reason in its place."""
    pool = ThreadPoolExecutor(THREADS)
    try:
        return list(pool.map(_scan, sounds))
    finally:
        # After Ctrl-C, thousands of waiting files must not be read first.
        pool.shutdown(cancel_futures=True)


def _scan(sound: Path | Sound | bytes) -> ScannedFile | InputError:
    if isinstance(sound, Sound):
        return _scan_array(sound)
    return _scan_bytes(sound) if isinstance(sound, bytes) else _scan_file(sound)


def _scan_bytes(content: bytes) -> ScannedFile | InputError:
    """Bytes in memory go by what the file would go by."""
    try:
        return ScannedFile(hashlib.sha256(content).hexdigest(), probe(content))
    except InputError as error:
        return error
    except MissingExtraError as error:
        return InputError("", "unsupported", "what reads this format is not installed", str(error))


def _scan_array(sound: Sound) -> ScannedFile:
    """A sound in memory goes by its samples, their shape and their rate."""
    digest = hashlib.sha256(repr((sound.sample_rate, sound.samples.shape)).encode())
    digest.update(np.ascontiguousarray(sound.samples, dtype="<f4").data)
    n_channels, n_frames = sound.samples.shape
    return ScannedFile(digest.hexdigest(), AudioInfo(sound.sample_rate, n_channels, n_frames, "array", "float32"))


def _scan_file(path: Path) -> ScannedFile | InputError:
    name = printable(path)
    if name != str(path):
        return InputError(name, "invalid", "its name is not valid UTF-8", "rename it")
    try:
        # Probing comes first: it refuses a FIFO, on which hashing would wait for ever.
        if medium_of(path) == "picture":
            return _scan_picture(path, name)
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


def _scan_picture(path: Path, name: str) -> ScannedFile:
    with open_source(path).file as file:
        note = picture_info(file, name).note
    return ScannedFile(sha256_of_file(path), None, note.clip if note else "")
