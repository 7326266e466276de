"""Times in the names of recordings, and what makes a moment of numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePath

from auscult.audio.find import AUDIO_SUFFIXES

#: A recorder whose clock was never set says 1970; of later years all may be true, of tapes that were digitised too.
_YEARS = range(1971, 2100)
_BEFORE, _AFTER = r"(?<![0-9])", r"(?![0-9])"
_DATE = r"(?P<year>[12][0-9]{3})(?P<dash>[-_.]?)(?P<month>[01][0-9])(?P=dash)(?P<day>[0-3][0-9])"
_TIME = r"(?P<hour>[0-2][0-9])(?P<colon>[-_.:]?)(?P<minute>[0-5][0-9])(?P=colon)(?P<second>[0-5][0-9])"
_FRACTION = r"(?:[._](?P<fraction>[0-9]{6}|[0-9]{3})(?![0-9]))?"
_ZONE = r"(?P<zone>_?Z|[-_ ]?UTC|[+][01][0-9]:?(?:00|15|30|45))?(?![A-Za-z0-9+])"
_OFFSET = r"(?P<zone>Z|[+-][01][0-9][:-]?(?:00|15|30|45))?"
_FORMS = tuple(
    re.compile(form)
    for form in (
        # ISO 8601, basic or extended, as Frontier Labs' recorders have it: only after a T is a sign an offset.
        rf"{_BEFORE}{_DATE}T{_TIME}{_FRACTION}{_OFFSET}{_AFTER}",
        # Wildlife Acoustics ($: the clock was set by GPS), AudioMoth (T: triggered), Anabat, BirdNET-Pi and many more.
        rf"{_BEFORE}{_DATE}(?:[-_ $]{{1,3}}|-birdnet-){_TIME}{_FRACTION}(?:T(?![A-Za-z0-9]))?{_ZONE}",
        rf"{_BEFORE}{_DATE}(?:[-_ $]{{1,3}}|-birdnet-){_TIME}{_AFTER}",
        rf"{_BEFORE}(?P<year>[12][0-9]{{3}})(?P<month>[01][0-9])(?P<day>[0-3][0-9])"
        rf"(?P<hour>[0-2][0-9])(?P<minute>[0-5][0-9])(?P<second>[0-5][0-9]){_AFTER}",
    )
)
#: Two digits of a year are the year only where the whole name has the form of one maker: Zoom's "200926-193500", with
#: what it puts behind for its tracks, and SoundTrap's "67026126.200926193500".
_SHORT = re.compile(
    r"(?:(?P<d1>[0-9]{6})-(?P<t1>[0-9]{6})(?:[-_ ](?:LR|MS|TR|Tr|MIC|Mic)[0-9A-Za-z]*)?"
    r"|[0-9]{8,10}\.(?P<d2>[0-9]{6})(?P<t2>[0-9]{6}))"
)
#: AudioMoth until firmware 1.2: seconds since 1970 in UTC. It writes capitals, and was first sold in 2017; eight digits
#: alone may as well be a counter or a date.
_AUDIOMOTH_HEX = re.compile(r"(?=.*[A-F])[0-9A-F]{8}")
_AUDIOMOTH_HEX_S = range(1_420_070_400, 2_051_222_400)  # 2015 to 2034


def time_in_name(name: str) -> datetime | None:
    """The time that a file name holds, where it does so in a form that cannot be anything else.

    Examples
    --------
    >>> time_in_name("20200926T193500+0200_REC.flac").isoformat()
    '2020-09-26T19:35:00+02:00'
    >>> time_in_name("5BC4D6A0.WAV").isoformat()
    '2018-10-15T18:04:16+00:00'
    >>> time_in_name("200926_1935.mp3"), time_in_name("10160435.wav")
    (None, None)
    """
    # Of paths of any system, the last part.
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    suffix = PurePath(name).suffix
    stem = name.removesuffix(suffix) if suffix.lower() in AUDIO_SUFFIXES or suffix.lower() in _OTHER_SUFFIXES else name
    if _AUDIOMOTH_HEX.fullmatch(stem) and int(stem, 16) in _AUDIOMOTH_HEX_S:
        return datetime.fromtimestamp(int(stem, 16), UTC)
    found = ((match.start(), -len(match[0]), match) for form in _FORMS for match in form.finditer(stem))
    for *_, match in sorted(found, key=lambda each: each[:2]):
        if (at := from_parts(match.groupdict())) is not None:
            return at
    return _from_short(stem)


#: Of recordings that nothing here decodes, whose names may be asked for all the same.
_OTHER_SUFFIXES = frozenset({".wac", ".w4v", ".zc", ".sud"})


def _from_short(stem: str) -> datetime | None:
    found = _SHORT.fullmatch(stem)
    if found is None:
        return None
    date, time = found["d1"] or found["d2"], found["t1"] or found["t2"]
    return moment("20" + date[:2], date[2:4], date[4:], time[:2], time[2:4], time[4:])


def from_parts(part: Mapping[str, str | None]) -> datetime | None:
    """`moment`, of the groups of a match."""
    numbers = [part[name] or "0" for name in ("year", "month", "day", "hour", "minute", "second")]
    return moment(*numbers, fraction=part.get("fraction"), zone=part.get("zone"))


def moment(
    year: str,
    month: str,
    day: str,
    hour: str,
    minute: str,
    second: str,
    *,
    fraction: str | None = None,
    zone: str | None = None,
) -> datetime | None:
    """A moment, if there was one of these numbers; a leap second counts as the one after."""
    leap = second == "60"
    micro = int((fraction or "").ljust(6, "0")[:6])
    try:
        numbers = (int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second))
        at = datetime(*numbers, micro, tzinfo=_zone(zone)) + timedelta(seconds=leap)
    except (ValueError, OverflowError):
        return None
    return at if at.year in _YEARS else None


def _zone(text: str | None) -> timezone | None:
    """
    >>> _zone("-03:30").utcoffset(None) == -timedelta(hours=3.5), _zone("_Z"), _zone("")
    (True, datetime.timezone.utc, None)
    """
    if not text:
        return None
    if text.strip("_- ") in ("Z", "z", "UTC"):
        return UTC
    digits = re.sub("[^0-9]", "", text)
    hours, minutes = (digits, "0") if len(digits) < 3 else (digits[:-2], digits[-2:])
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if text[0] == "-" else offset)
