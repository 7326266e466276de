"""Sounds, and other large values, by the hash of their bytes: each is kept once, whatever it is called."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np

from auscult.audio import Source, encode_wav, source_name
from auscult.data.schema import CONTENT_HASH_DIGITS
from auscult.data.sounds import blocks_of
from auscult.data.versions.places import Place
from auscult.errors import InputError
from auscult.progress import progress
from auscult.records import Sound

# They wait for the disk, or for an object store: four took twice as long as sixteen.
THREADS = 16
# Beyond this many, one listing is quicker than a question for each.
ASK_EACH = 64
_AHEAD = 64  # so many are handed to the threads before the first is done


def content_key(content_hash: str) -> str:
    return f"content/{content_hash[:2]}/{content_hash}"


def present(place: Place, hashes: Collection[str]) -> set[str]:
    """Which of these contents the place holds."""
    if len(hashes) <= ASK_EACH:
        return {found for found in hashes if place.exists(content_key(found))}
    return set(hashes) & {entry.key.rpartition("/")[2] for entry in place.entries("content")}


def put_sounds(place: Place, sounds: Mapping[str, Callable[[], Source]], *, quiet: bool) -> tuple[dict[str, str], int]:
    """Keep sounds that the place does not hold; a few blocks of each are in memory at a time.

    Parameters
    ----------
    sounds : by content hash; those in memory have one of their own, which is not that of a file

    Returns
    -------
    moved : for sounds in memory, their hash -> that of the file they are kept as
    n_bytes : of what was not there

    Raises
    ------
    InputError : a file that cannot be read, or that was changed meanwhile
    """
    there = present(place, sounds.keys())
    new = {key: sound for key, sound in sounds.items() if key not in there}
    moved, n_bytes = {}, 0
    with progress("Storing", len(new), quiet=quiet) as advance:
        done = _in_threads(lambda item: _put_sound(place, *item), new.items())
        for expected, (kept, size) in zip(new, done, strict=True):
            advance()
            n_bytes += size
            if kept != expected:
                moved[expected] = kept
    return moved, n_bytes


def put_value(place: Place, value: Any) -> tuple[str, int]:
    """Keep an array as ``.npy``, or bytes as they are; its hash, and how many bytes are new."""
    if isinstance(value, bytes):
        content = value
    else:
        file = io.BytesIO()
        np.lib.format.write_array(file, np.ascontiguousarray(value), allow_pickle=False)
        content = file.getvalue()
    name = hashlib.sha256(content).hexdigest()[:CONTENT_HASH_DIGITS]
    if place.exists(content_key(name)):
        return name, 0
    place.put([content], lambda: content_key(name))
    return name, len(content)


def put_values(place: Place, values: Iterable[Any]) -> Iterator[tuple[str, int]]:
    """`put_value` of each, in order, several at once."""
    return _in_threads(lambda value: put_value(place, value), values)


def hash_of(place: Place, content_hash: str) -> str | None:
    """Hash of what lies there under that name; None where nothing does, "" where it cannot be read."""
    try:
        source = place.source(content_key(content_hash), content_hash)
        digest = hashlib.sha256()
        for block in blocks_of(source):
            digest.update(block)
    except FileNotFoundError:
        return None
    except OSError:
        return ""
    return digest.hexdigest()[:CONTENT_HASH_DIGITS]


def hashes_of(place: Place, hashes: Iterable[str]) -> Iterator[str | None]:
    """`hash_of` of each, in order, several at once."""
    return _in_threads(lambda name: hash_of(place, name), hashes)


def _put_sound(place: Place, expected: str, sound: Callable[[], Source]) -> tuple[str, int]:
    source = sound()
    if isinstance(source, Sound):
        return put_value(place, encode_wav(source))
    digest, n_bytes = hashlib.sha256(), 0

    def hashed() -> Iterator[bytes]:
        nonlocal n_bytes
        try:
            for block in blocks_of(source):
                digest.update(block)
                n_bytes += len(block)
                yield block
        except FileNotFoundError as error:
            raise InputError(source_name(source), "missing", "it is gone", "run the command again") from error
        except OSError as error:  # of the sound; the place would take it for its own
            problem = f"it cannot be read ({error.strerror or error})"
            raise InputError(source_name(source), "damaged", problem, "check disk and permissions") from error

    def key() -> str:
        if digest.hexdigest()[:CONTENT_HASH_DIGITS] != expected:
            name = source_name(source)
            raise InputError(name, "damaged", "it was changed while it was being stored", "run the command again")
        return content_key(expected)

    place.put(hashed(), key)
    return expected, n_bytes


def _in_threads(work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Like an executor's `map`, but it takes `items` only as the work goes on: they need not fit into memory."""
    items = iter(items)
    pool = ThreadPoolExecutor(THREADS)
    try:
        waiting = [pool.submit(work, item) for item in islice(items, _AHEAD)]
        while waiting:
            result = waiting.pop(0).result()
            waiting += [pool.submit(work, item) for item in islice(items, 1)]
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
