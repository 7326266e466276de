"""When a recording began: from its header, or else from its name.

What recorders write is in docs/reference/recording-times.md. Nothing is guessed: digits that may be a date, and may be
a number, are a number.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from auscult.audio.recorded_headers import HeaderKind, time_in_header
from auscult.audio.recorded_names import time_in_name
from auscult.audio.sources import NamedPath

RecordedBy = HeaderKind | Literal["name"]


@dataclass(frozen=True)
class Recorded:
    """When the first sample of a file was recorded.

    Parameters
    ----------
    at : with a time zone where the file says one, else by the recorder's clock
    by : what said so: "guano", "audiomoth" (the comment in its header), "wamd" (Wildlife Acoustics), "ixml", "bext"
        (Broadcast WAV), "tags" (of FLAC, Ogg and WAV), or "name"
    """

    at: datetime
    by: RecordedBy


def recorded_at(source: Any) -> datetime | None:
    """When a recording began, with a time zone where it says one; None where it does not say.

    Parameters and rules as in `recorded`.

    Examples
    --------
    >>> recorded_at("SMA00001_20200926_193500.wav")
    datetime.datetime(2020, 9, 26, 19, 35)
    >>> recorded_at("20200926.wav")
    """
    found = recorded(source)
    return None if found is None else found.at


def recorded(source: Any) -> Recorded | None:
    """When a recording began, and what said so. What the header says counts before the name.

    Parameters
    ----------
    source : a path; of an address, the name in it is looked at. Anything else has neither name nor header.

    Returns
    -------
    None where nothing says it, or the file cannot be read; nothing is raised
    """
    if not isinstance(source, str | os.PathLike):
        return None
    path = os.fsdecode(source)
    is_address = "://" in path
    said = None if is_address else time_in_header(path)
    if said is not None:
        return Recorded(*said)
    name = source.name if isinstance(source, NamedPath) else path.partition("?")[0] if is_address else path
    at = time_in_name(name)
    return None if at is None else Recorded(at, "name")
