"""What holds for every known corpus: its card, and the whole way from its archives to clips."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from auscult import downloads
from auscult.data import Dataset, SourceKind, open_dataset
from auscult.data.corpora import checking
from auscult.data.corpora.checking import check_files
from auscult.data.corpora.keeping import fetch_tree
from auscult.data.corpora.registry import (
    CORPORA,
    corpus_folder,
    find_corpus,
    kept_folder,
    named_corpus,
    read_corpus,
    validate,
)
from auscult.data.narrowing import read_label_map
from auscult.errors import DataError, DownloadError, OutputError
from auscult.progress import bytes_in_words
from tests import file_server
from tests.corpus_trees import SMALL, Small
from tests.folder_server import FolderServer

DIGITS = {"md5": 32, "sha1": 40, "sha256": 64}


def test_every_corpus_has_one_in_small() -> None:
    assert list(SMALL) == list(CORPORA)


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=lambda corpus: corpus.name)
def test_a_card_is_whole(corpus) -> None:
    assert re.fullmatch("[a-z0-9_]+", corpus.name)
    assert corpus.title
    assert corpus.summary
    assert not corpus.summary.endswith(".")
    assert corpus.citation
    assert corpus.homepage.startswith("https://")
    assert corpus.licence in {"CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-3.0", "NOASSERTION"}
    assert ("NC" in corpus.licence) <= (not corpus.commercial)
    assert corpus.n_clips > 0
    assert corpus.n_classes > 1
    assert corpus.limits.n_files > corpus.n_clips
    assert corpus.limits.n_bytes < 1 << 37
    for remote in corpus.remotes:
        assert remote.url.startswith("https://")
        algorithm, _, digest = remote.checksum.partition(":")
        assert re.fullmatch(f"[0-9a-f]{{{DIGITS[algorithm]}}}", digest)
        assert remote.size_bytes > 1000
        assert re.fullmatch(r"[\w.-]+\.(zip|z\d\d|tar\.gz)", remote.name)
    assert len({remote.name for remote in corpus.remotes}) == len(corpus.remotes)
    for archive in corpus.archives:
        assert archive.parts[-1].name.endswith((".zip", ".tar.gz"))
    assert bool(corpus.notice) == (not corpus.commercial or bool(corpus.terms))


def test_a_corpus_that_is_not_known_is_told_with_those_that_are() -> None:
    with pytest.raises(DataError, match="'ESC-50' is not the name of a known corpus; did you mean 'esc50'"):
        named_corpus("ESC-50")
    with pytest.raises(DataError, match="they are esc10, esc50, urbansound8k"):
        named_corpus("zzz")


def test_a_tree_is_known_by_its_layout(small: Small, tmp_path: Path) -> None:
    root = small.write_tree(tmp_path / "tree")
    found = find_corpus(root)
    assert found is not None
    assert found[0].name == (small.corpus.tree or small.corpus.name)
    dataset = open_dataset(root)
    assert dataset.source_kind == found[0].name
    assert dataset.source_kind in {name for kind in get_args(SourceKind) for name in (get_args(kind) or (kind,))}
    assert dataset.problems == ()
    assert dataset.task == small.corpus.task


def test_no_other_tree_is_taken_for_a_corpus(tmp_path: Path, sounds: Path) -> None:
    assert find_corpus(sounds) is None
    (tmp_path / "empty").mkdir()
    assert find_corpus(tmp_path / "empty") is None
    assert find_corpus(tmp_path / "absent") is None


def test_from_the_server_to_clips(served: Small, server: FolderServer, home: Path) -> None:
    name = served.corpus.name
    assert kept_folder(name) is None
    dataset = Dataset.from_corpus(name, quiet=True)
    folder = home / "corpora" / (served.corpus.tree or name)
    assert dataset.root == kept_folder(name) == corpus_folder(name, quiet=True) == folder
    assert dataset.problems == ()
    assert len(dataset) > 0
    assert sorted(server.asked) == sorted(remote.name for remote in served.corpus.remotes)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    sums = found.pop(checking.SUMS).decode()
    assert found == served.files
    assert sums == checking.sums_text({name: hashlib.sha256(data).hexdigest() for name, data in found.items()})
    # Nothing that was needed on the way is left, but for the lock.
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, f"{folder.name}.lock"}
    # The second time nothing is asked for.
    assert Dataset.from_corpus(name, quiet=True).digest() == dataset.digest()
    assert len(server.asked) == len(served.corpus.remotes)


def test_the_name_of_a_corpus_is_a_source(served: Small, server: FolderServer) -> None:
    dataset = open_dataset(served.corpus.name)
    assert dataset.digest() == Dataset.from_corpus(served.corpus.name).digest()


def test_a_tree_of_ones_own(small: Small, tmp_path: Path, home: Path) -> None:
    root = small.write_tree(tmp_path / "tree")
    dataset = Dataset.from_corpus(small.corpus.name, root)
    assert dataset.problems == ()
    assert dataset.root == root
    assert not home.exists()
    with pytest.raises(DataError, match=f"is not the tree of {re.escape(small.corpus.title)}; give the folder that"):
        Dataset.from_corpus(small.corpus.name, tmp_path)
    with pytest.raises(DataError, match="there is no such folder"):
        read_corpus(small.corpus.name, tmp_path / "absent")


def test_missing_and_corrupt_files_are_named(served: Small, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What others published is of the true files; without it the list from unpacking is used.
    monkeypatch.setitem(CORPORA, served.corpus.name, replace(served.corpus, published=""))
    name = served.corpus.name
    with pytest.raises(DataError, match=f"not here yet; fetch it with auscult data corpora get {name}"):
        validate(name)
    folder = corpus_folder(name, quiet=True)
    whole = validate(name, quiet=True)
    assert whole.is_whole
    assert whole.n_files == len(served.files)
    gone, flipped, grown = sorted(file for file in served.files if file.endswith((".wav", ".mp3")))[:3]
    (folder / gone).unlink()
    content = bytearray((folder / flipped).read_bytes())
    content[-1] ^= 1
    (folder / flipped).write_bytes(content)
    with open(folder / grown, "ab") as file:
        file.write(b"\0")
    found = validate(name, folder, quiet=True)
    assert (found.missing, found.corrupt) == ((gone,), (flipped, grown))
    assert not found.is_whole


def test_what_comes_other_than_published_is_refused(served: Small, server: FolderServer, home: Path) -> None:
    last = served.corpus.remotes[-1]
    content = bytearray((server.folder / last.name).read_bytes())
    content[len(content) // 2] ^= 1
    (server.folder / last.name).write_bytes(content)
    with pytest.raises(
        DownloadError, match=r"what the server sends is not the file: its .* or bring the file"
    ) as error:
        corpus_folder(served.corpus.name, quiet=True)
    assert error.value.kind == "damaged"
    assert kept_folder(served.corpus.name) is None


def test_copies_brought_by_hand_are_taken_whatever_their_names(
    served: Small, server: FolderServer, tmp_path: Path, home: Path
) -> None:
    copies = []
    for number, remote in enumerate(served.corpus.remotes):
        copies.append(tmp_path / f"copy {number}")
        copies[-1].write_bytes((server.folder / remote.name).read_bytes())
    folder = fetch_tree(served.corpus, to=tmp_path / "mine", copies=copies, quiet=True)
    assert server.asked == []
    assert Dataset.from_corpus(served.corpus.name, folder).problems == ()
    assert all(copy.is_file() for copy in copies)
    assert not (tmp_path / ".mine.partial").exists()
    # Kept is kept: the user's folder is not where corpora are kept.
    assert kept_folder(served.corpus.name) is None


def test_a_folder_of_copies(served: Small, server: FolderServer, tmp_path: Path) -> None:
    fetch_tree(served.corpus, copies=[server.folder], quiet=True)
    assert server.asked == []
    with pytest.raises(DataError, match=r"none of the files of .* is in this folder"):
        fetch_tree(served.corpus, to=tmp_path / "mine", copies=[tmp_path], quiet=True)


def test_a_copy_that_is_another_file_is_refused(served: Small, tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    other.write_bytes(b"other")
    with pytest.raises(DataError, match=r"is none of the files of .* has 5 bytes where .* They are at http"):
        fetch_tree(served.corpus, to=tmp_path / "mine", copies=[other], quiet=True)
    with pytest.raises(DataError, match=r"is none of the files of .* there is no such file"):
        fetch_tree(served.corpus, to=tmp_path / "mine", copies=[tmp_path / "absent.zip"], quiet=True)
    assert not (tmp_path / "mine").exists()


def test_a_folder_with_something_in_it_is_left_alone(served: Small, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    fetch_tree(served.corpus, to=tmp_path / "mine", quiet=True)
    assert find_corpus(tmp_path / "mine") is not None
    with pytest.raises(OutputError, match="is there already, and is not empty"):
        fetch_tree(served.corpus, to=tmp_path / "mine", quiet=True)


def test_the_terms_are_said_before_anything_is_fetched(
    served: Small, server: FolderServer, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for remote in served.corpus.remotes:
        (server.folder / remote.name).unlink()
    with pytest.raises(DownloadError):
        corpus_folder(served.corpus.name)
    said = capsys.readouterr().err
    if served.corpus.notice:
        assert said.splitlines()[0] == served.corpus.notice
    else:
        assert "licence" not in said


def test_after_a_failure_the_archives_that_are_unpacked_are_not_fetched_again(
    server: FolderServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = SMALL["fsd50k"]().write_archives(server.folder, server.url)
    monkeypatch.setitem(CORPORA, "fsd50k", corpus)
    (server.folder / "FSD50K.dev_audio.z03").rename(server.folder / "away")
    with pytest.raises(DownloadError, match=r"FSD50K\.dev_audio\.z03 could not be fetched"):
        corpus_folder("fsd50k", quiet=True)
    (server.folder / "away").rename(server.folder / "FSD50K.dev_audio.z03")
    corpus_folder("fsd50k", quiet=True)
    asked = Counter(server.asked)
    assert asked.pop("FSD50K.dev_audio.z03") == 2
    assert set(asked.values()) == {1}


@pytest.mark.parametrize("name", ["yesno", "fsd50k"])
def test_a_kill_at_any_moment_leaves_no_half_tree(name: str, tmp_path: Path, home: Path, server: FolderServer) -> None:
    small = SMALL[name]()
    small.write_archives(server.folder, server.url)
    program = (
        "import sys, pathlib; from tests.corpus_trees import SMALL;"
        "from auscult.data.corpora.keeping import fetch_tree;"
        "small = SMALL[sys.argv[1]](); corpus = small.write_archives(pathlib.Path(sys.argv[2]), sys.argv[3]);"
        "sys.stdout.write('begin\\n'); sys.stdout.flush();"
        "fetch_tree(corpus, copies=[sys.argv[2]], quiet=True)"
    )
    begun = f"{sys.executable}", "-c", program, name, str(tmp_path / "packed"), server.url
    tree = home / "corpora" / name
    for milliseconds in (0, 2, 8, 32):
        process = subprocess.Popen(begun, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(milliseconds / 1000)
        process.kill()
        process.communicate()
        if tree.exists():
            break
    corpus = SMALL[name]().write_archives(tmp_path / "packed", server.url)
    fetch_tree(corpus, copies=[tmp_path / "packed"], quiet=True)
    found = {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    del found[checking.SUMS]
    assert found == small.files
    assert [path.name for path in tree.parent.iterdir() if path.name.startswith(".")] == []


def test_a_broken_download_goes_on_where_it_broke(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(downloads, "PATIENCE", downloads.Patience(attempts=1))
    small = SMALL["yesno"]()
    corpus = small.write_archives(tmp_path / "packed", "http://127.0.0.1:1")
    (archive,) = corpus.archives
    (remote,) = archive.parts
    content = (tmp_path / "packed" / remote.name).read_bytes()
    with file_server.serving(content) as server:
        server.answers = [file_server.cut_off(500), file_server.whole]
        here = replace(remote, url=f"http://127.0.0.1:{server.server_port}/{remote.name}")
        corpus = replace(corpus, archives=(replace(archive, parts=(here,)),))
        with pytest.raises(DownloadError, match="run again later, it goes on where it stopped, or bring the file"):
            fetch_tree(corpus, quiet=True)
        folder = fetch_tree(corpus, quiet=True)
        assert server.ranges == [None, "bytes=500-"]
    assert check_files(corpus, folder, quiet=True).is_whole


def test_an_archive_that_is_not_what_it_should_be_inside_is_refused(tmp_path: Path, home: Path) -> None:
    small = SMALL["yesno"]()
    evil = replace(small, archives={"waves_yesno.tar.gz": {"../evil.wav": b"evil"}})
    corpus = evil.write_archives(tmp_path / "packed", "http://127.0.0.1:1")
    with pytest.raises(DataError, match=r"refused, because of '\.\./evil\.wav' in it"):
        fetch_tree(corpus, copies=[tmp_path / "packed"], quiet=True)
    assert kept_folder("yesno") is None
    assert not list(tmp_path.rglob("evil.wav"))


@pytest.mark.parametrize(("name", "n_files"), [("esc10", 401), ("esc50", 2001), ("urbansound8k", 8733)])
def test_the_lists_in_the_package(name: str, n_files: int) -> None:
    path = Path(checking.__file__).parent / "checksums" / f"{CORPORA[name].published}.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    assert len(lines) == n_files
    assert lines == sorted(lines, key=lambda line: line[34:])
    assert all(re.fullmatch(r"[0-9a-f]{32}  (audio|meta|metadata)/[\w./-]+", line) for line in lines)


def test_the_list_of_esc50_names_the_files_of_the_published_table(shared_data: Path) -> None:
    from auscult.data.tables import read_table

    table = shared_data / "esc50" / "meta" / "esc50.csv"
    path = Path(checking.__file__).parent / "checksums" / "esc50.md5.gz"
    sums = dict(line.split("  ")[::-1] for line in gzip.decompress(path.read_bytes()).decode().splitlines())
    assert sums.pop("meta/esc50.csv") == hashlib.md5(table.read_bytes()).hexdigest()
    rows = read_table(table).rows
    assert set(sums) == {f"audio/{row['filename']}" for row in rows}
    ten = Path(checking.__file__).parent / "checksums" / "esc10.md5.gz"
    of_ten = dict(line.split("  ")[::-1] for line in gzip.decompress(ten.read_bytes()).decode().splitlines())
    assert of_ten.items() <= {**sums, "meta/esc50.csv": of_ten["meta/esc50.csv"]}.items()
    assert set(of_ten) - {"meta/esc50.csv"} == {f"audio/{row['filename']}" for row in rows if row["esc10"] == "True"}


def test_a_published_list_finds_what_is_not_as_published(tmp_path: Path) -> None:
    root = SMALL["esc10"]().write_tree(tmp_path / "tree")
    found = validate("esc10", root, quiet=True)
    assert found.against == "published checksums"
    assert found.n_files == 401
    assert len(found.missing) == 400
    assert found.corrupt == ("meta/esc50.csv",)


def test_the_list_that_a_corpus_brings_along(tmp_path: Path) -> None:
    root = SMALL["fma_small"]().write_tree(tmp_path / "tree")
    assert validate("fma_small", root, quiet=True).is_whole
    (root / "fma_small/000/000002.mp3").write_bytes(b"")
    found = validate("fma_small", root, quiet=True)
    assert found.against == "checksums that it brings along"
    assert (found.missing, found.corrupt) == ((), ("fma_small/000/000002.mp3",))


def test_without_a_list_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    root = SMALL["yesno"]().write_tree(tmp_path / "tree")
    with pytest.raises(DataError, match=r"there is no list of checksums .* --from FILE --to FOLDER"):
        validate("yesno", root)
    for line in ("this is no list", f"{'0' * 64}  ../x", f"{'0' * 64}  /x", f"{'0' * 64}  ", f"{'0' * 63}  x", "x"):
        (root / checking.SUMS).write_text(f"{line}\n")
        with pytest.raises(DataError, match="line 1: is no checksum and path"):
            validate("yesno", root)
    (root / checking.SUMS).write_text("")
    with pytest.raises(DataError, match="holds no checksum"):
        validate("yesno", root)


def test_the_maps_of_labels_name_every_label(shared_data: Path) -> None:
    from auscult.data.tables import read_table

    (name,) = CORPORA["esc50"].maps
    to = read_label_map(name)
    with pytest.raises(DataError, match="cannot be read"):
        read_label_map(f"./{name}")
    rows = read_table(shared_data / "esc50" / "meta" / "esc50.csv").rows
    assert set(to) == {row["category"] for row in rows}
    assert Counter(to.values()) == dict.fromkeys(to.values(), 10)
    # The numbers of the classes run through the five groups, ten each.
    assert {(int(row["target"]) // 10, to[row["category"]]) for row in rows} == {
        (0, "animals"),
        (1, "natural_soundscapes_and_water"),
        (2, "human_non_speech"),
        (3, "interior_domestic"),
        (4, "exterior_urban"),
    }


def test_the_whole_way_for_two_at_once(server: FolderServer, home: Path) -> None:
    small = SMALL["yesno"]()
    corpus = small.write_archives(server.folder, server.url)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: fetch_tree(corpus, quiet=True), range(4)))
    assert folders == {home / "corpora" / "yesno"}
    assert server.asked == ["waves_yesno.tar.gz"]
    assert os.listdir(home / "corpora" / "yesno")


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=lambda corpus: corpus.name)
def test_the_table_in_the_documents_is_of_the_cards(corpus) -> None:
    text = (Path(__file__).parents[3] / "docs" / "reference" / "corpora.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith(f"| `{corpus.name}` |")]
    hours = "-" if corpus.hours is None else f"{corpus.hours:g}"
    task = "one label a clip" if corpus.task == "single_label" else "any number"
    said = [cell.strip() for cell in line.strip("|").split("|")]
    assert said[1:] == [
        f"[{corpus.title}]({corpus.homepage})",
        f"{corpus.n_clips:,}",
        hours,
        str(corpus.n_classes),
        task,
        corpus.splits or "none",
        corpus.groups or "not known",
        corpus.licence,
        bytes_in_words(corpus.size_bytes),
    ]
