"""`auscult embed` and `auscult search`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

import auscult as library
from tests.tiny_models import SAMPLE_RATE, write_tiny_model

from .conftest import Auscult, write_tones


@pytest.fixture
def index(auscult: Auscult, model: Path, sounds: Path, tmp_path: Path) -> Path:
    assert auscult("embed", sounds, "-o", tmp_path / "index", "-m", model, "--quiet").code == 0
    return tmp_path / "index"


def test_an_index_is_made_and_asked(auscult: Auscult, index: Path, sounds: Path) -> None:
    query = sounds / "high" / "2.wav"
    done = auscult("search", index, query, "-k", 3, "--json")
    assert (done.code, done.err) == (0, "")
    assert [list(record) for record in done.records] == [["query", "rank", "source", "start_s", "end_s", "score"]] * 3
    assert done.records[0] == {
        "query": str(query),
        "rank": 1,
        "source": str(query),
        "start_s": 0.0,
        "end_s": 0.3,
        "score": 1.0,
    }
    scores = [record["score"] for record in done.records]
    assert scores == sorted(scores, reverse=True)


def test_answers_as_text_and_as_a_table(auscult: Auscult, index: Path, sounds: Path) -> None:
    query = sounds / "low" / "1.wav"
    text = auscult("search", index, query, "-k", 2).out.splitlines()
    assert text[0] == str(query)
    assert text[1].split() == ["1.000", "0.00", "to", "0.30", "s", str(query)]
    table = list(csv.DictReader(io.StringIO(auscult("search", index, query, "-k", 2, "--csv").out)))
    records = auscult("search", index, query, "-k", 2, "--json").records
    assert [{key: str(value) for key, value in record.items()} for record in records] == table


def test_parts_of_a_query_own_recording_and_one_each(auscult: Auscult, index: Path, sounds: Path) -> None:
    query = sounds / "low" / "1.wav"
    found = auscult("search", index, query, "--start", 0.1, "--end", 0.2, "-k", 50, "--json").records
    (itself,) = [record for record in found if record["source"] == str(query) and record["start_s"] == 0.1]
    assert (itself["score"], itself["end_s"]) == (found[0]["score"], pytest.approx(0.2)) == (1.0, 0.2)
    assert len({record["source"] for record in found}) < len(found)
    others = auscult("search", index, query, "--exclude-self", "--per-recording", "-k", 50, "--json").records
    sources = [record["source"] for record in others]
    assert len(set(sources)) == len(sources) == 11
    assert str(query) not in sources


def test_a_second_run_adds_what_is_new(auscult: Auscult, index: Path, sounds: Path, tmp_path: Path) -> None:
    again = auscult("embed", sounds, "-o", index)
    assert again.code == 0
    assert "12 recordings, 0.00 hours, 60 windows (0 read, 12 in it already)" in again.err
    more = write_tones(tmp_path / "more", clips=1, seed=3)
    # The model is the one that the index was made with.
    done = auscult("embed", more, "-o", index, "--json", "--quiet")
    assert [record["windows"] for record in done.records] == [5, 5]
    (more / "low" / "0.wav").unlink()
    assert "13 recordings, 0.00 hours, 65 windows (0 read, 1 in it already, 1 replaced or gone)" in (
        auscult("embed", more, "-o", index).err
    )


def test_bad_files_are_named_and_the_others_done(auscult: Auscult, model: Path, sounds: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    done = auscult("embed", bad, sounds, "-o", tmp_path / "index", "-m", model, "--json")
    assert done.code == 1
    assert f"auscult: {bad}: " in done.err
    assert done.records[0]["error"]["kind"] == "unsupported"
    assert len(done.records) == 13
    searched = auscult("search", tmp_path / "index", bad, sounds / "low" / "0.wav", "-k", 1, "--json")
    assert searched.code == 1
    assert [record.get("score") for record in searched.records] == [None, 1.0]


def test_embeddings_are_printed(auscult: Auscult, model: Path, clip: Path) -> None:
    expected = library.load(model).embed(clip)
    records = auscult("embed", clip, "-m", model, "--json").records
    assert [(record["source"], record["start_s"], record["end_s"]) for record in records][:2] == [
        (str(clip), 0.0, 0.1),
        (str(clip), 0.05, 0.15),
    ]
    np.testing.assert_array_equal(np.array([record["embedding"] for record in records], np.float32), expected)
    rows = list(csv.reader(io.StringIO(auscult("embed", clip, "-m", model, "--csv").out)))
    assert rows[0] == ["source", "start_s", "end_s", "e0", "e1"]
    np.testing.assert_array_equal(np.array([row[3:] for row in rows[1:]], np.float32), expected)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["embed", "x.wav"], "give -o INDEX for an index to search in"),
        (["embed", "x.wav", "--json", "--csv"], "exclude each other"),
        (["embed", "x.wav", "-o", "index", "--csv"], "choose one"),
        (["embed", "-o", "index"], "No sound was named"),
        (["search", "nowhere", "x.wav"], "is no index; make one with: auscult embed"),
        (["search", "nowhere"], "No query was named"),
        (["search", "nowhere", "x.wav", "-k", "0"], "--top-k must be at least 1"),
    ],
)
def test_wrong_usage(auscult: Auscult, arguments: list[str], said: str) -> None:
    done = auscult(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_another_model_is_refused(auscult: Auscult, index: Path, sounds: Path, tmp_path: Path) -> None:
    from tests.tiny_models import tiny_spec

    other = write_tiny_model(tmp_path / "other.onnx", tiny_spec(("x", "y", "z")))
    for command in (["embed", sounds, "-o", index], ["search", index, sounds / "low" / "0.wav"]):
        done = auscult(*command, "-m", other)
        assert done.code == 2
        assert "cannot be compared with it" in done.err


def test_a_named_model_is_found_again_whatever_lies_beside_it(
    auscult: Auscult, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "starter").mkdir()
    assert auscult("embed", clip, "-o", "index", "-m", "starter", "-q").code == 0
    assert auscult("search", "index", clip, "-k", 1, "--json").records[0]["score"] == 1.0


def test_hops_other_than_the_model_s(auscult: Auscult, model: Path, clip: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    assert auscult("embed", clip, "-o", index, "-m", model, "--hop", 0.025, "-q").code == 0
    assert auscult("search", index, clip, "-k", 1, "--json").records[0]["score"] == 1.0
    refused = auscult("embed", clip, "-o", index, "--hop", 0.05)
    assert refused.code == 2
    assert "open it with a hop of 0.025 s" in refused.err


def test_an_upper_case_ending_is_a_sound(auscult: Auscult, model: Path, tmp_path: Path) -> None:
    (tmp_path / "night").mkdir()
    soundfile.write(tmp_path / "night" / "A.WAV", np.zeros(900), SAMPLE_RATE, format="WAV")
    assert auscult("embed", tmp_path / "night", "-o", tmp_path / "index", "-m", model, "--json").records[0]["windows"]
