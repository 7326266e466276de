"""Times in the headers of recordings, each kind of header by its published layout."""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import BinaryIO, Literal

from auscult.audio.containers import TooManyChunksError, chunks, rf64_data_size
from auscult.audio.recorded_names import from_parts, moment

HeaderKind = Literal["guano", "audiomoth", "wamd", "ixml", "bext", "tags"]
Said = tuple[datetime, HeaderKind]

#: Chunks that are looked at, and bytes of one that are read: more than any recorder writes, and a moment's work.
_MAX_CHUNKS = 256
_MAX_BYTES = 1 << 16


def time_in_header(path: str) -> Said | None:
    """The time that the header of a file says, and which part of it; None where there is none, or no such file."""
    try:
        # Looked at before it is opened: opening a FIFO would wait for somebody to write into it.
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return None
        with open(path, "rb", buffering=0) as file:
            return _in_header(file, status.st_size)
    except (OSError, ValueError, TooManyChunksError):
        return None


def _in_header(file: BinaryIO, size: int) -> Said | None:
    head = file.read(12)
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
        return _in_wave(file, size, rf64_data_size(file) if head[:4] != b"RIFF" else None)
    if head[:4] == b"fLaC":
        return _in_flac(file)
    if head[:4] == b"OggS":
        file.seek(0)
        return _in_ogg(file.read(_MAX_BYTES))
    return None


def _in_wave(file: BinaryIO, size: int, long_size: int | None) -> Said | None:
    found: dict[bytes, bytes] = {}
    for name, start, length in islice(chunks(file, size, "<", long_size=long_size), _MAX_CHUNKS):
        if name in (*_OF_CHUNK, b"fmt ", b"LIST") and name not in found:
            file.seek(start)
            content = file.read(min(length, _MAX_BYTES))
            if name != b"LIST" or content[:4] == b"INFO":
                found[name] = content
    info = dict(_info(found.get(b"LIST", b"")[4:]))
    times: tuple[tuple[HeaderKind, datetime | None], ...] = (
        ("guano", _guano(found.get(b"guan", b""))),
        ("audiomoth", _audiomoth(info.get(b"ICMT", ""))),
        ("wamd", _wamd(found.get(b"wamd", b""))),
        ("bext", _bext(found.get(b"bext", b""), found.get(b"fmt ", b""))),
        ("ixml", _ixml(found.get(b"iXML", b""))),
        ("tags", _text_time(info.get(b"ICRD", "")) or _c_time(info.get(b"IDIT", ""))),
    )
    return next(((at, by) for by, at in times if at is not None), None)


_OF_CHUNK = (b"guan", b"wamd", b"iXML", b"bext")
_ISO = re.compile(
    r"(?P<year>[0-9]{4})[-:/]?(?P<month>[0-9]{2})[-:/]?(?P<day>[0-9]{2})[T ](?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2})"
    r"(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)? ?(?P<zone>[Zz]|UTC|[+-][0-9]{1,2}(?::?[0-9]{2})?)?"
)


def _text_time(text: str) -> datetime | None:
    """ISO 8601 as recorders write it: with a space for the T, offsets without minutes; a date alone is not enough.

    >>> _text_time("2020-09-26 19:35:00.5-03").isoformat(), _text_time("2020-09-26"), _text_time("2020")
    ('2020-09-26T19:35:00.500000-03:00', None, None)
    """
    found = _ISO.fullmatch(text.strip(" \t\r\n\0"))
    return None if found is None else from_parts(found.groupdict())


def _guano(content: bytes) -> datetime | None:
    """GUANO 1.0: lines of ``Key: value`` in UTF-8; ``Timestamp`` is ISO 8601."""
    for line in content.decode("utf-8", "replace").split("\n"):
        key, _, value = line.partition(":")
        if key.strip(" \t\0\ufeff") == "Timestamp":
            return _text_time(value)
    return None


_AUDIOMOTH = re.compile(
    r"Recorded at (?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{3}))? "
    r"(?P<day>[0-9]{2})/(?P<month>[0-9]{2})/(?P<year>[0-9]{4})"
    r"(?P<utc> \(UTC(?P<zone>[+-][0-9]{1,2}(?::[ 0-9]?[0-9])?)?\))?"
)


def _audiomoth(comment: str) -> datetime | None:
    """AudioMoth's sentence: day before month, the clock of the zone that is named, whole hours without minutes.

    >>> _audiomoth("Recorded at 19:35:00 26/09/2020 (UTC-3:30) by AudioMoth 24F3 at gain").isoformat()
    '2020-09-26T19:35:00-03:30'
    """
    found = _AUDIOMOTH.match(comment)
    if found is None:
        return None
    parts = found.groupdict()
    # Until firmware 1.5 minutes below ten stood without their zero.
    zone = (parts["zone"] or ("Z" if parts["utc"] else "")).replace(" ", "0")
    hours, _, minutes = zone.partition(":")
    return from_parts({**parts, "zone": f"{hours}:{minutes.zfill(2)}" if minutes else zone})


def _wamd(content: bytes) -> datetime | None:
    """Wildlife Acoustics: entries of a 16-bit kind, a 32-bit length, and the value; kind 5 is the start as text."""
    position = 0
    while position + 6 <= len(content):
        kind, length = struct.unpack_from("<HI", content, position)
        if kind == 5:
            return _text_time(content[position + 6 : position + 6 + min(length, 64)].decode("latin-1"))
        position += 6 + length
    return None


def _ixml(content: bytes) -> datetime | None:
    """iXML may repeat what "bext" says, for programs that do not read it."""
    text = content.decode("utf-8", "replace")
    date, time = (re.search(rf"<BWF_ORIGINATION_{what}>([^<]*)<", text) for what in ("DATE", "TIME"))
    if date is None or time is None:
        return None
    return _date_and_time(date[1], time[1])


def _bext(content: bytes, form: bytes) -> datetime | None:
    """Broadcast WAV (EBU Tech 3285): date, time, and samples since midnight.

    The count has the fraction of the second, and the time where that field is empty. Where the two disagree it is not
    the time of day but a timecode, and is passed over.
    """
    if len(content) < 346:
        return None
    date, time = content[320:330].decode("latin-1"), content[330:338].decode("latin-1")
    (since_midnight,) = struct.unpack_from("<Q", content, 338)
    rate = int(struct.unpack_from("<I", form, 4)[0]) if len(form) >= 8 else 0
    counted_s = since_midnight / rate if rate and 0 < since_midnight < 86400 * rate else None
    at = _date_and_time(date, time)
    if counted_s is None:
        return at
    midnight = _date_and_time(date, "00:00:00")
    counted = None if midnight is None else midnight + timedelta(microseconds=round(counted_s * 1e6))
    return at if at is not None and counted is not None and abs(counted - at) > timedelta(seconds=2) else counted


def _date_and_time(date: str, time: str) -> datetime | None:
    """Of "bext": any character may stand between the numbers.

    >>> _date_and_time("2020:09:26", "19-35-00"), _date_and_time("2020-09-26", chr(0) * 8)
    (datetime.datetime(2020, 9, 26, 19, 35), None)
    """
    day = re.fullmatch(r"([0-9]{4})[^0-9]([0-9]{2})[^0-9]([0-9]{2})", date.strip())
    clock = re.fullmatch(r"([0-9]{2})[^0-9]([0-9]{2})[^0-9]([0-9]{2})", time.strip())
    return None if day is None or clock is None else moment(*day.groups(), *clock.groups())


def _info(content: bytes) -> Iterator[tuple[bytes, str]]:
    """The texts of a LIST chunk of the kind INFO; AudioMoth counts the zeros behind its comment into it."""
    position = 0
    while position + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, position)
        text = content[position + 8 : position + 8 + length]
        yield name, text.partition(b"\0")[0].decode("latin-1").strip()
        position += 8 + length + length % 2


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_C_TIME = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ 0-3]?[0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([0-9]{4})")


def _c_time(text: str) -> datetime | None:
    """As C's ``asctime`` writes it.

    >>> _c_time("Sat Sep 26 19:35:00 2020")
    datetime.datetime(2020, 9, 26, 19, 35)
    """
    found = _C_TIME.fullmatch(text.strip())
    if found is None or found[1] not in _MONTHS:
        return None
    return moment(found[6], f"{_MONTHS.index(found[1]) + 1}", found[2], found[3], found[4], found[5])


def _in_flac(file: BinaryIO) -> Said | None:
    position = 4
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        header = file.read(4)
        if len(header) < 4:
            return None
        kind, length = header[0] & 0x7F, int.from_bytes(header[1:], "big")
        if kind == 4:
            return _in_comments(file.read(min(length, _MAX_BYTES)))
        if header[0] & 0x80:  # the last block before the sound
            return None
        position += 4 + length
    return None


def _in_ogg(head: bytes) -> Said | None:
    """The comments are the second packet, and begin a page; those that go on in a further page are cut there."""
    for start in (b"\x03vorbis", b"OpusTags"):
        at = head.find(start)
        if at >= 0:
            return _in_comments(head[at + len(start) :])
    return None


#: In this order. Frontier Labs' recorders write the first; FFmpeg writes the last.
_TAGS = ("RECORDINGSTART", "RECORDING_START", "DATETIMEORIGINAL", "DATE", "CREATION_TIME")


def _in_comments(content: bytes) -> Said | None:
    """Vorbis comments: the maker's name, a count, and ``KEY=value`` each, all with 32-bit lengths before them."""
    tags: dict[str, str] = {}
    position = 4 + _u32(content, 0)
    n_tags = _u32(content, position)
    position += 4
    for _ in range(min(n_tags, _MAX_CHUNKS)):
        length = _u32(content, position)
        key, _, value = content[position + 4 : position + 4 + length].decode("utf-8", "replace").partition("=")
        tags.setdefault(key.upper(), value)
        position += 4 + length
    times = (_text_time(tags.get(tag, "")) for tag in _TAGS)
    at = next((time for time in times if time is not None), None)
    return None if at is None else (at, "tags")


def _u32(content: bytes, position: int) -> int:
    return int.from_bytes(content[position : position + 4], "little")
