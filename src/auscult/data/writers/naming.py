"""What files that come of recordings are called: safe on every system, unique, and the same every time."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
#: What Windows refuses in names, and what breaks lines and shells; the rest of Unicode stays.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff<>:"/\\|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
#: Most file systems allow 255 bytes; the rest is for endings, and for the name of a file that is being written.
MAX_NAME_BYTES = 180


def event_file_names(sources: Iterable[str], suffix: str) -> dict[str, str]:
    """The file of each recording, relative to the folder of all: folders as those of the recordings, names theirs.

    Parameters
    ----------
    sources : names of recordings, without repetition
    suffix : takes the place of the recording's, such as ``.csv``; where two would get one name, it follows theirs

    Examples
    --------
    >>> names = event_file_names(["site/a/dawn.wav", "site/a/dawn.mp3", "site/b/dusk.flac"], ".txt")
    >>> list(names.values())
    ['a/dawn.wav.txt', 'a/dawn.mp3.txt', 'b/dusk.txt']
    """
    sources = list(dict.fromkeys(sources))
    below = _below_common_folder(sources)
    short = {source: _path(below[source], cut_suffix=True) for source in sources}
    count = Counter(name.casefold() for name in short.values())
    names: dict[str, str] = {}
    taken: set[str] = set()
    for source in sources:
        name = short[source] if count[short[source].casefold()] == 1 else _path(below[source], cut_suffix=False)
        names[source] = _unused(name, suffix, taken)
    return names


def distinct_stems(sources: Iterable[str]) -> dict[str, str]:
    """Names of recordings without folder and ending; where two share that, the whole path.

    >>> distinct_stems(["a/dawn.wav", "b/dawn.wav", "b/dusk.wav"])
    {'a/dawn.wav': 'a/dawn.wav', 'b/dawn.wav': 'b/dawn.wav', 'b/dusk.wav': 'dusk'}
    """
    stems = {source: PurePosixPath(_slashes(source)).stem or source for source in sources}
    count = Counter(stems.values())
    return {source: stem if count[stem] == 1 else source for source, stem in stems.items()}


def safe_name(text: str, *, max_bytes: int = MAX_NAME_BYTES) -> str:
    """Text as a part of a file name on any system, at most `max_bytes` (16 or more) long in UTF-8; never empty.

    Examples
    --------
    >>> safe_name("Dog: bark/howl?"), safe_name("..")
    ('Dog_ bark_howl_', '_')
    """
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", text)).strip(" .")
    if not name or _RESERVED.match(name):
        name = f"_{name}"
    encoded = name.encode("utf-8")
    if len(encoded) <= max_bytes:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:8]
    return encoded[: max_bytes - 9].decode("utf-8", "ignore") + "-" + digest


def _below_common_folder(sources: list[str]) -> dict[str, PurePosixPath]:
    places = {source: PurePosixPath(_slashes(source)) for source in sources}
    local = {
        source: PurePosixPath(_slashes(os.path.abspath(source))) for source in sources if not _ADDRESS.match(source)
    }
    if not local:
        return {source: PurePosixPath(place.name or "recording") for source, place in places.items()}
    common = PurePosixPath(_slashes(os.path.commonpath([path.parent for path in local.values()])))
    # What comes from elsewhere lies beside all others.
    return {
        source: local[source].relative_to(common) if source in local else PurePosixPath(place.name or "recording")
        for source, place in places.items()
    }


def _path(place: PurePosixPath, *, cut_suffix: bool) -> str:
    name = place.stem if cut_suffix else place.name
    return "/".join(safe_name(part) for part in (*place.parts[:-1], name))


def _unused(name: str, suffix: str, taken: set[str]) -> str:
    """Systems that take "Dawn" and "dawn" for one file must not lose one of them."""
    number, unused = 1, name + suffix
    while unused.casefold() in taken:
        number += 1
        unused = f"{name} ({number}){suffix}"
    taken.add(unused.casefold())
    return unused


def _slashes(path: str) -> str:
    return path.replace(os.sep, "/").partition("?")[0] if _ADDRESS.match(path) else path.replace(os.sep, "/")
