"""When recordings began: headers built by the published layouts, names as recorders write them, and anything else."""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auscult.audio import NamedPath, decode
from auscult.audio.recorded import Recorded, recorded, recorded_at
from auscult.audio.recorded_names import time_in_name

EVENING = datetime(2020, 9, 26, 19, 35)
RATE = 8000


def at(offset_h: float) -> datetime:
    return EVENING.replace(tzinfo=timezone(timedelta(hours=offset_h)))


NAMES: list[tuple[str, datetime | None]] = [
    # AudioMoth
    ("20200926_193500.WAV", EVENING),
    ("20200926_193500T.WAV", EVENING),
    ("24F319055FDF2902_20200926_193500.WAV", EVENING),
    ("5BC4D6A0.WAV", datetime(2018, 10, 15, 18, 4, 16, tzinfo=UTC)),
    # Wildlife Acoustics: SM3, SM4, Mini, Micro, SMART
    ("PREFIX_20200926_193500.wav", EVENING),
    ("ARIZONA-1_20200926$193500.wac", EVENING),
    ("PREFIX_0+1_20200926_193500.wav", EVENING),
    ("PREFIX_20200926_193500_000.wav", EVENING),
    ("SMA00001_20200926_193500.wav", EVENING),
    ("2MU01234_20200926_193500_250000.wav", EVENING.replace(microsecond=250000)),
    # Frontier Labs
    ("20200926T193500+0200_REC [-27.5 +152.8].flac", at(2)),
    ("20200926T193500-0930_REC.flac", at(-9.5)),
    ("S20200926T193500Z.wav", at(0)),
    ("20200926T193500.250Z.wav", at(0).replace(microsecond=250000)),
    # Zoom and SoundTrap, by the whole name
    ("200926-193500.wav", EVENING),
    ("200926-193500_LR.WAV", EVENING),
    ("671361058.200926193500.wav", EVENING),
    ("ZOOM0001.WAV", None),
    # Anabat, BirdNET-Pi, ffmpeg's segments, people
    ("2020-09-26 19-35-00.wav", EVENING),
    ("2020-09-26T19-35-00.wav", EVENING),
    ("2020-09-26T19:35:00+05:30.wav", at(5.5)),
    ("2020-09-26_19-35-00.123.wav", EVENING.replace(microsecond=123000)),
    ("STREAM 2020-09-26 19_35_00.mp3", EVENING),
    ("2020-09-26-birdnet-19:35:00.wav", EVENING),
    ("2020-09-26-19-35-00-UTC.wav", at(0)),
    ("Queens_20200926_193500_Z.WAV", at(0)),
    ("site 7 2020.09.26 19.35.00 wind.flac", EVENING),
    ("20200926193500.ogg", EVENING),
    ("20200926_193500+1000.wav", at(10)),
    ("20200926T193500_20200926T194000.wav", EVENING),
    ("/deep/folder_20200101_000000/PREFIX_20200926_193500.wav", EVENING),
    ("C:\\field\\PREFIX_20200926_193500.wav", EVENING),
    ("20200926_193500-dog-1.2.wav", EVENING),
    # digits that need not be a time
    ("10160435.wav", None),
    ("20200926.wav", None),
    ("12345678.WAV", None),
    ("5bc4d6a0.wav", None),  # a hash, more likely
    ("FFFFFFFF.WAV", None),
    ("200926_0001.wav", None),  # Tascam, Olympus: a counter
    ("200926_1935.mp3", None),
    ("20200926_1935.wav", None),
    ("200926_193500.wav", None),  # year first or day first?
    ("26-09-2020 19-35-00.wav", None),
    ("20201326_193500.wav", None),
    ("20200931_193500.wav", None),
    ("20200926_243500.wav", None),
    ("20200926_196000.wav", None),
    ("120200926_193500.wav", None),
    ("20200926_1935001.wav", None),
    ("19700101_000012.WAV", None),  # a clock that was never set
    ("1-100032-A-0.wav", None),
    ("PTT-20200926-WA0001.opus", None),
    ("dog.wav", None),
    ("", None),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_names(name: str, expected: datetime | None) -> None:
    assert time_in_name(name) == expected
    if expected is not None:
        assert time_in_name(name).utcoffset() == expected.utcoffset()  # type: ignore[union-attr]
        assert recorded(name) == Recorded(expected, "name")


@settings(deadline=None)
@given(st.datetimes(datetime(1972, 1, 1), datetime(2099, 12, 31)))
def test_any_time_is_read_from_a_name(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    for form in ("SM_%Y%m%d_%H%M%S.wav", "%Y-%m-%dT%H-%M-%S.wav", "%Y%m%dT%H%M%S.flac", "%Y_%m_%d %H_%M_%S.mp3"):
        assert time_in_name(f"{moment:{form}}") == moment


@settings(deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"[0-9_T$ .Z+-]{0,40}\.wav"))
@example("\0")
@example("\udce9_20200926_193500.wav")
def test_no_name_raises(name: str) -> None:
    found = time_in_name(name)
    assert found is None or 1971 <= found.year < 2100
    recorded(name)


@settings(deadline=None)
@given(st.integers(0, 99_999_999))
def test_eight_digits_are_a_number(number: int) -> None:
    assert time_in_name(f"{number:08d}.wav") is None


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def wave(*before: bytes, after: bytes = b"", magic: bytes = b"RIFF") -> bytes:
    form = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16))
    samples = chunk(b"data", b"\1\0" * 40)
    if magic != b"RIFF":
        ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, 80, 40, 0))
        samples = b"data" + b"\xff" * 4 + samples[8:]
        before = (*before,)
        body = b"WAVE" + ds64 + form + b"".join(before) + samples + after
    else:
        body = b"WAVE" + form + b"".join(before) + samples + after
    return magic + struct.pack("<I", len(body)) + body


def bext(date: str = "2020-09-26", time: str = "19:35:00", since_midnight: int = 0) -> bytes:
    """EBU Tech 3285: description, originator and its reference (256, 32, 32 bytes), date, time, time reference."""
    texts = b"AaBb".ljust(256, b"\0") + b"Recorder".ljust(32, b"\0") + bytes(32)
    return chunk(b"bext", texts + f"{date:\0<10}{time:\0<8}".encode() + struct.pack("<Q", since_midnight) + bytes(256))


def guano(text: str) -> bytes:
    return chunk(b"guan", text.encode())


def comment(text: str) -> bytes:
    """As AudioMoth writes it: 384 bytes of comment, then the artist."""
    inside = chunk(b"ICMT", text.encode().ljust(384, b"\0")) + chunk(b"IART", b"AudioMoth 24F3".ljust(32, b"\0"))
    return chunk(b"LIST", b"INFO" + inside)


def info(**texts: str) -> bytes:
    return chunk(b"LIST", b"INFO" + b"".join(chunk(name.encode(), text.encode()) for name, text in texts.items()))


def wamd(text: str) -> bytes:
    entries = [(0, b"\1\0"), (1, b"SM4"), (3, b"2.1.1"), (5, text.encode()), (6, b"WGS84, 41.7, N, 121.5, W")]
    return chunk(b"wamd", b"".join(struct.pack("<HI", kind, len(value)) + value for kind, value in entries))


def moth(zone: str) -> bytes:
    return comment(f"Recorded at 19:35:00 26/09/2020 ({zone}) by AudioMoth 24F319055FDF2902 at medium gain")


MIDNIGHT_SAMPLES = (19 * 3600 + 35 * 60) * RATE
IXML = (
    '<?xml version="1.0"?><BWFXML><BEXT><BWF_ORIGINATION_DATE>2020-09-26</BWF_ORIGINATION_DATE>'
    "<BWF_ORIGINATION_TIME>19:35:00</BWF_ORIGINATION_TIME></BEXT></BWFXML>"
)

HEADERS: list[tuple[str, bytes, datetime | None, str]] = [
    ("bext", wave(bext()), EVENING, "bext"),
    ("bext, other separators", wave(bext("2020:09:26", "19-35-00")), EVENING, "bext"),
    (
        "bext, fraction of the second",
        wave(bext(since_midnight=MIDNIGHT_SAMPLES + 2000)),
        EVENING + timedelta(seconds=0.25),
        "bext",
    ),
    ("bext, a timecode", wave(bext(since_midnight=3600 * RATE)), EVENING, "bext"),
    ("bext, no time", wave(bext(time="", since_midnight=MIDNIGHT_SAMPLES)), EVENING, "bext"),
    ("bext, neither", wave(bext(time="")), None, ""),
    ("bext, no date", wave(bext("0000-00-00", "00:00:00")), None, ""),
    ("bext, a clock never set", wave(bext("1970-01-01")), None, ""),
    ("bext, cut", wave(chunk(b"bext", bytes(330))), None, ""),
    ("bext, RF64", wave(bext(), magic=b"RF64"), EVENING, "bext"),
    ("guano", wave(guano("GUANO|Version: 1.0\nTimestamp: 2020-09-26T19:35:00+02:00\n")), at(2), "guano"),
    ("guano, behind the sound", wave(after=guano("Timestamp:2020-09-26 19:35:00Z")), at(0), "guano"),
    ("guano, behind in RF64", wave(after=guano("Timestamp: 2020-09-26T19:35:00"), magic=b"RF64"), EVENING, "guano"),
    (
        "guano, milliseconds",
        wave(guano("Make: BATLOGGER\nTimestamp: 2020-09-26T19:35:00.250-03:30\0")),
        at(-3.5) + timedelta(seconds=0.25),
        "guano",
    ),
    ("guano, hours alone", wave(guano("Timestamp: 2020-09-26 19:35:00-03")), at(-3), "guano"),
    ("guano, a date alone", wave(guano("Timestamp: 2020-09-26")), None, ""),
    ("guano, of another key", wave(guano("OAD|Timestamp: 2020-09-26T19:35:00")), None, ""),
    ("AudioMoth", wave(moth("UTC")), at(0), "audiomoth"),
    ("AudioMoth, west", wave(moth("UTC-5")), at(-5), "audiomoth"),
    ("AudioMoth, half hours", wave(moth("UTC+5:30")), at(5.5), "audiomoth"),
    ("AudioMoth, half an hour west", wave(moth("UTC-0:30")), at(-0.5), "audiomoth"),
    ("AudioMoth, minutes below ten", wave(moth("UTC+5: 5")), at(5 + 5 / 60), "audiomoth"),
    ("AudioMoth, no zone", wave(comment("Recorded at 19:35:00 26/09/2020 by AudioMoth 2")), EVENING, "audiomoth"),
    ("AudioMoth, something else", wave(comment("Recorded at home, 26/09/2020")), None, ""),
    ("wamd", wave(wamd("2020-09-26 19:35:00-05:00")), at(-5), "wamd"),
    ("wamd, no zone", wave(wamd("2020-09-26 19:35:00.000")), EVENING, "wamd"),
    ("wamd, no colon", wave(wamd("2020-09-26 19:35:00+0200")), at(2), "wamd"),
    ("wamd, long lengths", wave(chunk(b"wamd", struct.pack("<HI", 3, 1 << 31))), None, ""),
    ("iXML", wave(after=chunk(b"iXML", IXML.encode())), EVENING, "ixml"),
    ("INFO, ISO", wave(info(ICRD="2020-09-26T19:35:00")), EVENING, "tags"),
    ("INFO, C", wave(info(ISFT="x", IDIT="Sat Sep 26 19:35:00 2020")), EVENING, "tags"),
    ("INFO, a year", wave(info(ICRD="2020")), None, ""),
    ("guano before bext", wave(bext("2020-01-01"), guano("Timestamp: 2020-09-26T19:35:00")), EVENING, "guano"),
    ("bext before a list", wave(chunk(b"LIST", b"adtl"), info(ICRD="2021-01-01 00:00:00"), bext()), EVENING, "bext"),
    ("nothing", wave(), None, ""),
    ("half a header", wave()[:20], None, ""),
    ("no bytes", b"", None, ""),
    ("sizes of gigabytes", b"RIFF\xff\xff\xff\xffWAVE" + b"bext\xff\xff\xff\xff" + bytes(400), None, ""),
    ("chunks without end", b"RIFF\xff\xff\xff\xffWAVE" + b"junk\0\0\0\0" * 100_000, None, ""),
]


@pytest.mark.parametrize(("content", "expected", "by"), [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS])
def test_headers(content: bytes, expected: datetime | None, by: str, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    found = recorded(path)
    assert found == (None if expected is None else Recorded(expected, by))  # type: ignore[arg-type]
    if found is not None and expected is not None:
        assert found.at.utcoffset() == expected.utcoffset()
        assert decode(path).samples.shape == (1, 40)


def test_the_header_counts_before_the_name(tmp_path: Path) -> None:
    path = tmp_path / "SM_20210101_000000.wav"
    path.write_bytes(wave(moth("UTC+1")))
    assert recorded(path) == Recorded(at(1), "audiomoth")
    path.write_bytes(wave())
    assert recorded(path) == Recorded(datetime(2021, 1, 1), "name")
    assert recorded_at(str(path)) == datetime(2021, 1, 1)


@pytest.mark.parametrize(("format", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS")])
@pytest.mark.parametrize(
    ("date", "expected"),
    [("2020-09-26T19:35:00+02:00", at(2)), ("2020-09-26 19:35:00", EVENING), ("2020-09-26", None), ("2020", None)],
)
def test_tags(format: str, subtype: str, date: str, expected: datetime | None, tmp_path: Path) -> None:
    path = tmp_path / f"x.{format.lower()}"
    with soundfile.SoundFile(path, "w", RATE, 1, format=format, subtype=subtype) as file:
        file.title, file.date = "dawn chorus", date
        file.write(np.zeros(RATE))
    assert recorded(path) == (None if expected is None else Recorded(expected, "tags"))


def test_a_recorder_s_own_tag_counts_before_the_date(tmp_path: Path) -> None:
    """FLAC: the stream's own block, of 34 bytes, then Vorbis comments; 0x80 marks the last block."""
    tags = [b"DATE=2024-01-01T00:00:00", b"recordingStart=2020-09-26 19:35:00+1000"]
    comments = struct.pack("<I", 4) + b"name" + struct.pack("<I", len(tags))
    comments += b"".join(struct.pack("<I", len(tag)) + tag for tag in tags)
    path = tmp_path / "x.flac"
    blocks = b"\0" + (34).to_bytes(3, "big") + bytes(34) + b"\x84" + len(comments).to_bytes(3, "big") + comments
    path.write_bytes(b"fLaC" + blocks)
    assert recorded(path) == Recorded(at(10), "tags")


def test_what_is_no_file_has_only_a_name(tmp_path: Path) -> None:
    assert recorded_at("https://a.org/x/SM_20200926_193500.wav?token=20990101_000000") == EVENING
    assert recorded_at(NamedPath(str(tmp_path / "0a1b"), "birds@3: SM_20200926_193500.wav")) == EVENING
    assert recorded_at(tmp_path / "20200926_193500.wav") == EVENING
    os.mkfifo(tmp_path / "SM_20200926_193500.wav")
    assert recorded_at(tmp_path / "SM_20200926_193500.wav") == EVENING
    assert recorded_at(b"RIFF") is None
    assert recorded_at(None) is None


@settings(deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"fLaC", b"OggS\x03vorbis", b"OggSOpusTags", b"RF64\0\0\0\0WAVEds64"]),
)
def test_no_bytes_raise(content: bytes, start: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.wav"
        path.write_bytes(start + content)
        recorded(path)


@settings(deadline=None)
@given(st.sampled_from([row[1] for row in HEADERS if len(row[1]) < 2000]), st.data())
def test_no_damage_raises(content: bytes, data: st.DataObject) -> None:
    damaged = bytearray(content[: data.draw(st.integers(0, len(content)))])
    for _ in range(data.draw(st.integers(0, 4)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.wav"
        path.write_bytes(damaged)
        recorded(path)
