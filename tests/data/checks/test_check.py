"""A check of small datasets, each with something wrong that was put there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.data import Dataset, Reading, open_dataset
from auscult.data.checks import Check, check
from auscult.data.checks.summary import check_to_dict, classes_of, clips_csv, near_duplicates_csv, spread
from auscult.records import FloatArray

RATE = 16000
Write = Callable[..., Path]


def noise(seed: int, seconds: float = 2.0) -> FloatArray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a sound of 16-bit samples under the root of the dataset."""

    def written(name: str, samples: FloatArray) -> Path:
        path = tmp_path / "sounds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, RATE)
        return path

    return written


def checked(root: Path) -> Check:
    return check(Dataset.from_folder(root / "sounds"), quiet=True)


def kinds(found: Check) -> list[tuple[str, bool, int]]:
    return [(finding.kind, finding.harms, finding.n) for finding in found.findings]


def test_a_good_dataset_is_harmless(tmp_path: Path, write: Write) -> None:
    for i in range(4):
        write(f"{'dog' if i % 2 else 'cat'}/{i}.wav", noise(i))
    found = checked(tmp_path)
    assert kinds(found) == []
    assert found.is_harmless
    facts = check_to_dict(found)
    assert (facts["ok"], facts["n_clips"], facts["n_files"], facts["seconds"]) == (True, 4, 4, 8.0)
    assert facts["sample_rates"] == {str(RATE): 4}
    assert facts["formats"] == {"WAV PCM_16": 4}
    assert facts["duration_s"] == {"min": 2.0, "median": 2.0, "max": 2.0}
    assert classes_of(found)["dog"] == {"clips": 2, "seconds": 4.0, "groups": 2, "parts": {}}


def test_a_near_duplicate_across_the_split_harms_and_names_the_pair(tmp_path: Path, write: Write) -> None:
    for i, part in enumerate(("train", "train", "test", "test")):
        write(f"{part}/{'dog' if i % 2 else 'cat'}/{i}.wav", noise(i))
    write("test/dog/copy.wav", 0.7 * noise(1)[4000:])
    found = checked(tmp_path)
    assert kinds(found) == [("near_duplicates_across", True, 1)]
    assert "'test/dog/copy.wav' in test and 'train/dog/1.wav' in train" in found.findings[0].text
    (pair,) = found.near_duplicates
    assert (pair.first_part, pair.second_part, pair.same_group) == ("test", "train", False)
    assert pair.offset_s == pytest.approx(-4000 / RATE, abs=0.016)
    assert "test/dog/copy.wav,train/dog/1.wav,dog,dog,test,train,False" in near_duplicates_csv(found)


def test_without_a_split_a_near_duplicate_is_a_note(tmp_path: Path, write: Write) -> None:
    write("dog/1.wav", noise(1))
    write("cat/2.wav", noise(2))
    write("cat/3.wav", noise(1)[: RATE + 5000])
    found = checked(tmp_path)
    assert kinds(found) == [("near_duplicates", False, 1), ("labels_differ", False, 1)]
    assert "a split made here may put them on both sides" in found.findings[0].text
    assert "(cat)" in found.findings[1].text
    assert "(dog)" in found.findings[1].text
    assert found.is_harmless


def test_equal_bytes_across_the_split_leak(tmp_path: Path, write: Write) -> None:
    for i, part in enumerate(("train", "train", "test", "test")):
        write(f"{part}/{'dog' if i % 2 else 'cat'}/{i}.wav", noise(i))
    write("test/dog/again.wav", noise(1))
    found = checked(tmp_path)
    assert kinds(found) == [("leaking_groups", True, 1), ("exact_duplicates", False, 1)]
    (group,) = found.straddling_groups
    assert group.clips == {"test": ("test/dog/again.wav",), "train": ("train/dog/1.wav",)}


def test_groups_on_both_sides_leak(tmp_path: Path, write: Write) -> None:
    rows = ["path,label,split,group"]
    for i, (part, group) in enumerate((("train", "a"), ("train", "b"), ("test", "b"), ("test", "c"))):
        write(f"{i}.wav", noise(i))
        rows.append(f"{i}.wav,{'dog' if i % 2 else 'cat'},{part},{group}")
    table = tmp_path / "sounds" / "clips.csv"
    table.write_text("\n".join(rows) + "\n")
    found = check(Dataset.from_csv(table), quiet=True)
    assert kinds(found) == [("leaking_groups", True, 1)]
    assert "'2.wav' (test) and '1.wav' (train)" in found.findings[0].text


def test_near_duplicates_of_one_group_are_no_finding(tmp_path: Path, write: Write) -> None:
    rows = ["path,label,group"]
    sounds = [noise(0), noise(0)[8000:], noise(2), noise(3)]
    for i, (samples, group) in enumerate(zip(sounds, "aabc", strict=True)):
        write(f"{i}.wav", samples)
        rows.append(f"{i}.wav,{'cat' if i < 2 else 'dog'},{group}")
    table = tmp_path / "sounds" / "clips.csv"
    table.write_text("\n".join(rows) + "\n")
    found = check(Dataset.from_csv(table), quiet=True)
    assert kinds(found) == []
    assert [pair.same_group for pair in found.near_duplicates] == [True]


def test_near_duplicates_across_folds_harm(tmp_path: Path, write: Write) -> None:
    rows = ["path,label,fold"]
    sounds = [noise(0), noise(1), noise(0)[8000:], noise(3)]
    for i, samples in enumerate(sounds):
        write(f"{i}.wav", samples)
        rows.append(f"{i}.wav,{'dog' if i % 2 else 'cat'},{1 + i // 2}")
    table = tmp_path / "sounds" / "clips.csv"
    table.write_text("\n".join(rows) + "\n")
    found = check(Dataset.from_csv(table), quiet=True)
    assert kinds(found) == [("near_duplicates_across", True, 1)]
    assert found.parting.by == "fold"
    assert classes_of(found)["cat"]["parts"] == {"fold 1": 1, "fold 2": 1}


def test_what_cannot_be_read_is_named_with_the_reason(tmp_path: Path, write: Write) -> None:
    for i in range(2):
        write(f"{'dog' if i else 'cat'}/{i}.wav", noise(i))
    (tmp_path / "sounds" / "dog" / "empty.wav").write_bytes(b"")
    vorbis = write("dog/turned.ogg", noise(5))
    content = bytearray(vorbis.read_bytes())
    content[-30] ^= 1  # in the last page, which decoders leave out in silence
    vorbis.write_bytes(content)
    found = checked(tmp_path)
    assert kinds(found) == [("unreadable", True, 2)]
    reasons = {Path(problem.source).name: problem.kind for problem in found.unreadable}
    assert reasons == {"empty.wav": "empty", "turned.ogg": "damaged"}
    assert len(found.clips) == 2
    assert {Path(one["source"]).name for one in check_to_dict(found)["unreadable"]} == set(reasons)


def test_silence_clipping_and_offset_are_notes(tmp_path: Path, write: Write) -> None:
    write("dog/silent.wav", np.zeros(RATE, np.float32))
    write("dog/loud.wav", np.clip(30 * noise(1), -1, 1))
    write("cat/offset.wav", noise(2) + np.float32(0.1))
    found = checked(tmp_path)
    assert kinds(found) == [("silent", False, 1), ("clipping", False, 1), ("dc_offset", False, 1)]
    facts = check_to_dict(found)
    assert facts["silent"] == ["dog/silent.wav"]
    assert [one["clip"] for one in facts["clipping"]] == ["dog/loud.wav"]
    assert facts["dc_offset"][0]["dc_offset"] == pytest.approx(0.1, abs=0.01)
    assert "dog/silent.wav,,,dog,,,,WAV PCM_16,16000,1,1.0,,,0.0,0.0,1.0" in clips_csv(found)


def test_one_class_ten_times_another_is_a_note(tmp_path: Path, write: Write) -> None:
    for i in range(10):
        write(f"dog/{i}.wav", noise(i, 0.2))
    write("cat/0.wav", noise(11, 0.2))
    assert kinds(checked(tmp_path)) == [("imbalance", False, 2)]


def test_a_class_that_is_only_tested_is_a_note(tmp_path: Path, write: Write) -> None:
    for i, name in enumerate(("train/dog", "train/cat", "test/dog", "test/owl")):
        write(f"{name}/{i}.wav", noise(i))
    assert kinds(checked(tmp_path)) == [("not_in_training", False, 1)]


def test_nothing_known_has_no_spread() -> None:
    assert spread([None]) is None


def test_a_recording_in_two_official_folds_is_a_note_for_training_leaves_it_out(tmp_path: Path, write: Write) -> None:
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    for i, (fold, source) in enumerate(((1, 10), (2, 10), (1, 11), (2, 12))):
        name = f"{fold}-{source}-A-{i % 2}.wav"
        write(f"audio/{name}", noise(i))
        rows.append(f"{name},{fold},{i // 2},{'cat' if i < 2 else 'dog'},False,{source},A")
    (tmp_path / "sounds" / "meta").mkdir()
    (tmp_path / "sounds" / "meta" / "esc50.csv").write_text("\n".join(rows) + "\n")
    found = checked(tmp_path)
    assert kinds(found) == [("leaking_groups", False, 1)]
    assert "training leaves the other out" in found.findings[0].text


def test_parts_of_one_recording_may_have_different_labels(tmp_path: Path, write: Write) -> None:
    write("dawn.wav", noise(1, 4.0))
    (tmp_path / "dawn.txt").write_text("0.0\t2.5\twren\n2.0\t4.0\towl\n0.5\t1.9\tlark\n")
    found = check(open_dataset(tmp_path / "dawn.txt", Reading()), quiet=True)
    assert any(pair.same_group and pair.first_label != pair.second_label for pair in found.near_duplicates)
    assert not {"near_duplicates", "labels_differ"} & {kind for kind, _, _ in kinds(found)}


def test_parts_of_one_file_are_told_apart(tmp_path: Path, write: Write) -> None:
    write("day.wav", np.concatenate([noise(1, 1.0), np.zeros(RATE, np.float32), noise(2, 1.0)]))
    sounds = tmp_path / "sounds"
    (sounds / "day.txt").write_text("0\t1\tdog\n1\t2\tcat\n2\t3\tdog\n")
    found = check(Dataset.from_annotations(sounds / "day.txt"), quiet=True)
    assert check_to_dict(found)["silent"] == ["day.wav (1 s to 2 s)"]
    assert "day.wav,1.0,2.0,cat" in clips_csv(found)
