"""`Index`: what it finds, how it is filled, and what becomes of it when files, processes or disks misbehave."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from filelock import FileLock

import auscult
from auscult import search
from auscult.classifier import Classifier
from auscult.errors import InputError, OutputError, UsageError
from auscult.search import Added, Index, add_sounds, building
from auscult.search.folder import Description, Folder, Table
from auscult.search.vectors import packed
from tests.archive.crashing import crashing_environment
from tests.tiny_models import SAMPLE_RATE, tiny_spec, write_tiny_model

from .conftest import CLASSES, HOP, PART, WINDOW, sound, write_sound


def content(index: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in index.iterdir() if path.name != ".lock"}


def test_the_names_that_users_write_are_these() -> None:
    assert search.__all__ == ["Added", "Hit", "Index", "add_sounds"]


def test_a_recording_finds_itself_first_with_score_one(archive: Path, model: Classifier, tmp_path: Path) -> None:
    index = Index.build(tmp_path / "index", [archive], model)
    assert len(index) == 8
    for source in index.sources:
        hit = index.search(source, k=1)[0]
        assert (hit.source, hit.start_s, hit.score) == (source, 0.0, 1.0)
        assert hit.end_s == pytest.approx(soundfile.info(source).duration)


def test_an_excerpt_is_found_where_it_is(archive: Path, model: Classifier, tmp_path: Path) -> None:
    source = archive / "two" / "7.wav"
    index = Index.build(tmp_path / "index", [archive], model)
    start_s, end_s = 4 * HOP / SAMPLE_RATE, (6 * HOP + WINDOW) / SAMPLE_RATE
    hits = index.search(auscult.Excerpt(source, start_s, end_s), model, k=100)
    assert (hits[0].source, hits[0].score) == (str(source), 1.0)
    assert (hits[0].start_s, hits[0].end_s) == pytest.approx((start_s, end_s))
    for one in hits:
        others = [other for other in hits if other.source == one.source and other is not one]
        # Windows overlap by half: spans that share none may share half a window of sound.
        assert all(abs(one.start_s - other.start_s) >= end_s - start_s - HOP / SAMPLE_RATE for other in others)


def test_hits_are_those_of_the_definition(archive: Path, model: Classifier, tmp_path: Path) -> None:
    index = Index.build(tmp_path / "index", [archive], model)
    query = write_sound(tmp_path / "query.wav", 99, 1500)
    embedded = {source: packed(model.embed(source)) for source in index.sources}
    around = sum(rows.astype(np.int64).sum(axis=0) for rows in embedded.values()) / (index.n_windows + 100)

    def direction(rows: np.ndarray) -> np.ndarray:
        seen = rows - around
        mean = (seen / np.linalg.norm(seen, axis=1, keepdims=True)).sum(axis=0)
        return mean / np.linalg.norm(mean)

    asked = packed(model.embed(query))
    best = {}
    for source, rows in embedded.items():
        span = min(len(asked), len(rows))
        best[source] = max(direction(asked) @ direction(rows[row : row + span]) for row in range(len(rows) - span + 1))
    hits = index.search(query, model, k=8, per_recording=True)
    assert [hit.source for hit in hits] == sorted(best, key=lambda source: -best[source])
    assert [hit.score for hit in hits] == pytest.approx([best[hit.source] for hit in hits], abs=2e-5)


def test_recordings_can_be_passed_over(archive: Path, model: Classifier, tmp_path: Path) -> None:
    index = Index.build(tmp_path / "index", [archive], model)
    query = archive / "one" / "3.wav"
    assert str(query) not in [hit.source for hit in index.search(query, model, exclude=[query], k=100)]


def test_neither_threads_nor_groups_change_an_answer(
    archive: Path, model: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index.build(tmp_path / "index", [archive], model)
    query = write_sound(tmp_path / "query.wav", 99, 1500)
    for options in ({"k": 6}, {"k": 3, "per_recording": True}):
        expected = index.search(query, model, **options)
        monkeypatch.setattr("auscult.search.index.GROUP_WINDOWS", 5)
        assert index.search(query, model, workers=3, **options) == expected
        monkeypatch.undo()


def test_an_index_says_what_it_is(archive: Path, model: Classifier, tmp_path: Path) -> None:
    index = Index.build(tmp_path / "index", [archive], model)
    said = json.loads((tmp_path / "index" / "index.json").read_text())
    assert said["format_version"] == 1
    assert (said["model"], said["digest"]) == ("loudest-part", model.digest)
    assert (said["dim"], said["window_samples"], said["hop_samples"]) == (len(CLASSES), WINDOW, HOP)
    assert index.duration_s == pytest.approx(sum(450 + 600 * n for n in range(8)) / SAMPLE_RATE)
    assert repr(index).endswith("8 recordings, 64 windows, 'loudest-part')")


def test_an_empty_index_answers_with_nothing(model: Classifier, archive: Path, tmp_path: Path) -> None:
    index = Index.build(tmp_path / "index", [], model)
    assert index.search(archive / "one" / "0.wav", model) == []


def test_silence_is_found_and_finds(archive: Path, model: Classifier, tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(2000), SAMPLE_RATE)
    index = Index.build(tmp_path / "index", [archive, silence], model)
    scores = [hit.score for hit in index.search(silence, model, k=100)]
    assert scores[0] == 1.0
    assert all(-1 <= score <= 1 for score in scores)


def test_folders_are_added_and_what_is_known_is_not_read_again(
    archive: Path, model: Classifier, tmp_path: Path
) -> None:
    Index.build(tmp_path / "index", [archive / "one"], model)
    outcomes = list(add_sounds(tmp_path / "index", sorted(archive.rglob("*.wav")), model))
    assert [one.n_windows > 0 for one in outcomes] == [False] * 4 + [True] * 4
    Index.build(tmp_path / "whole", [archive / "one", archive / "two"], model)
    assert content(tmp_path / "index") == content(tmp_path / "whole")


def test_a_file_named_twice_is_in_it_once(archive: Path, model: Classifier, tmp_path: Path) -> None:
    file = archive / "one" / "0.wav"
    assert len(Index.build(tmp_path / "index", [file, file, archive / "one" / ".." / "one" / "0.wav"], model)) == 1


def test_changed_files_are_read_again_and_gone_ones_taken_out(archive: Path, model: Classifier, tmp_path: Path) -> None:
    Index.build(tmp_path / "index", [archive], model)
    changed, gone = archive / "one" / "2.wav", archive / "two" / "6.wav"
    write_sound(changed, 77, 2000)
    gone.unlink()
    index = Index.build(tmp_path / "index", [archive], model)
    assert str(gone) not in index.sources
    assert len(index) == 7
    fresh = Index.build(tmp_path / "fresh", index.sources, model)
    query = write_sound(tmp_path / "query.wav", 99, 1500)
    assert index.search(query, model, k=5) == fresh.search(query, model, k=5)


def test_only_what_lay_in_a_named_folder_can_be_gone(archive: Path, model: Classifier, tmp_path: Path) -> None:
    Index.build(tmp_path / "index", [archive], model)
    shutil.rmtree(archive / "two")
    assert len(Index.build(tmp_path / "index", [archive / "one"], model)) == 8
    # A folder that is not there is a disk that is not there.
    assert list(add_sounds(tmp_path / "index", [], model, gone_from=[archive / "two"])) == []
    assert len(Index.open(tmp_path / "index")) == 8
    assert len(Index.build(tmp_path / "index", [archive], model)) == 4


def test_an_index_and_its_archive_may_be_moved_together(
    archive: Path, model: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    index = Index.build("index", ["archive"], model)
    assert index.sources[0] == os.path.join("archive", "one", "0.wav")
    (tmp_path / "elsewhere").mkdir()
    for name in ("index", "archive"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    # Wherever one is, and however the recordings are named, they are those of the index.
    for place, where, named in (
        (tmp_path / "elsewhere", "index", "archive"),
        (tmp_path / "elsewhere" / "archive", "../index", "."),
        (tmp_path, "elsewhere/index", str(tmp_path / "elsewhere" / "archive")),
        (tmp_path, str(tmp_path / "elsewhere" / "index"), "elsewhere/archive"),
    ):
        monkeypatch.chdir(place)
        sounds = sorted(str(path) for path in Path(named).rglob("*.wav"))
        assert [one.n_windows for one in add_sounds(where, sounds, model, gone_from=[named]) if one] == [0] * 8
        index = Index.open(where)
        hits = index.search(sounds[3], model, k=8, per_recording=True)
        assert os.path.samefile(hits[0].source, sounds[3])
        assert sounds[3] not in [hit.source for hit in index.search(sounds[3], model, k=100, exclude=[sounds[3]])]
    (tmp_path / "elsewhere" / "archive" / "two" / "7.wav").unlink()
    assert len(Index.build(where, [named], model)) == 7


def test_the_same_recording_by_two_names_is_one(
    archive: Path, model: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive)
    index = Index.build(tmp_path / "index", ["one/0.wav", archive / "one" / "0.wav", "./one/0.wav"], model)
    assert index.sources == (str(archive / "one" / "0.wav"),)
    assert (tmp_path / "index" / "recordings-1.jsonl").read_text().startswith('{"source": "../archive/one/0.wav"')
    write_sound(archive / "one" / "0.wav", 5, 900)
    assert len(Index.build(tmp_path / "index", [archive / "one" / "0.wav"], model)) == 1


def test_an_index_of_mostly_old_rows_is_written_anew(archive: Path, model: Classifier, tmp_path: Path) -> None:
    Index.build(tmp_path / "index", [archive], model)
    for file in (archive / "two").glob("*.wav"):
        file.unlink()
    index = Index.build(tmp_path / "index", [archive], model)
    kept = content(tmp_path / "index")
    assert {"vectors-2.i16", "recordings-2.jsonl"} < set(kept)
    assert "vectors-1.i16" not in kept
    assert len(kept["vectors-2.i16"]) == index.n_windows * len(CLASSES) * 2
    fresh = Index.build(tmp_path / "fresh", [archive], model)
    query = write_sound(tmp_path / "query.wav", 99, 1500)
    assert index.search(query, model) == fresh.search(query, model)


def test_bad_files_are_named_and_cost_nothing_else(archive: Path, model: Classifier, tmp_path: Path) -> None:
    good = Index.build(tmp_path / "good", [archive], model)
    (archive / "one" / "0a.wav").write_bytes(b"")
    (archive / "one" / "3a.wav").write_bytes(b"RIFF but no sound")
    (archive / "two" / "5a.wav").mkdir()
    whole = (archive / "two" / "7.wav").read_bytes()
    (archive / "two" / "6a.flac").write_bytes(whole[: len(whole) // 2])
    values = sound(1)
    values[2500] = np.nan
    soundfile.write(archive / "two" / "6b.wav", values, SAMPLE_RATE, subtype="FLOAT")
    problems: list[InputError] = []
    named = [*sorted(archive.rglob("*.wav")), archive / "missing.wav"]
    index = Index.build(tmp_path / "index", named, model, on_error=problems.append)
    assert {Path(problem.source).name for problem in problems} >= {"0a.wav", "3a.wav", "6b.wav", "missing.wav"}
    assert content(tmp_path / "index") == content(tmp_path / "good")
    assert index.sources == good.sources
    with pytest.raises(InputError, match=r"0a\.wav"):
        Index.build(tmp_path / "another", named, model)
    assert len(Index.open(tmp_path / "another")) == 8


def test_another_model_is_refused(archive: Path, model: Classifier, model_file: Path, tmp_path: Path) -> None:
    index = Index.build(tmp_path / "index", [archive], model)
    spec = tiny_spec(("x", "y", "z", "u", "v", "w"), part_samples=PART)
    other = auscult.load(write_tiny_model(tmp_path / "other.onnx", spec))
    with pytest.raises(UsageError, match="is an index of the model 'loudest-part'"):
        Index.build(tmp_path / "index", [archive], other)
    with pytest.raises(UsageError, match="embeddings of another"):
        index.search(archive / "one" / "0.wav", other)
    hopping = auscult.load(model_file, hop_s=WINDOW / SAMPLE_RATE)
    with pytest.raises(UsageError, match=r"open it with a hop of 0\.0375 s"):
        Index.build(tmp_path / "index", [archive], hopping)


def test_a_search_opens_the_model_that_the_index_names(archive: Path, model_file: Path, tmp_path: Path) -> None:
    hopping = auscult.load(model_file, hop_s=WINDOW / SAMPLE_RATE)
    Index.build(tmp_path / "index", [archive], hopping)
    index = Index.open(tmp_path / "index")
    assert index.opened_as == str(model_file)
    assert index.search(archive / "one" / "3.wav", k=1)[0].score == 1.0


@pytest.mark.parametrize("k", [0, -1, 2.5, True])
def test_how_many_is_a_count(archive: Path, model: Classifier, tmp_path: Path, k: object) -> None:
    index = Index.build(tmp_path / "index", [archive / "one"], model)
    with pytest.raises(UsageError, match="'k' parameter"):
        index.search(archive / "one" / "0.wav", model, k=k)


def test_two_writers_do_not_meet(archive: Path, model: Classifier, tmp_path: Path) -> None:
    Index.build(tmp_path / "index", [archive / "one"], model)
    with FileLock(tmp_path / "index" / ".lock"), pytest.raises(UsageError, match="another process writes this index"):
        Index.build(tmp_path / "index", [archive], model)
    # Reading needs no lock.
    with FileLock(tmp_path / "index" / ".lock"):
        assert len(Index.open(tmp_path / "index")) == 4


def test_an_open_index_answers_of_what_was_there(archive: Path, model: Classifier, tmp_path: Path) -> None:
    before = Index.build(tmp_path / "index", [archive / "one"], model)
    query = archive / "two" / "7.wav"
    expected = before.search(query, model)
    Index.build(tmp_path / "index", [archive], model)
    assert before.search(query, model) == expected
    assert Index.open(tmp_path / "index").search(query, model)[0].score == 1.0


def test_other_folders_are_left_alone(archive: Path, model: Classifier, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must be a new or empty folder"):
        Index.build(archive, [archive], model)
    with pytest.raises(OutputError, match="is a file"):
        Index.build(archive / "one" / "0.wav", [archive], model)
    with pytest.raises(UsageError, match=r"is no index; make one with: auscult embed"):
        Index.open(tmp_path)


def spoil_json(index: Path) -> None:
    (index / "index.json").write_text("{")


def spoil_version(index: Path) -> None:
    said = json.loads((index / "index.json").read_text())
    (index / "index.json").write_text(json.dumps({**said, "format_version": 2}))


def spoil_fields(index: Path) -> None:
    (index / "index.json").write_text('{"format_version": 1, "dim": 3}')


def spoil_vectors(index: Path) -> None:
    os.truncate(index / "vectors-1.i16", 100)


def lose_vectors(index: Path) -> None:
    (index / "vectors-1.i16").unlink()


def spoil_line(index: Path) -> None:
    path = index / "recordings-1.jsonl"
    path.write_bytes(path.read_bytes().replace(b"{", b"(", 1))


def lose_line(index: Path) -> None:
    path = index / "recordings-1.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_json, r"damaged: index\.json cannot be read"),
        (spoil_version, "made by a newer auscult"),
        (spoil_fields, r"damaged: index\.json lacks or garbles"),
        (spoil_vectors, r"damaged: vectors-1\.i16 holds 100 bytes"),
        (lose_vectors, r"damaged: .*vectors-1\.i16 cannot be read"),
        (spoil_line, r"damaged: line 1 of recordings-1\.jsonl cannot be read"),
        (lose_line, r"damaged: line 1 of recordings-1\.jsonl does not begin where"),
    ],
)
def test_a_damaged_index_is_named(archive: Path, model: Classifier, tmp_path: Path, spoil, said: str) -> None:
    Index.build(tmp_path / "index", [archive], model)
    spoil(tmp_path / "index")
    for use in (lambda: Index.open(tmp_path / "index"), lambda: Index.build(tmp_path / "index", [archive], model)):
        with pytest.raises(UsageError, match=said):
            use()


def test_a_damaged_byte_makes_no_wrong_answer(archive: Path, model: Classifier, tmp_path: Path) -> None:
    """Of any file, at any place: what is said is true or an error, but for what is not found among damaged vectors."""
    Index.build(tmp_path / "index", [archive], model)
    query = archive / "one" / "3.wav"
    expected = Index.open(tmp_path / "index").search(query, model, k=100)
    random = np.random.default_rng(0)
    n_found_out = dict.fromkeys(["index.json", "recordings-1.jsonl", "vectors-1.i16", "totals.i64", "reading.json"], 0)
    assert set(content(tmp_path / "index")) == set(n_found_out)
    for name in n_found_out:
        path = tmp_path / "index" / name
        whole = path.read_bytes()
        for _ in range(60):
            spoiled = bytearray(whole)
            spoiled[random.integers(len(whole))] ^= 1 << int(random.integers(8))
            path.write_bytes(spoiled)
            try:
                found = Index.open(tmp_path / "index").search(query, model, k=100)
            except UsageError:
                n_found_out[name] += 1
            else:
                assert found == expected
        path.write_bytes(whole)
    assert n_found_out == dict(n_found_out, **{"recordings-1.jsonl": 60, "vectors-1.i16": 60, "totals.i64": 0})
    assert n_found_out["index.json"] >= 59


def test_an_index_that_is_written_anew_while_it_is_opened_is_opened_anew(
    archive: Path, model: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Index.build(tmp_path / "index", [archive], model)
    read_table = Folder.read_table
    for before in (True, False):

        def slow(self: Folder, description: Description, is_before: bool = before) -> Table:
            monkeypatch.setattr(Folder, "read_table", read_table)
            if is_before:
                building.compact(self)
            table = read_table(self, description)
            if not is_before:
                building.compact(self)
            return table

        monkeypatch.setattr(Folder, "read_table", slow)
        assert len(Index.open(tmp_path / "index")) == 8


def test_sums_that_are_lost_or_old_are_made_again(archive: Path, model: Classifier, tmp_path: Path) -> None:
    index = Index.build(tmp_path / "index", [archive], model)
    expected = index.search(archive / "one" / "2.wav", model)
    for spoiled in (b"", b"\x93NUMPY", b"nonsense"):
        (tmp_path / "index" / "totals.i64").write_bytes(spoiled)
        assert Index.open(tmp_path / "index").search(archive / "one" / "2.wav", model) == expected
    Index.build(tmp_path / "index", [archive], model)
    folder = Folder(tmp_path / "index")
    description = folder.describe()
    assert folder.read_totals(description, folder.read_table(description)) is not None


def test_what_a_kill_leaves_is_cut_off(archive: Path, model: Classifier, tmp_path: Path) -> None:
    Index.build(tmp_path / "whole", [archive], model)
    Index.build(tmp_path / "index", [archive / "one"], model)
    with open(tmp_path / "index" / "vectors-1.i16", "ab") as file:
        file.write(b"half a recording")
    with open(tmp_path / "index" / "recordings-1.jsonl", "ab") as file:
        file.write(b'{"source": "half a li')
    (tmp_path / "index" / "vectors-2.i16").write_bytes(b"of a generation that never counted")
    assert len(Index.open(tmp_path / "index")) == 4
    Index.build(tmp_path / "index", [archive], model)
    assert content(tmp_path / "index") == content(tmp_path / "whole")


def test_a_closed_iterator_keeps_what_was_done(archive: Path, model: Classifier, tmp_path: Path) -> None:
    outcomes = add_sounds(tmp_path / "index", sorted(archive.rglob("*.wav")), model)
    assert isinstance(next(outcomes), Added)
    next(outcomes)
    outcomes.close()
    assert len(Index.open(tmp_path / "index")) == 2


KILLED = """
import sys, time
from pathlib import Path
import auscult
from auscult.search import add_sounds, building
building.COMMIT_EVERY_S = 0
index, model, sounds = sys.argv[1:]
for n, done in enumerate(add_sounds(index, sorted(Path(sounds).rglob("*.wav")), auscult.load(model), workers=2)):
    print(n, flush=True)
    time.sleep(0.05)
"""


def test_a_killed_run_goes_on_to_the_same_index(
    archive: Path, model: Classifier, model_file: Path, tmp_path: Path
) -> None:
    Index.build(tmp_path / "whole", [archive], model)
    for until in (1, 2, 5):
        command = [sys.executable, "-c", KILLED, str(tmp_path / "index"), str(model_file), str(archive)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(until):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        assert process.returncode in (-signal.SIGKILL, 0)
    Index.build(tmp_path / "index", [archive], model)
    assert content(tmp_path / "index") == content(tmp_path / "whole")


def test_a_file_that_ends_the_process_is_left_out_until_it_changes(
    archive: Path, model: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = (archive / "one" / "1.wav").rename(archive / "one" / "crash.wav"), archive / "one" / "2.wav"
    Index.build(tmp_path / "index", [archive / "two"], model)
    # What a crash leaves: two files were being read, and a longer note had stood there.
    noted = json.dumps([str(bad), str(good)]) + "\n" + "of before"
    (tmp_path / "index" / "reading.json").write_text(noted)
    with monkeypatch.context() as patch:
        for name, value in crashing_environment(tmp_path).items():
            patch.setenv(name, value)
        problems: list[InputError] = []
        assert len(Index.build(tmp_path / "index", [archive], model, on_error=problems.append)) == 7
    said = f"{bad}: reading it ended the process (SIGSEGV), also in one of its own; copy or convert it again"
    assert [str(one).startswith(said) for one in problems] == [True]
    # It is not tried again, and so cannot end this process.
    problems = []
    assert len(Index.build(tmp_path / "index", [archive], model, on_error=problems.append)) == 7
    assert [str(one).startswith(said) for one in problems] == [True]
    write_sound(bad, 5, 2500)
    assert len(Index.build(tmp_path / "index", [archive], model)) == 8


def test_files_that_a_kill_found_open_are_well(archive: Path, model: Classifier, tmp_path: Path) -> None:
    Index.build(tmp_path / "whole", [archive], model)
    (tmp_path / "index").mkdir()
    Index.build(tmp_path / "index", [], model)
    (tmp_path / "index" / "reading.json").write_text(json.dumps([str(archive / "one" / "1.wav"), "gone.wav"]) + "\n")
    Index.build(tmp_path / "index", [archive], model)
    assert content(tmp_path / "index") == content(tmp_path / "whole")


def test_a_full_disk_is_named_and_costs_nothing(
    archive: Path, model: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Index.build(tmp_path / "index", [archive / "one"], model)
    before = content(tmp_path / "index")

    def full(file: object, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(building, "_write", full)
        with pytest.raises(OutputError, match="No space left on device"):
            Index.build(tmp_path / "index", [archive], model)
    assert content(tmp_path / "index") == before


def test_memory_does_not_grow_with_the_recording(model: Classifier, tmp_path: Path) -> None:
    """Peaks of Python's and numpy's memory, over recordings of 10,000 and of 50,000 windows."""
    peaks = []
    for n_windows in (10_000, 50_000):
        file = write_sound(tmp_path / f"{n_windows}.wav", 1, n_windows * HOP)
        tracemalloc.start()
        Index.build(tmp_path / f"index-{n_windows}", [file], model).search(
            auscult.Excerpt(file, 0, 0.3), model, k=3, workers=1
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert len(model.embed(tmp_path / "50000.wav")) > 49_000
    # The sound of the longer one takes 38 MB more than that of the other; how much waits for a thread is luck.
    assert peaks[1] < peaks[0] + 8_000_000


def test_names_that_are_not_utf8_are_kept(model: Classifier, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    try:
        write_sound(tmp_path / "ok.wav", 0).rename(tmp_path / name)
    except OSError:
        pytest.skip("this file system takes no such name")
    index = Index.build(tmp_path / "index", [tmp_path / name], model)
    assert index.search(tmp_path / name, model)[0].source == str(tmp_path / name)
    assert os.fsencode(index.sources[0]).endswith(b"caf\xe9.wav")


def test_time_of_change_counts_where_size_is_the_same(archive: Path, model: Classifier, tmp_path: Path) -> None:
    Index.build(tmp_path / "index", [archive], model)
    file = write_sound(archive / "one" / "1.wav", 55, 1050)
    os.utime(file, ns=(time.time_ns(), time.time_ns() + 10**9))
    outcomes = list(add_sounds(tmp_path / "index", [file], model))
    assert [one.n_windows for one in outcomes] == [3]
