"""Annotations as Raven, Audacity, ELAN and BirdNET-Analyzer write them, to clips."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.data import Dataset
from auscult.data.readers.annotations import Annotation, cut_evenly, labels_within
from auscult.errors import DataError

RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tAnnotation\n"
    "1\tWaveform 1\t1\t0.5\t1.5\t0.0\t4000.0\twren\n"
    "1\tSpectrogram 1\t1\t0.5\t1.5\t0.0\t4000.0\twren\n"
    "2\tSpectrogram 1\t1\t2.0\t3.0\t0.0\t4000.0\towl\n"
)
AUDACITY = "0.500000\t1.500000\twren\n\\\t0.000000\t4000.000000\n2.000000\t3.000000\towl\n"
BIRDNET = (
    "Start (s),End (s),Scientific name,Common name,Confidence\n0.5,1.5,Troglodytes,wren,0.9\n2.0,3.0,Strix,owl,0.8\n"
)
ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT FORMAT="3.0" VERSION="3.0">
  <HEADER TIME_UNITS="milliseconds"><MEDIA_DESCRIPTOR MEDIA_URL="file:///elsewhere/dawn.wav"
    RELATIVE_MEDIA_URL="./dawn.wav"/></HEADER>
  <TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1500"/>
    <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="2000"/><TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="3000"/></TIME_ORDER>
  <TIER TIER_ID="birds">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>wren</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
      <ANNOTATION_VALUE>owl</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
      <ANNOTATION_VALUE></ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
</ANNOTATION_DOCUMENT>
"""


@pytest.fixture
def folder(tmp_path, write_sound) -> Path:
    write_sound(tmp_path / "dawn.wav", samples=32000)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dawn.Table.1.selections.txt", RAVEN),
        ("dawn.txt", AUDACITY),
        ("dawn.BirdNET.results.csv", BIRDNET),
        ("marked.eaf", ELAN),
    ],
)
def test_every_program_says_the_same(folder, name, content):
    (folder / name).write_text(content, encoding="utf-8")
    dataset = Dataset.from_annotations(folder / name)
    assert (dataset.task, dataset.source_kind, dataset.problems) == ("single_label", "annotations", ())
    assert [(clip.source, clip.labels, clip.start, clip.end) for clip in dataset.clips()] == [
        (folder / "dawn.wav", ("wren",), 4000, 12000),
        (folder / "dawn.wav", ("owl",), 16000, 24000),
    ]
    assert len(set(dataset.groups())) == 1


def test_overlaps_are_several_labels(folder):
    (folder / "dawn.txt").write_text("0.0\t2.0\twren\n1.0\t3.0\towl\n2.9\t3.5\towl\n")
    dataset = Dataset.from_annotations(folder / "dawn.txt")
    assert dataset.task == "multi_label"
    assert [clip.labels for clip in dataset.clips()] == [("wren", "owl"), ("wren", "owl"), ("owl",)]


def test_recordings_cut_evenly(folder):
    (folder / "dawn.txt").write_text("0.5\t1.6\twren\n3.95\t4.0\tclick\n")
    cut = Dataset.from_annotations(folder, clip_s=1.0)
    assert [(clip.range_s(), clip.labels) for clip in cut.clips()] == [
        ((0.0, 1.0), ("wren",)),
        ((1.0, 2.0), ("wren",)),
        ((3.0, None), ("click",)),
    ]
    every = Dataset.from_annotations(folder, clip_s=1.0, keep_empty=True)
    assert (every.task, len(every)) == ("multi_label", 4)
    assert every.clips()[2].labels == ()
    strict = Dataset.from_annotations(folder, clip_s=1.0, min_overlap_s=0.7)
    assert [clip.labels for clip in strict.clips()] == [("click",)]


def test_a_recording_elsewhere(folder, tmp_path_factory):
    marks = tmp_path_factory.mktemp("marks")
    named = RAVEN.replace("Annotation\n", "Annotation\tBegin File\n").replace("wren\n", "wren\tdawn.wav\n")
    (marks / "all.txt").write_text(named.replace("owl\n", "owl\tC:\\field\\dawn.wav\n"))
    dataset = Dataset.from_annotations(marks / "all.txt", audio=folder)
    assert [clip.source for clip in dataset.clips()] == [folder / "dawn.wav"] * 2
    (marks / "other.txt").write_text(AUDACITY)
    whole = Dataset.from_annotations([marks / "other.txt"], audio=folder / "dawn.wav")
    assert len(whole) == 2
    with pytest.raises(DataError, match=r"none of 1 annotation files .* no recording of its name is there"):
        Dataset.from_annotations(marks / "other.txt")


def test_a_recording_that_is_gone_does_not_stop_the_others(folder):
    text = RAVEN.replace("Annotation\n", "Annotation\tBegin File\n").replace("wren\n", "wren\tdawn.wav\n")
    (folder / "all.txt").write_text(text.replace("owl\n", "owl\tdusk.wav\n"))
    dataset = Dataset.from_annotations(folder / "all.txt")
    assert [clip.labels for clip in dataset.clips()] == [("wren",)]
    (problem,) = dataset.problems
    assert "its recording, 'dusk.wav', is not there" in str(problem)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5\tx\twren\n1\t2\towl\n", "annotations need a column called"),
        (
            "0.5\t0.4\twren\n",
            r"an annotation must begin at 0 s or later and not end before, not 0.5 to 0.4 s \(line 1\)",
        ),
        ("0.5\t1.0\t \n", r"an annotation without a label \(line 1\)"),
        ("0.5\tnan\towl\n", r"a time must be a number of seconds, not 'nan' \(line 1\)"),
        ("0.5\t1.0\n", r"an annotation without a label \(line 1\)"),
        ("Begin Time (s)\tEnd Time (s)\tNotes\n1\t2\twren\n", "annotations need a column called .*'label_column'"),
    ],
)
def test_annotations_that_are_none(folder, text, message):
    (folder / "dawn.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        Dataset.from_annotations(folder / "dawn.txt")


def test_a_line_that_is_none_does_not_stop_the_others(folder):
    (folder / "dawn.txt").write_text(
        "0.5\t1.0\twren\n1.0\t2.0\t\n1.5\tx\towl\n2.0\t2.5\towl\n5.0\t6.0\tlark\n3.0\t3.0\tclick\n"
    )
    dataset = Dataset.from_annotations(folder / "dawn.txt")
    assert [clip.labels for clip in dataset.clips()] == [("wren",), ("owl",)]
    assert [problem.problem for problem in dataset.problems] == [
        "an annotation without a label (line 2)",
        "a time must be a number of seconds, not 'x' (line 3)",
        "'lark' is to begin at 5 s, and the sound lasts 4 s",
        "'click' at 3 s marks a moment, of which no clip can be made",
    ]


def test_a_file_that_is_none_does_not_stop_the_others(folder, write_sound):
    (folder / "dawn.txt").write_text(AUDACITY)
    (folder / "README.txt").write_text("Recorded in a wood.\n")
    write_sound(folder / "dusk.wav", samples=16000)
    (folder / "dusk.txt").write_text("")
    dataset = Dataset.from_annotations(folder)
    assert len(dataset) == 2
    (problem,) = dataset.problems
    assert problem.source.endswith("README.txt")
    every = Dataset.from_annotations(folder, clip_s=1.0, keep_empty=True)
    assert [clip.labels for clip in every.clips() if clip.uri == "dusk.wav"] == [(), ()]


@pytest.fixture
def recordings(folder, write_sound) -> Path:
    write_sound(folder / "dusk.wav", samples=32000)
    return folder


def _found(dataset: Dataset) -> list[tuple[str, tuple[str, ...] | None, tuple[float, float | None]]]:
    return [(clip.uri, clip.labels, clip.range_s()) for clip in dataset.clips()]


def test_times_of_a_table_of_several_recordings_go_on(recordings):
    """As BirdNET-Analyzer's combined table and Raven's of a sequence of files have it."""
    (recordings / "all.txt").write_text(
        "Selection\tBegin Time (s)\tEnd Time (s)\tCommon Name\tBegin Path\tFile Offset (s)\n"
        "1\t1.0\t2.0\twren\tC:\\field\\dawn.wav\t1.0\n"
        "2\t4.5\t5.5\towl\tC:\\field\\dusk.wav\t0.5\n"
    )
    dataset = Dataset.from_annotations(recordings / "all.txt")
    assert _found(dataset) == [("dawn.wav", ("wren",), (1.0, 2.0)), ("dusk.wav", ("owl",), (0.5, 1.5))]
    one = Dataset.from_annotations(recordings / "all.txt", audio=recordings / "dusk.wav")
    assert _found(one) == [("dusk.wav", ("owl",), (0.5, 1.5))]


def test_tables_that_were_put_together(recordings):
    """Each numbers its selections from 1."""
    (recordings / "all.txt").write_text(
        "Selection\tBegin Time (s)\tEnd Time (s)\tAnnotation\tBegin File\n"
        "1\t1.0\t2.0\twren\tdawn.wav\n1\t1.0\t2.0\towl\tdusk.wav\n"
    )
    dataset = Dataset.from_annotations(recordings / "all.txt")
    assert _found(dataset) == [("dawn.wav", ("wren",), (1.0, 2.0)), ("dusk.wav", ("owl",), (1.0, 2.0))]


def test_a_score_behind_a_label_is_no_part_of_it(folder):
    (folder / "dawn.txt").write_text("0.0\t2.0\tStrix aluco, Tawny Owl\t0.91\n2.0\t3.0\tStrix aluco, Tawny Owl\t0.55\n")
    dataset = Dataset.from_annotations(folder / "dawn.txt")
    assert [label.id for label in dataset.labels] == ["Strix aluco, Tawny Owl"]


def test_what_lies_behind_the_end_is_heard_in_no_clip(folder):
    (folder / "dawn.txt").write_text("3.0\t9.0\twren\n5.0\t8.0\towl\n")
    dataset = Dataset.from_annotations(folder / "dawn.txt")
    assert _found(dataset) == [("dawn.wav", ("wren",), (3.0, None))]
    assert "'owl' is to begin at 5 s" in str(dataset.problems[0])


def test_recordings_in_folders_below(tmp_path, write_sound):
    for day in ("monday", "tuesday"):
        write_sound(tmp_path / "audio" / day / f"{day}.wav", samples=32000)
        write_sound(tmp_path / "audio" / day / "noon.wav", samples=32000)
    marks = tmp_path / "marks"
    marks.mkdir()
    for name in ("monday", "tuesday", "noon"):
        (marks / f"{name}.txt").write_text(AUDACITY)
    dataset = Dataset.from_annotations(marks, audio=tmp_path / "audio")
    assert {clip.uri for clip in dataset.clips()} == {"monday/monday.wav", "tuesday/tuesday.wav"}
    assert "2 recordings have the name 'noon.wav'" in str(dataset.problems[0])


def test_a_tier_of_an_elan_document(folder):
    tier = (
        '<TIER TIER_ID="sex" PARENT_REF="birds"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="b1" ANNOTATION_REF="a2">'
        "<ANNOTATION_VALUE>female</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>"
    )
    (folder / "dawn.eaf").write_text(ELAN.replace("</ANNOTATION_DOCUMENT>", tier))
    assert [label.id for label in Dataset.from_annotations(folder / "dawn.eaf").labels] == ["owl", "wren"]
    dataset = Dataset.from_annotations(folder / "dawn.eaf", label_column="sex")
    assert _found(dataset) == [("dawn.wav", ("female",), (2.0, 3.0))]
    with pytest.raises(DataError, match=r"must be a tier, \['birds', 'sex'\]"):
        Dataset.from_annotations(folder / "dawn.eaf", label_column="age")


def test_an_elan_document_with_a_video_and_times_not_known(folder):
    video = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///elsewhere/dawn-camera.mp4" MIME_TYPE="video/mp4"/>'
    text = ELAN.replace("<MEDIA_DESCRIPTOR ", f'{video}<MEDIA_DESCRIPTOR MIME_TYPE="audio/x-wav" ')
    (folder / "dawn.eaf").write_text(text.replace(' TIME_VALUE="3000"', ""))
    dataset = Dataset.from_annotations(folder / "dawn.eaf")
    assert _found(dataset) == [("dawn.wav", ("wren",), (0.5, 1.5))]
    assert "'owl' has no times of its own (annotation 2)" in str(dataset.problems[0])


def test_documents_that_are_none(folder):
    (folder / "a.eaf").write_text("<ANNOTATION")
    with pytest.raises(DataError, match="not an ELAN document"):
        Dataset.from_annotations(folder / "a.eaf")
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="no annotation file"):
        Dataset.from_annotations(folder / "empty")
    with pytest.raises(DataError, match="'clip_s' parameter"):
        Dataset.from_annotations(folder, clip_s=0.0)


@given(st.floats(0.01, 100), st.floats(0.1, 10), st.floats(0.1, 10))
def test_even_cuts_reach_the_end_and_stay_within(duration_s, clip_s, hop_s):
    ranges = cut_evenly(duration_s, clip_s=clip_s, hop_s=hop_s)
    assert ranges[0][0] == 0
    assert all(0 <= start < end <= duration_s for start, end in ranges)
    if hop_s <= clip_s:
        assert ranges[-1][1] == pytest.approx(duration_s, abs=1e-6)
        assert all(one[1] < duration_s for one in ranges[:-1])


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 10), st.floats(0.01, 5)), max_size=8),
    st.floats(0, 10),
    st.floats(0.1, 5),
)
def test_a_label_within_lies_within(marked, start_s, length_s):
    annotations = [Annotation(label, start, start + length) for label, start, length in marked]
    found = labels_within(annotations, start_s, start_s + length_s, min_overlap_s=0.25)
    touching = {each.label for each in annotations if each.start_s <= start_s + length_s and each.end_s >= start_s}
    inside = {each.label for each in annotations if start_s <= each.start_s and each.end_s <= start_s + length_s}
    assert inside <= set(found) <= touching


def test_a_source_is_a_recording_in_our_own_tables_alone(recordings):
    (recordings / "dawn.csv").write_text("start,end,label,source\n1.0,2.0,wren,xeno-canto\n")
    assert _found(Dataset.from_annotations(recordings / "dawn.csv")) == [("dawn.wav", ("wren",), (1.0, 2.0))]
    (recordings / "dawn.csv").write_text("start_s,end_s,label,source\n1.0,2.0,wren,dusk.wav\n")
    assert _found(Dataset.from_annotations(recordings / "dawn.csv")) == [("dusk.wav", ("wren",), (1.0, 2.0))]
