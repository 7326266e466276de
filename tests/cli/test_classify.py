from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import pytest
import soundfile

import auscult as library
from auscult.files import sha256_of_file
from tests.tiny_models import SAMPLE_RATE

from .conftest import Auscult, TrainedRun, tone


def test_json_has_the_keys_of_the_contract_and_says_what_python_says(auscult: Auscult, model: Path, clip: Path) -> None:
    done = auscult("classify", clip, "--model", model, "--json")
    assert (done.code, done.err) == (0, "")
    (record,) = done.records
    assert list(record) == ["source", "duration_s", "model", "predictions"]
    assert record["source"] == str(clip)
    assert record["duration_s"] == 0.3
    assert record["model"] == {"name": "loudest-part", "digest": sha256_of_file(model)}
    assert record["predictions"] == library.load(model)(clip)
    assert sum(prediction["score"] for prediction in record["predictions"]) == pytest.approx(1)


def test_windows_cover_the_sound_in_order(auscult: Auscult, model: Path, clip: Path) -> None:
    (record,) = auscult("classify", clip, "--model", model, "--json", "--windows").records
    assert list(record) == ["source", "duration_s", "model", "predictions", "windows"]
    windows = record["windows"]
    # 800 samples each 400, until one ends at or after sample 2400.
    assert [(one["start_s"], one["end_s"]) for one in windows] == [
        (start / SAMPLE_RATE, (start + 800) / SAMPLE_RATE) for start in range(0, 1601, 400)
    ]
    for window in windows:
        assert list(window) == ["start_s", "end_s", "predictions"]
        assert [set(prediction) for prediction in window["predictions"]] == [{"label", "score"}] * 2


def test_records_come_in_the_order_of_the_inputs_and_failures_in_their_place(
    auscult: Auscult, model: Path, clip: Path
) -> None:
    missing = clip.with_name("missing.wav")
    done = auscult("classify", clip, missing, clip, "--model", model, "--json")
    assert done.code == 1
    assert [record["source"] for record in done.records] == [str(clip), str(missing), str(clip)]
    assert done.records[1] == {
        "source": str(missing),
        "error": {"kind": "missing", "message": "there is no such file; check the spelling of the path"},
    }
    assert f"auscult: {missing}: there is no such file" in done.err
    assert done.err.endswith("2 of 3 inputs classified, 1 failed\n")


def test_quiet_names_only_what_failed(auscult: Auscult, model: Path, clip: Path) -> None:
    done = auscult("classify", clip, clip.with_name("missing.wav"), "-m", model, "-q")
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert "missing.wav" in done.err


def test_text_is_best_first_and_fits_a_terminal(auscult: Auscult, model: Path, clip: Path) -> None:
    done = auscult("classify", clip, "--model", model, "--windows")
    lines = done.out.splitlines()
    assert lines[0] == f"{clip}  (0.30 s)"
    shares = [float(line.split("%")[0]) for line in lines[1:3]]
    assert shares == sorted(shares, reverse=True)
    assert "  0.00 to 0.10 s" in lines
    assert max(map(len, lines[1:])) <= 80


def test_top_k_says_how_many(auscult: Auscult, model: Path, clip: Path) -> None:
    (record,) = auscult("classify", clip, "--model", model, "-k", 1, "--json").records
    assert len(record["predictions"]) == 1


@pytest.mark.parametrize("windows", [False, True])
def test_csv_is_a_table_whatever_is_in_a_name(auscult: Auscult, model: Path, tmp_path: Path, windows: bool) -> None:
    path = tmp_path / 'a "good", new\none.wav'
    soundfile.write(path, tone("high", 0), SAMPLE_RATE)
    done = auscult(
        "classify", path, tmp_path / "missing.wav", "-m", model, "--csv", *(["--windows"] if windows else [])
    )
    assert done.code == 1
    header, *rows = csv.reader(io.StringIO(done.out))
    assert header == ["source", "start_s", "end_s", "label", "score"]
    assert len(rows) == (10 if windows else 2)
    assert {row[0] for row in rows} == {str(path)}
    assert all(0 <= float(row[4]) <= 1 for row in rows)
    assert (rows[0][1], rows[0][2]) == ("0.0", "0.1" if windows else "0.3")


def test_folders_are_searched_and_a_folder_named_like_a_sound_fails(
    auscult: Auscult, model: Path, new_sounds: Path, tmp_path: Path
) -> None:
    trap = tmp_path / "x.wav"
    trap.mkdir()
    done = auscult("classify", trap, new_sounds, "--model", model, "--json")
    assert done.code == 1
    first, *others = done.records
    assert first["error"]["kind"] == "not_a_file"
    assert "is a folder" in first["error"]["message"]
    assert [record["source"] for record in others] == [str(path) for path in sorted(new_sounds.glob("*/*.wav"))]
    assert all("predictions" in record for record in others)


def test_an_empty_folder_is_named_and_the_others_are_done(
    auscult: Auscult, model: Path, clip: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "nothing here"
    empty.mkdir()
    done = auscult("classify", empty, clip, "--model", model, "--json")
    assert done.code == 1
    assert done.records[0]["error"]["kind"] == "empty"
    assert str(empty) in done.err
    assert done.records[1]["source"] == str(clip)


@pytest.mark.parametrize("where", ["file", "stdin"])
def test_names_come_from_a_list(
    auscult: Auscult, model: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    odd = tmp_path / "  Käuzchen 鳥.WAV"
    odd.write_bytes(clip.read_bytes())
    content = f"\ufeff{clip}\r\n\n{odd}\n".encode()
    names = tmp_path / "names.txt"
    names.write_bytes(content)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)), encoding="ascii"))
    done = auscult("classify", "--files-from", names if where == "file" else "-", "--model", model, "--json")
    assert (done.code, done.err) == (0, "")
    assert [record["source"] for record in done.records] == [str(clip), str(odd)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "No sound was named"),
        (["a.wav", "--json", "--csv"], "--json and --csv exclude each other"),
        (["a.wav", "--top-k", "0"], "--top-k must be at least 1. Got 0 instead."),
        (["a.wav", "--jobs", "0"], "--jobs must be at least 1. Got 0 instead."),
        (["--files-from", "no-such-list.txt"], "--files-from no-such-list.txt: cannot be read"),
        (["a.wav", "--loud"], "Unknown option: --loud"),
    ],
)
def test_wrong_use(auscult: Auscult, model: Path, arguments: list[str], said: str) -> None:
    done = auscult("classify", *arguments, "--model", model)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_name_too_long_for_the_file_system_is_a_missing_file(auscult: Auscult, model: Path, clip: Path) -> None:
    done = auscult("classify", "a" * 5000, clip, "--model", model, "--json")
    assert done.code == 1
    assert done.records[0]["error"]["kind"] == "missing"
    assert "predictions" in done.records[1]


def test_a_trained_model_classifies(auscult: Auscult, trained: TrainedRun, new_sounds: Path) -> None:
    done = auscult("classify", new_sounds, "--model", trained.folder / "model.onnx", "--json")
    assert done.code == 0
    assert len(done.records) == 6
    for record in done.records:
        assert record["model"]["name"] == "run"
        assert {prediction["label"] for prediction in record["predictions"]} == {"high", "low"}


def test_patterns_and_times_choose_recordings(auscult: Auscult, model: Path, new_sounds: Path, tmp_path: Path) -> None:
    done = auscult("classify", new_sounds / "h*" / "[01].wav", "--model", model, "--json")
    assert [record["source"] for record in done.records] == [str(new_sounds / "high" / f"{i}.wav") for i in (0, 1)]
    for name in ("20200101_000000.wav", "20990101_000000.wav"):
        (tmp_path / name).write_bytes((new_sounds / "high" / "0.wav").read_bytes())
    done = auscult("classify", tmp_path, "--since", "2050-01-01", "--model", model, "--json")
    assert [Path(record["source"]).name for record in done.records] == ["20990101_000000.wav"]


def test_problems_stand_where_their_sounds_would_have_stood(
    auscult: Auscult, model: Path, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    done = auscult("classify", clip, tmp_path / "empty", clip, "no/*.wav", "--model", model, "--json", "--jobs", 1)
    assert done.code == 1
    assert [record["source"] for record in done.records] == [
        str(clip), str(tmp_path / "empty"), str(clip), "no/*.wav",
    ]  # fmt: skip
