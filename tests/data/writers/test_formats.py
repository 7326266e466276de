"""What is written is what is read: every format, by the reader of annotations or by one from outside."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

import pyarrow.parquet
import pympi
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.data import Dataset
from auscult.data.readers.annotation_formats import read_annotations
from auscult.data.writers import EVENT_FORMATS, RecordingFacts, event_record, write_events
from auscult.data.writers.facts import one_line
from auscult.errors import OutputError, UsageError
from auscult.records import Event

# Source (None: the file does not say), start and end in seconds, label, score (None: not in the file).
Found = tuple[str | None, float, float, str, float | None]

ODD_LABELS = (
    "dog",
    "Dog bark, near",
    "rain\ton a roof",
    "two\nlines\r\nand more",
    '"quoted" ""twice""',
    '"',
    "00:00:01.000 --> 00:00:02.000",
    "<v Dog>&amp; & <b>",
    "\\ backslash",
    "=1+1",
    ";; comment",
    "<NA>",
    "100% %20 wind",
    "bell \x07 and null \x00",
    "雨 🌧️ été",
    "\u2028\u2029\x85lines",
    "halves \udce9",
    "noncharacters \ufffe\uffff",
    "\\",
    "NOTE",
    "\u200d\ufeff",
)


def _of_table(path: Path) -> list[Found]:
    found: list[Found] = []
    source = None
    for line in path.read_text("utf-8").splitlines():
        event = re.fullmatch(
            r"  (?:\d\d:\d\d:\d\d  )?(\d{2,}:\d\d:\d\d\.\d{3})  (\d{2,}:\d\d:\d\d\.\d{3})  ([01]\.\d\d)  (.+)",
            line,
        )
        if event is None:
            source = re.sub(r"  \(\d{4}-.*\)$", "", line)
            continue
        found.append((source, _seconds(event[1]), _seconds(event[2]), event[4], float(event[3])))
    return found


def _of_records(records: list[dict[str, object]]) -> list[Found]:
    return [
        (str(r["source"]), float(str(r["start_s"])), float(str(r["end_s"])), str(r["label"]), float(str(r["score"])))
        for r in records
    ]


def _of_json_lines(path: Path) -> list[Found]:
    # Not splitlines: JSON may hold other characters that end lines.
    return _of_records([json.loads(line) for line in path.read_text("utf-8").split("\n") if line])


def _of_csv(path: Path) -> list[Found]:
    with path.open(encoding="utf-8", newline="") as file:
        return _of_records(list(csv.DictReader(file)))


def _of_parquet(path: Path) -> list[Found]:
    return _of_records(pyarrow.parquet.read_table(path).to_pylist())


def _of_annotations(path: Path) -> list[Found]:
    annotations, problems = read_annotations(path)
    assert problems == []
    return [(each.recording, each.start_s, each.end_s, each.label, None) for each in annotations]


def _seconds(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _of_vtt(path: Path) -> list[Found]:
    found: list[Found] = []
    for cue in webvtt.read(str(path)):
        text = re.fullmatch(r"(.*) \((.*)\)", cue.raw_text)
        assert text is not None
        label = text[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        found.append((None, _seconds(cue.start), _seconds(cue.end), label, float(text[2])))
    return found


def _of_elan(path: Path) -> list[Found]:
    """By pympi, an outside reader; `test_elan_for_us` reads the same with ours."""
    document = pympi.Elan.Eaf(str(path))
    found: list[Found] = []
    for tier in document.get_tier_names():
        if document.get_parameters_for_tier(tier)["LINGUISTIC_TYPE_REF"] == "score":
            continue
        scores = document.tiers[document.get_child_tiers_for(tier)[0]][1]
        score_of = {parent: float(value) for parent, value, *_ in scores.values()}
        assert all(document.timeslots[b] < document.timeslots[e] for b, e, *_ in document.tiers[tier][0].values())
        for number, (begin, end, value, _) in document.tiers[tier][0].items():
            times = (document.timeslots[begin] / 1000, document.timeslots[end] / 1000)
            found.append((None, *times, value, score_of[number]))
    return sorted(found, key=lambda each: each[1:3])


def _of_rttm(path: Path) -> list[Found]:
    """Ten fields between single spaces (NIST, RT-09 evaluation plan, appendix A)."""
    found: list[Found] = []
    for line in path.read_text("utf-8").split("\n")[:-1]:
        kind, name, channel, start, length, *rest = line.split(" ")
        orthography, subtype, speaker, score, lookahead = rest
        assert (kind, channel, orthography, subtype, lookahead) == ("SPEAKER", "1", "<NA>", "<NA>", "<NA>")
        found.append((unquote(name), float(start), float(start) + float(length), unquote(speaker), float(score)))
    return found


READERS: dict[str, Callable[[Path], list[Found]]] = {
    "table": _of_table,
    "jsonl": _of_json_lines,
    "csv": _of_csv,
    "parquet": _of_parquet,
    "audacity": _of_annotations,
    "raven": _of_annotations,
    "vtt": _of_vtt,
    "elan": _of_elan,
    "rttm": _of_rttm,
}
EXACT = ("jsonl", "csv", "parquet")
#: What a file says of the recording itself, of "dawn.wav" in the working folder.
SAID = {"rttm": "dawn"}
SLACK_S = 0.0011  # a millisecond


def _expected_text(name: str, event: Event) -> str:
    if name in ("jsonl", "csv", "parquet"):
        return event.label.encode("utf-8", "backslashreplace").decode() if name != "jsonl" else event.label
    if name == "rttm":
        # What no address can spell becomes a question mark.
        return event.label.encode("utf-8", "replace").decode() or " "
    text = one_line(event.name, xml=name == "elan")
    # Readers of annotations take labels in Unicode's NFC and without spaces around them.
    return unicodedata.normalize("NFC", text).strip() if name in ("audacity", "raven") else text


def assert_same(name: str, found: list[Found], events: list[Event], *, said: dict[str, str] | None = None) -> None:
    if EVENT_FORMATS[name].by_start:
        events = sorted(events, key=lambda event: (event.start_s, event.end_s))
    assert len(found) == len(events)
    slack_s = 0.0 if name in EXACT else SLACK_S
    unmatched = list(events)
    for source, start_s, end_s, text, score in found:
        near = [
            event
            for event in unmatched
            if abs(event.start_s - start_s) <= slack_s
            and abs(event.end_s - end_s) <= 2 * slack_s
            and _expected_text(name, event) == text
            and (score is None or abs(event.score - score) <= (0.0 if name in ("jsonl", "csv") else 0.0051))
        ]
        assert near, f"{(source, start_s, end_s, text, score)} is none of {unmatched}"
        unmatched.remove(near[0])
        if source is not None and said is not None:
            assert Path(source).name == said[near[0].source]
    if not EVENT_FORMATS[name].by_start:
        assert [each[3] for each in found] == [_expected_text(name, event) for event in events]


@pytest.fixture(params=sorted(EVENT_FORMATS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_format_has_a_reader_here() -> None:
    assert set(READERS) == set(EVENT_FORMATS)
    assert all(each.name == key for key, each in EVENT_FORMATS.items())
    assert all((each.lines is None) != (each.write is None) for each in EVENT_FORMATS.values())


def _written(folder: Path, name: str, events: list[Event], **known: RecordingFacts) -> Path:
    path = folder / f"dawn{EVENT_FORMATS[name].suffix}"
    write_events(path, events, name, recordings={"dawn.wav": RecordingFacts(**known)})  # type: ignore[arg-type]
    return path


def test_odd_labels_are_read_back(name: str, tmp_path: Path) -> None:
    events = [Event("dawn.wav", float(i), i + 0.5, label, 0.25) for i, label in enumerate(ODD_LABELS)]
    path = _written(tmp_path, name, events)
    assert_same(name, READERS[name](path), events, said={"dawn.wav": SAID.get(name, "dawn.wav")})


labels = st.text(min_size=1, max_size=20)
starts_s = st.floats(0, 200_000, allow_nan=False)
events_of_one = st.lists(
    st.builds(
        lambda start_s, length_s, label, score: Event("dawn.wav", start_s, start_s + length_s, label, score),
        starts_s,
        st.floats(0, 4000),
        labels,
        st.floats(0, 1, width=32),
    ),
    max_size=8,
)


@pytest.mark.parametrize("name", sorted(EVENT_FORMATS))
@settings(deadline=None, max_examples=30)
@given(events=events_of_one)
def test_whatever_is_written_is_read_back(name: str, events: list[Event]) -> None:
    with TemporaryDirectory() as folder:
        path = _written(Path(folder), name, events)
        assert_same(name, READERS[name](path), events)


@settings(deadline=None, max_examples=30)
@given(events=events_of_one)
def test_elan_for_us(events: list[Event]) -> None:
    with TemporaryDirectory() as folder:
        found = read_annotations(_written(Path(folder), "elan", events))[0]
    expected = sorted(unicodedata.normalize("NFC", one_line(event.name, xml=True)).strip() for event in events)
    assert sorted(each.label for each in found) == expected
    starts_s = sorted(each.start_s for each in found)
    assert starts_s == pytest.approx(sorted(event.start_s for event in events), abs=SLACK_S)


@settings(deadline=None, max_examples=30)
@given(events=events_of_one)
def test_no_two_events_of_a_tier_overlap(events: list[Event]) -> None:
    """ELAN has one annotation at a time in a tier."""
    with TemporaryDirectory() as folder:
        document = pympi.Elan.Eaf(str(_written(Path(folder), "elan", events)))
    for tier, (aligned, *_) in document.tiers.items():
        spans = sorted((document.timeslots[b], document.timeslots[e]) for b, e, *_ in aligned.values())
        assert all(first[1] <= second[0] for first, second in pairwise(spans)), tier


def test_nothing_heard_is_a_file_too(name: str, tmp_path: Path) -> None:
    path = _written(tmp_path, name, [])
    assert path.is_file()
    assert READERS[name](path) == []


def test_names_of_recordings_that_are_odd(name: str, tmp_path: Path) -> None:
    source = 'night & "day" <1> 50%41 #2 été.wav'
    path = tmp_path / f"x{EVENT_FORMATS[name].suffix}"
    write_events(path, [Event(source, 1, 2, "dog", 0.5)], name, recordings={source: RecordingFacts()})
    found = READERS[name](path)
    stem = source.removesuffix(".wav")
    assert_same(name, found, [Event(source, 1, 2, "dog", 0.5)], said={source: stem if name == "rttm" else source})


def test_several_recordings_in_one_file_or_an_error_that_says_so(name: str, tmp_path: Path) -> None:
    sources = ("dawn.wav", "dusk.wav", "night.wav")
    events = [Event(source, 1.0, 2.0 + i, "dog", 0.5) for i, source in enumerate(sources)]
    known = {source: RecordingFacts(duration_s=60.0, sample_rate=48000) for source in sources}
    path = tmp_path / "all"
    if EVENT_FORMATS[name].one_recording:
        with pytest.raises(UsageError, match=rf"The format '{name}' holds .* one recording, and these are of 3, such"):
            write_events(path, events, name, recordings=known)
        assert list(tmp_path.iterdir()) == []
        return
    write_events(path.with_suffix(EVENT_FORMATS[name].suffix), events, name, recordings=known)
    (written,) = tmp_path.iterdir()
    said = {source: source.removesuffix(".wav") if name == "rttm" else source for source in sources}
    assert_same(name, READERS[name](written), events, said=said)


@pytest.mark.parametrize("name", ["table", "jsonl", "csv"])
def test_events_are_taken_as_they_come(name: str) -> None:
    """A line is there before the next event is asked for: a night shows its first event while it is still read."""
    write_lines = EVENT_FORMATS[name].lines
    assert write_lines is not None
    pulled = []

    def events() -> object:
        for i in range(3):
            pulled.append(i)
            yield Event("dawn.wav", i, i + 1, "dog", 0.5)

    lines = write_lines(events(), {})  # type: ignore[arg-type]
    while len(pulled) < 1:
        next(lines)
    assert pulled == [0]


def test_the_same_events_make_the_same_bytes(name: str, tmp_path: Path) -> None:
    events = [Event("dawn.wav", 1.0, 2.0, "dog", 0.5), Event("dawn.wav", 1.5, 2.5, "cat", 0.75)]
    first = _written(tmp_path / "1", name, events).read_bytes()
    assert _written(tmp_path / "2", name, events).read_bytes() == first


def test_a_file_that_was_there_stays_where_writing_fails(name: str, tmp_path: Path) -> None:
    path = _written(tmp_path, name, [])
    before = path.read_bytes()

    def broken() -> object:
        yield Event("dawn.wav", 1.0, 2.0, "dog", 0.5)
        raise RuntimeError("the sound broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        write_events(path, broken(), name)  # type: ignore[arg-type]
    assert (path.read_bytes(), len(list(tmp_path.iterdir()))) == (before, 1)
    (tmp_path / "folder").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        write_events(tmp_path / "folder" / "x", [], name)


def test_open_files_take_events_too(name: str) -> None:
    event = Event("dawn.wav", 1.0, 2.0, "dog", 0.5)
    binary, text = io.BytesIO(), io.StringIO()
    write_events(binary, [event], name)
    if EVENT_FORMATS[name].lines is None:
        with pytest.raises(UsageError, match=r"The format 'parquet' is no text"):
            write_events(text, [event], name)
        return
    write_events(text, [event], name)
    assert text.getvalue().encode() == binary.getvalue()


def test_no_such_format() -> None:
    with pytest.raises(UsageError, match=r"must be one of table, jsonl, csv, .*rttm. Got 'srt' instead"):
        write_events(io.StringIO(), [], "srt")


@pytest.mark.parametrize(
    ("started_at", "time"),
    [
        (datetime(2026, 5, 1, 23, 59, 58), "2026-05-02T00:00:00.500"),
        (datetime(2026, 5, 1, 23, 59, 58, tzinfo=UTC), "2026-05-02T00:00:00.500+00:00"),
        (
            datetime(2026, 5, 1, 23, 59, 58, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
            "2026-05-02T00:00:00.500-03:30",
        ),
        (datetime(9999, 12, 31, 23, 59, 59), None),
        (None, None),
    ],
)
def test_times_of_day(started_at: datetime | None, time: str | None, tmp_path: Path) -> None:
    facts = RecordingFacts(started_at=started_at)
    event = Event("dawn.wav", 2.5, 3.0, "dog", 0.5)
    assert event_record(event, facts).get("time") == time
    for name in ("csv", "parquet", "raven"):
        path = tmp_path / f"dawn{EVENT_FORMATS[name].suffix}"
        write_events(path, [event], name, recordings={"dawn.wav": facts})
        if name == "parquet":
            said = pyarrow.parquet.read_table(path).to_pylist()[0]["time"]
        else:
            with path.open() as file:
                (row,) = csv.DictReader(file, delimiter="\t" if name == "raven" else ",")
            said = row["Time" if name == "raven" else "time"] or None
        assert said == time


def test_people_see_the_time_of_day() -> None:
    text = io.StringIO()
    known = {"night.wav": RecordingFacts(started_at=datetime(2026, 5, 1, 23, 59, 58))}
    write_events(text, [Event("night.wav", 3661.5, 3662.0, "/m/0bt9lr", 0.876, "Dog")], "table", recordings=known)
    assert text.getvalue() == ("night.wav  (2026-05-01 23:59:58)\n  01:00:59  01:01:01.500  01:01:02.000  0.88  Dog\n")


def test_raven_s_times_go_on_from_recording_to_recording(tmp_path: Path) -> None:
    """As in a sequence of files: also over one without events; boxes reach to half of each one's rate."""
    known = {
        "a.wav": RecordingFacts(duration_s=10.0, sample_rate=48000),
        "b.wav": RecordingFacts(duration_s=20.25, sample_rate=16000),
        "c.wav": RecordingFacts(sample_rate=None),
    }
    events = [Event("a.wav", 1.0, 2.0, "dog", 0.5), Event("c.wav", 3.0, 4.0, "cat", 0.75)]
    write_events(tmp_path / "all.txt", events, "raven", recordings=known)
    with (tmp_path / "all.txt").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    shown = [
        (row["Selection"], row["Begin Time (s)"], row["End Time (s)"], row["File Offset (s)"], row["High Freq (Hz)"])
        for row in rows
    ]
    assert shown == [
        ("1", "1.000000", "2.000000", "1.000000", "24000.0"),
        ("2", "33.250000", "34.250000", "3.000000", "8000.0"),
    ]
    assert all(Path(row["Begin Path"]).is_absolute() for row in rows)
    known["a.wav"] = RecordingFacts()
    with pytest.raises(UsageError, match=r"c.wav: a Raven table of several recordings needs the length of each"):
        write_events(tmp_path / "all.txt", events, "raven", recordings=known)


def test_rttm_tells_recordings_of_one_name_apart() -> None:
    text = io.StringIO()
    events = [Event(source, 0.0, 1.0, "dog", 0.5) for source in ("a/dawn.wav", "b/dawn.wav", "c/dusk.wav")]
    write_events(text, events, "rttm", recordings={event.source: RecordingFacts() for event in events})
    assert [line.split()[1] for line in text.getvalue().splitlines()] == ["a/dawn.wav", "b/dawn.wav", "dusk"]


ANNOTATION_FORMATS = ("jsonl", "csv", "parquet", "audacity", "raven", "elan")


@pytest.mark.parametrize("name", ANNOTATION_FORMATS)
def test_what_was_detected_can_be_trained_on(
    name: str, tmp_path: Path, write_sound: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_sound(tmp_path / "dawn.wav", samples=32000)
    events = [Event("dawn.wav", 0.5, 1.5, "wren", 0.9), Event("dawn.wav", 2.0, 3.0, "tawny owl, far", 0.6)]
    path = _written(tmp_path, name, events, duration_s=4.0, sample_rate=8000)  # type: ignore[arg-type]
    dataset = Dataset.from_annotations(path)
    assert dataset.problems == ()
    assert [(clip.source, clip.labels, clip.start, clip.end) for clip in dataset.clips()] == [
        (tmp_path / "dawn.wav", ("wren",), 4000, 12000),
        (tmp_path / "dawn.wav", ("tawny owl, far",), 16000, 24000),
    ]


@pytest.mark.parametrize("name", ["csv", "raven"])
def test_one_table_of_several_recordings_can_be_trained_on(
    name: str, tmp_path: Path, write_sound: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sources = ("a/dawn.wav", "b/dawn.wav")
    for source in sources:
        write_sound(tmp_path / source, samples=32000)
    events = [Event(source, 1.0, 2.0, label, 0.9) for source, label in zip(sources, ("wren", "owl"), strict=True)]
    known = {source: RecordingFacts(duration_s=4.0, sample_rate=8000) for source in sources}
    path = tmp_path / f"all{EVENT_FORMATS[name].suffix}"
    write_events(path, events, name, recordings=known)
    clips = Dataset.from_annotations(path).clips()
    assert [(clip.source, clip.labels, clip.start, clip.end) for clip in clips] == [
        (tmp_path / source, (event.label,), 8000, 16000) for source, event in zip(sources, events, strict=True)
    ]
