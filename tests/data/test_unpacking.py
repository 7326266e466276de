"""Archives as the corpora have them come out whole; archives that would do harm do none."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.data.unpacking import Limits, problem_with_name, unpack
from auscult.errors import AuscultError, DataError, OutputError
from tests.split_zips import write_split_zip

CONTENT = {"top/a.txt": b"a" * 5000, "top/audio/b.bin": np.random.default_rng(0).bytes(70_000), "top/audio/empty": b""}
LIMITS = Limits(n_bytes=1_000_000, n_files=100)
Archive = Callable[[Path, Mapping[str, bytes]], Path]


def zip_archive(path: Path, content: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def bzip2_zip(path: Path, content: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def tar_bytes(content: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def tar_archive(path: Path, content: Mapping[str, bytes]) -> Path:
    path.write_bytes(tar_bytes(content))
    return path


def tar_gz(path: Path, content: Mapping[str, bytes]) -> Path:
    path.write_bytes(gzip.compress(tar_bytes(content)))
    return path


def tar_bz2(path: Path, content: Mapping[str, bytes]) -> Path:
    path.write_bytes(bz2.compress(tar_bytes(content)))
    return path


def tar_xz(path: Path, content: Mapping[str, bytes]) -> Path:
    path.write_bytes(lzma.compress(tar_bytes(content)))
    return path


KINDS = [zip_archive, bzip2_zip, tar_archive, tar_gz, tar_bz2, tar_xz]


@pytest.fixture(params=KINDS)
def archive(request: pytest.FixtureRequest) -> Archive:
    return request.param


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_come_out_as_they_went_in(archive: Archive, tmp_path: Path) -> None:
    path = archive(tmp_path / "some.archive", CONTENT)
    hashes = unpack([path], tmp_path / "out", limits=LIMITS, quiet=True)
    assert files_in(tmp_path / "out") == CONTENT
    assert hashes == {name: hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()}
    assert {one.name for one in tmp_path.iterdir()} == {"some.archive", "out"}


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        ("top", {"a.txt", "audio/b.bin", "audio/empty"}),
        ("*", {"a.txt", "audio/b.bin", "audio/empty"}),
        ("top/audio", {"b.bin", "empty"}),
    ],
)
def test_a_folder_of_the_archive_can_be_what_is_wanted(
    archive: Archive, tmp_path: Path, inside: str, found: set[str]
) -> None:
    path = archive(tmp_path / "some.archive", CONTENT)
    assert set(unpack([path], tmp_path / "out", limits=LIMITS, inside=inside, quiet=True)) == found
    assert set(files_in(tmp_path / "out")) == found


def test_names_may_begin_with_a_dot_and_a_slash_and_litter_is_left_out(archive: Archive, tmp_path: Path) -> None:
    content = {"./yes/1.wav": b"1", "._yes": b"x", "yes/._1.wav": b"x", "__MACOSX/yes": b"x", "yes/.DS_Store": b"x"}
    unpack([archive(tmp_path / "some.archive", content)], tmp_path / "out", limits=LIMITS, quiet=True)
    assert files_in(tmp_path / "out") == {"yes/1.wav": b"1"}


EVIL = [
    "/etc/x",
    "../x",
    "a/../../x",
    "a//x",
    "C:/x",
    "C:x",
    "a\\..\\x",
    "nul",
    "a/Con.wav",
    "a/x.",
    "a/x ",
    "a/b:stream",
]
EVIL += ["a/./x", "a/\x1b[2J", "com1.tar.gz", "a" * 300]


@pytest.mark.parametrize("name", EVIL)
def test_a_name_that_leads_elsewhere_refuses_the_archive(archive: Archive, tmp_path: Path, name: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path = archive(tmp_path / "some.archive", {"good.txt": b"good", name: b"evil"})
    with pytest.raises(DataError, match=r"refused, because of .* in it: .* Nothing was unpacked"):
        unpack([path], inside / "out", limits=LIMITS, quiet=True)
    assert list(inside.iterdir()) == []
    assert {one.name for one in tmp_path.iterdir()} == {"some.archive", "inside"}


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_a_name_that_passes_stays_below_the_folder(name: str) -> None:
    if not problem_with_name(name):
        path = os.path.normpath(os.path.join("/target", name))
        assert path.startswith("/target/")
        assert path == "/target/" + name
        assert "\\" not in name
        assert ":" not in name


@pytest.mark.parametrize(
    "names", [("a/x.wav", "a/X.wav"), ("a", "a/x.wav"), ("a/x.wav", "a"), ("A/x", "a/y", "a/Y"), ("x", "x")]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_refuse_the_archive(archive: Archive, tmp_path: Path, names: tuple[str, ...]) -> None:
    buffer = {}
    for number, name in enumerate(names):
        buffer[name if name not in buffer else f"./{name}"] = bytes([number])
    path = archive(tmp_path / "some.archive", buffer)
    with pytest.raises(DataError, match="two of its files would have one name"):
        unpack([path], tmp_path / "out", limits=LIMITS, quiet=True)
    assert not (tmp_path / "out").exists()


def with_link(path: Path, kind: bytes) -> Path:
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = kind, "/etc"
        archive.addfile(link)
        entry = tarfile.TarInfo("link/x")
        archive.addfile(entry, io.BytesIO(b""))
    return path


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_links_and_devices_in_a_tar_refuse_it(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(DataError, match=r"'link' in it: it is a link or a device"):
        unpack([with_link(tmp_path / "some.tar", kind)], tmp_path / "out", limits=LIMITS, quiet=True)
    assert not (tmp_path / "out").exists()


def test_links_in_a_zip_refuse_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc")
    with pytest.raises(DataError, match="a link or a device"):
        unpack([tmp_path / "some.zip"], tmp_path / "out", limits=LIMITS, quiet=True)


def test_too_many_bytes_refuse_the_archive(archive: Archive, tmp_path: Path) -> None:
    bomb = archive(tmp_path / "some.archive", {"zeros": bytes(2_000_000)})
    with pytest.raises(DataError, match=r"unpacks to more than 1\.0 MB"):
        unpack([bomb], tmp_path / "out", limits=LIMITS, quiet=True)
    assert {one.name for one in tmp_path.iterdir()} == {"some.archive"}


def test_too_many_files_refuse_the_archive(archive: Archive, tmp_path: Path) -> None:
    path = archive(tmp_path / "some.archive", {f"{i}": b"" for i in range(101)})
    with pytest.raises(DataError, match="unpacks to more than 100 files"):
        unpack([path], tmp_path / "out", limits=LIMITS, quiet=True)


def test_a_zip_that_lies_about_sizes_is_stopped_by_the_bytes_that_come(tmp_path: Path) -> None:
    path = zip_archive(tmp_path / "some.zip", {"zeros": bytes(2_000_000)})
    content = path.read_bytes().replace((2_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(content)
    with pytest.raises(DataError):
        unpack([path], tmp_path / "out", limits=LIMITS, quiet=True)
    assert not (tmp_path / "out").exists()


@settings(max_examples=80, deadline=None)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 10**6), cut=st.booleans())
def test_a_damaged_archive_gives_all_files_or_an_error(kind: Archive, seed: int, cut: bool, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = kind(folder / "some.archive", CONTENT)
    generator = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    if cut:
        del data[int(generator.integers(len(data))) :]
    else:
        for position in generator.integers(len(data), size=3):
            data[position] ^= int(generator.integers(1, 256))
    path.write_bytes(data)
    try:
        unpack([path], folder / "out", limits=LIMITS, quiet=True)
    except AuscultError:
        assert not (folder / "out").exists()
    else:
        assert (folder / "out").is_dir()
    assert {one.name for one in folder.iterdir()} <= {"some.archive", "out"}
    shutil.rmtree(folder)


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = zip_archive(tmp_path / "some.zip", CONTENT)
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="is there already"):
        unpack([path], tmp_path / "out", limits=LIMITS, quiet=True)


def test_an_archive_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.zip: there is no such file"):
        unpack([tmp_path / "none.zip"], tmp_path / "out", limits=LIMITS, quiet=True)


def test_an_archive_without_what_is_wanted_is_refused(archive: Archive, tmp_path: Path) -> None:
    path = archive(tmp_path / "some.archive", CONTENT)
    with pytest.raises(DataError, match="holds no file in 'elsewhere'"):
        unpack([path], tmp_path / "out", limits=LIMITS, inside="elsewhere", quiet=True)


def test_a_kill_leaves_nothing_under_the_name_and_the_next_attempt_succeeds(tmp_path: Path) -> None:
    content = {f"{i}.bin": bytes(200_000) for i in range(300)}
    path = tar_gz(tmp_path / "some.tar.gz", content)
    program = (
        "import sys; from pathlib import Path; from auscult.data.unpacking import *;"
        "unpack([Path(sys.argv[1])], sys.argv[2], limits=Limits(), quiet=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, path, tmp_path / "out"])
    partial = tmp_path / ".out.partial"
    while process.poll() is None and not (partial.is_dir() and any(partial.iterdir())):
        time.sleep(0.001)
    process.kill()
    process.wait()
    if partial.exists():  # killed while it wrote, as it nearly always is
        assert not (tmp_path / "out").exists()
        unpack([path], tmp_path / "out", limits=Limits(), quiet=True)
    assert set(files_in(tmp_path / "out")) == set(content)
    assert {one.name for one in tmp_path.iterdir()} == {"some.tar.gz", "out"}


@pytest.mark.parametrize("n_pieces", [2, 3, 7])
def test_the_pieces_of_a_split_zip_are_read_as_one(tmp_path: Path, n_pieces: int) -> None:
    pieces = write_split_zip(tmp_path / "some.zip", CONTENT, n_pieces=n_pieces)
    assert [piece.name for piece in pieces] == [*(f"some.z{i:02}" for i in range(1, n_pieces)), "some.zip"]
    unpack(pieces, tmp_path / "out", limits=LIMITS, inside="top", quiet=True)
    assert files_in(tmp_path / "out") == {name.removeprefix("top/"): data for name, data in CONTENT.items()}


@pytest.mark.skipif(shutil.which("zip") is None, reason="no program zip to split an archive with")
@pytest.mark.parametrize("compression", ["-0", "-6"])
def test_an_archive_split_by_info_zip_is_read(tmp_path: Path, compression: str) -> None:
    # As those of FSD50K were. 64 kB is the smallest piece that the program makes.
    content = {f"sounds/{i}.wav": np.random.default_rng(i).bytes(50_000 + i) for i in range(7)}
    for name, data in content.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    subprocess.run(["zip", "-q", "-r", compression, "-s", "64k", "some.zip", "sounds"], cwd=tmp_path, check=True)
    pieces = [*sorted(tmp_path.glob("some.z[0-9]*")), tmp_path / "some.zip"]
    assert len(pieces) == 6
    unpack(pieces, tmp_path / "out", limits=LIMITS, quiet=True)
    assert files_in(tmp_path / "out") == content


def test_a_missing_piece_is_told(tmp_path: Path) -> None:
    pieces = write_split_zip(tmp_path / "some.zip", CONTENT, n_pieces=4)
    with pytest.raises(DataError, match="has 4 pieces, and 3 are here"):
        unpack([*pieces[:2], pieces[3]], tmp_path / "out", limits=LIMITS, quiet=True)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_damaged_split_zip_gives_all_files_or_an_error(seed: int, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    pieces = write_split_zip(folder / "some.zip", CONTENT, n_pieces=3)
    generator = np.random.default_rng(seed)
    data = bytearray(pieces[-1].read_bytes())
    for position in generator.integers(max(0, len(data) - 300), len(data), size=2):
        data[position] ^= int(generator.integers(1, 256))
    pieces[-1].write_bytes(data)
    try:
        unpack(pieces, folder / "out", limits=LIMITS, quiet=True)
    except AuscultError:
        assert not (folder / "out").exists()
    shutil.rmtree(folder)


def test_a_turned_bit_in_what_gzip_holds_is_found(tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=0) as archive:
        entry = tarfile.TarInfo("a.bin")
        entry.size = 5000
        archive.addfile(entry, io.BytesIO(bytes(5000)))
    content = bytearray(path.read_bytes())
    content[2000] ^= 1  # in the middle of the zeros
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack([path], tmp_path / "out", limits=LIMITS, quiet=True)
    assert not (tmp_path / "out").exists()
