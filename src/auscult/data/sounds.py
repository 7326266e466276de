"""Where the sounds of a dataset lie: in files under a folder, in memory, in a store of versions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from auscult.audio import Source, source_name
from auscult.errors import InputError
from auscult.records import Sound

BLOCK_BYTES = 1 << 20


class Sounds(Protocol):
    """Gives the sound that a row of a dataset speaks of. It must pickle: folds are trained in processes."""

    def source(self, uri: str, content_hash: str) -> Source:
        """What `auscult.audio` opens, new at each call.

        Parameters
        ----------
        uri : of the row
        content_hash : of the row's whole file; see `schema.content_hash_of`
        """


@dataclass(frozen=True)
class FolderSounds:
    """Files under a folder; `uri` is the path there.

    Examples
    --------
    >>> FolderSounds(Path("sounds")).source("dog/1.wav", "0a").as_posix()
    'sounds/dog/1.wav'
    """

    root: Path

    def source(self, uri: str, content_hash: str) -> Path:
        return self.root / uri


def as_wav(uri: str) -> str:
    """What a sound in memory is called as a file.

    >>> as_wav("array-1"), as_wav("dog/1.ogg"), as_wav("v1.2/dog")
    ('array-1.wav', 'dog/1.ogg', 'v1.2/dog.wav')
    """
    return uri if PurePosixPath(uri).suffix else f"{uri}.wav"


def blocks_of(source: Source) -> Iterator[bytes]:
    """The bytes of a sound that is a file: by its path, open, or in memory.

    Raises
    ------
    InputError : it is no file but samples, or a URL
    OSError : it cannot be read
    """
    if isinstance(source, bytes):
        yield source
        return
    if isinstance(source, str | os.PathLike):
        opened: Any = open(source, "rb")  # noqa: SIM115 - closed below
    elif hasattr(source, "read"):
        opened = source
    else:
        raise InputError(source_name(source), "unsupported", "it is no file", "store files or arrays")
    with opened as file:
        yield from iter(lambda: file.read(BLOCK_BYTES), b"")


@dataclass(frozen=True)
class ArraySounds:
    """Sounds in memory, as samples or as the bytes of a file, by the `uri` of their row."""

    sounds: Mapping[str, Sound | bytes]

    def source(self, uri: str, content_hash: str) -> Sound | bytes:
        return self.sounds[uri]
