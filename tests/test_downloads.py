"""Whatever a server does: the whole and right file under its name, or an error that says what to do."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.downloads import Patience, download
from auscult.errors import DownloadError, OutputError
from auscult.web import Deadline
from tests import file_server
from tests.file_server import Answer, FileServer, serving

CONTENT = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)
KNOWN: dict[str, Any] = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "size_bytes": len(CONTENT)}
HASTE = Patience(silence_s=5, slow_s=5, attempts=3, worthwhile_bytes=50_000, wait_s=0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("no_proxy", "*")
    with serving(CONTENT) as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "models" / "model.bin"


def fetch(server: FileServer, path: Path, *, patience: Patience = HASTE, **options: Any) -> Path:
    return download(server.url, path, patience=patience, **{**KNOWN, **options})


def left(path: Path) -> set[str]:
    """Files beside `path`, but for the lock."""
    return {one.name for one in path.parent.iterdir()} - {f"{path.name}.lock"}


@pytest.mark.parametrize("known", [KNOWN, {"sha256": None}, {"size_bytes": None}, {"sha256": None, "size_bytes": None}])
@pytest.mark.parametrize("answer", [file_server.whole, file_server.unnamed, file_server.unsized])
def test_a_file_is_fetched_once(server: FileServer, path: Path, known: dict[str, Any], answer: Answer) -> None:
    server.answers = [answer]
    for _ in range(2):
        assert fetch(server, path, **known) == path
    assert path.read_bytes() == CONTENT
    assert left(path) == {"model.bin"}
    assert len(server.requests) == 1


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_a_file_is_checked_by_the_checksum_that_its_publisher_gives(
    server: FileServer, path: Path, algorithm: str
) -> None:
    right = hashlib.new(algorithm, CONTENT).hexdigest()
    assert fetch(server, path, sha256=None, checksum=f"{algorithm}:{right}").read_bytes() == CONTENT
    path.unlink()
    wrong = hashlib.new(algorithm, OTHER).hexdigest()
    with pytest.raises(DownloadError, match=f"is {right} where {wrong} is expected") as error:
        fetch(server, path, sha256=None, checksum=f"{algorithm}:{wrong}")
    assert error.value.kind == "damaged"
    assert left(path) == set()


def test_others_may_read_what_was_fetched_as_any_file_that_is_made(server: FileServer, path: Path) -> None:
    fetch(server, path)
    plain = path.with_name("plain")
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_redirection_is_followed_with_the_range(server: FileServer, path: Path) -> None:
    to_it = file_server.redirected("/elsewhere")
    server.answers = [to_it, file_server.cut_off(100_000), to_it, file_server.whole]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, None, "bytes=100000-", "bytes=100000-"]


def test_what_came_before_the_connection_broke_is_not_fetched_again(server: FileServer, path: Path) -> None:
    server.answers = [file_server.cut_off(100_000)] * 2 + [file_server.whole]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", "bytes=200000-"]
    assert left(path) == {"model.bin"}


def test_progress_resets_the_count_of_attempts(server: FileServer, path: Path) -> None:
    server.answers = [file_server.cut_off(60_000)]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == 5


def test_too_little_progress_is_given_up_and_kept_for_the_next_time(server: FileServer, path: Path) -> None:
    server.answers = [file_server.cut_off(10_000)]
    with pytest.raises(DownloadError, match=r"given up after 3 attempts.* 30000 of 300000 bytes; run again") as error:
        fetch(server, path)
    assert error.value.kind == "unreachable"
    assert not path.exists()
    server.answers = [file_server.whole]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=30000-"


def test_a_server_without_ranges_is_not_asked_for_ever(server: FileServer, path: Path) -> None:
    server.answers = [file_server.cut_off_without_ranges(200_000)]
    with pytest.raises(DownloadError, match="given up after 3 attempts"):
        fetch(server, path)
    # The first attempt was progress, those after it were not.
    assert len(server.requests) == 3
    server.answers = [file_server.without_ranges]
    fetch(server, path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("answer", [file_server.unnamed, file_server.without_ranges])
def test_a_range_that_is_ignored_begins_anew(server: FileServer, path: Path, answer: Answer) -> None:
    server.answers = [file_server.cut_off(100_000), answer]
    fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_without_a_version_nothing_is_joined(server: FileServer, path: Path) -> None:
    def cut_off_unnamed(handler: Any) -> None:
        handler.start(200, Content_Length=len(CONTENT))
        handler.send(OTHER[:100_000])
        handler.hang_up()

    server.answers = [cut_off_unnamed, file_server.whole]
    fetch(server, path, sha256=None)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_a_weak_version_is_no_version_and_a_date_is_one(server: FileServer, path: Path) -> None:
    def dated(handler: Any) -> None:
        handler.start(200, ETag='W/"a"', Last_Modified="Sat, 01 Nov 2025 00:00:00 GMT", Content_Length=len(CONTENT))
        handler.send(CONTENT[:1000])
        handler.hang_up()

    server.answers = [dated, file_server.whole]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.requests[1].headers["If-Range"] == "Sat, 01 Nov 2025 00:00:00 GMT"


def test_a_file_that_changes_between_attempts_is_never_two_halves(server: FileServer, path: Path) -> None:
    server.content, server.tag = OTHER, '"old"'
    server.answers = [file_server.changing(CONTENT), file_server.whole]
    fetch(server, path, sha256=None)
    assert path.read_bytes() == CONTENT
    assert server.requests[1].headers["If-Range"] == '"old"'


@pytest.mark.parametrize("tag", ['"second"', None])
def test_a_server_that_joins_two_versions_is_found_out(server: FileServer, path: Path, tag: str | None) -> None:
    """By the version it names, or where it names none, by the checksum."""
    server.content = OTHER
    joining = file_server.part_of_another(CONTENT, tag=tag)
    server.answers = [file_server.cut_off(100_000), joining, file_server.whole]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", None]


@pytest.mark.parametrize(
    "header",
    ["bytes 0-299999/300000", "bytes 100000-299999/300001", "bytes 100000-299999/*", "bytes 100000-99999/100000", "x"],
)
def test_a_part_that_was_not_asked_for_begins_anew(server: FileServer, path: Path, header: str) -> None:
    def other_part(handler: Any) -> None:
        handler.send(handler.begin(Content_Range=header))

    server.answers = [file_server.cut_off(100_000), other_part, file_server.whole]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", None]


def test_a_server_that_has_no_such_part_is_asked_for_all(server: FileServer, path: Path) -> None:
    server.answers = [file_server.cut_off(100_000), file_server.status(416), file_server.whole]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", None]


@pytest.mark.parametrize("announced", [200_000, 300_001])
def test_another_length_is_another_file(server: FileServer, path: Path, announced: int) -> None:
    server.answers = [file_server.announcing(announced)]
    with pytest.raises(DownloadError, match=f"announces {announced} bytes where 300000 are expected; see in a br") as e:
        fetch(server, path)
    assert e.value.kind == "damaged"
    assert left(path) == set()


def test_a_length_that_is_too_long_is_a_broken_connection_where_no_length_is_known(
    server: FileServer, path: Path
) -> None:
    server.answers = [file_server.announcing(300_001)]
    with pytest.raises(DownloadError, match="300000 of 300001 bytes"):
        fetch(server, path, size_bytes=None)
    assert not path.exists()


def test_a_length_that_is_too_short_is_found_by_the_checksum(server: FileServer, path: Path) -> None:
    server.answers = [file_server.announcing(200_000)]
    with pytest.raises(DownloadError, match=r"not the file: its SHA-256 is \w{64} where \w{64} is expected"):
        fetch(server, path, size_bytes=None)
    assert left(path) == set()


def test_other_bytes_are_refused_and_nothing_is_kept(server: FileServer, path: Path) -> None:
    server.content = OTHER
    with pytest.raises(DownloadError, match=f"{hashlib.sha256(OTHER).hexdigest()} where {KNOWN['sha256']}") as error:
        fetch(server, path)
    assert error.value.kind == "damaged"
    assert left(path) == set()
    assert len(server.requests) == 1


def test_a_server_that_sends_without_end_is_read_to_the_expected_size(server: FileServer, path: Path) -> None:
    server.answers = [file_server.endless]
    fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_a_damaged_file_is_replaced(server: FileServer, path: Path) -> None:
    fetch(server, path)
    path.write_bytes(OTHER)
    fetch(server, path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("code", "kind"),
    [(404, "missing"), (410, "missing"), (401, "no_permission"), (403, "no_permission"), (400, "unreachable")],
)
def test_an_answer_that_will_not_change_ends_it(server: FileServer, path: Path, code: int, kind: str) -> None:
    server.answers = [file_server.status(code)]
    with pytest.raises(DownloadError, match=f"the server answered {code} .*; upgrade auscult") as error:
        fetch(server, path)
    assert error.value.kind == kind
    assert error.value.source == server.url
    assert error.value.exit_code == 1
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_a_server_that_is_busy_is_asked_again(server: FileServer, path: Path, code: int) -> None:
    server.answers = [file_server.status(code), file_server.rubbish, file_server.whole]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    server.answers = [file_server.status(code)]
    path.unlink()
    with pytest.raises(DownloadError, match=f"given up after 3 attempts.* the server answered {code}"):
        fetch(server, path)


def test_redirections_in_a_circle_and_to_files_are_refused(server: FileServer, path: Path) -> None:
    server.answers = [file_server.redirected("/files/model.bin")]
    with pytest.raises(DownloadError, match="the server answered 302"):
        fetch(server, path)
    server.answers = [file_server.redirected("file:///etc/passwd")]
    with pytest.raises(DownloadError, match="only http and https addresses are fetched, and this is file") as error:
        fetch(server, path)
    assert error.value.kind == "unsupported"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a", "http://nowhere.invalid/a", "http://", "http://[bad/a"])
def test_offline_is_said_at_once_with_what_to_do(url: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    # A wait before another attempt would run into the time limit of the tests.
    with pytest.raises(DownloadError, match=r"not reached.*; connect to the internet") as error:
        download(url, path, patience=Patience(wait_s=10_000))
    assert error.value.kind == "unreachable"
    assert left(path) == set()


def test_a_certificate_that_is_not_trusted_is_another_matter(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def untrusted(*arguments: Any, **options: Any) -> Any:
        raise urllib.error.URLError(ssl.SSLCertVerificationError("self-signed certificate"))

    monkeypatch.setattr("auscult.downloads.open_url", untrusted)
    with pytest.raises(DownloadError, match=r"self-signed certificate.*; set SSL_CERT_FILE"):
        download("https://example.org/a", path)


def test_a_proxy_from_the_environment_is_used(server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    download("http://nowhere.invalid/a", path, patience=HASTE, **KNOWN)
    assert server.requests[0].path == "http://nowhere.invalid/a"


@pytest.mark.parametrize("answer", [file_server.silent, file_server.dripping])
def test_a_server_that_is_too_slow_is_given_up(server: FileServer, path: Path, answer: Answer) -> None:
    server.answers = [answer]
    began = time.monotonic()
    with pytest.raises(DownloadError, match=r"given up after 2 attempts.*(too slow|timed out)"):
        fetch(server, path, patience=Patience(silence_s=0.3, slow_s=0.6, attempts=2, wait_s=0))
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(("slow_bytes", "at_least", "at_most"), [(100_000, 2, 3), (400_000, 0, 0)])
def test_enough_bytes_postpone_the_end(
    server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch, slow_bytes: int, at_least: int, at_most: int
) -> None:
    postponed = []

    class Late(Deadline):
        remaining_s = 4.0  # less than half of `slow_s`, always

        def postpone(self, total_s: float) -> None:
            postponed.append(total_s)

    monkeypatch.setattr("auscult.downloads.Deadline", Late)
    fetch(server, path, patience=Patience(slow_s=10, slow_bytes=slow_bytes))
    assert at_least <= len(postponed) <= at_most
    assert set(postponed) <= {10}


def test_several_at_once_fetch_it_once(server: FileServer, path: Path) -> None:
    gate = threading.Event()

    def late(handler: Any) -> None:
        gate.wait(30)
        file_server.whole(handler)

    server.answers = [late]
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(fetch, server, path) for _ in range(4)]
        gate.set()
        assert [one.result(timeout=60) for one in running] == [path] * 4
    assert len(server.requests) == 1
    assert path.read_bytes() == CONTENT


COMMAND = """
import sys
from auscult.downloads import Patience, download
url, path, sha256 = sys.argv[1:]
download(url, path, sha256=sha256, size_bytes=300000, name="the model")
"""


def start(server: FileServer, path: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-W", "error", "-c", COMMAND, server.url, str(path), KNOWN["sha256"]]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)


def test_two_processes_at_once_fetch_it_once(server: FileServer, path: Path) -> None:
    gate = threading.Event()

    def held(handler: Any) -> None:
        gate.wait(60)
        file_server.whole(handler)

    server.answers = [held]
    first, second = start(server, path), start(server, path)
    with first, second:
        assert first.stderr is not None
        assert second.stderr is not None
        # One of them says that it waits; until then the other gets nothing.
        told = threading.Event()
        said: list[str] = []

        def listen(stream: Any) -> None:
            for line in stream:
                said.append(line)
                if "being fetched by another process; waiting for it" in line:
                    told.set()

        listeners = [threading.Thread(target=listen, args=[one.stderr]) for one in (first, second)]
        for one in listeners:
            one.start()
        was_told = told.wait(60)
        gate.set()
        assert [first.wait(60), second.wait(60)] == [0, 0]
        for one in listeners:
            one.join()
    assert was_told
    assert said[-1] == "Fetching the model: 300.0 kB of 300.0 kB\n"
    assert len(server.requests) == 1
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
@pytest.mark.usefixtures("interruptible")
def test_a_kill_in_the_middle_is_gone_on_from(server: FileServer, path: Path, how: signal.Signals) -> None:
    def half(handler: Any) -> None:
        handler.send(handler.begin()[:150_000])
        server.stop.wait(60)

    server.answers = [half]
    part = path.with_name("model.bin.part")
    with start(server, path) as running:
        while not (part.is_file() and part.stat().st_size == 150_000):
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(how)
        running.communicate()
    assert not path.exists()
    server.answers = [file_server.whole]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=150000-"]
    assert left(path) == {"model.bin"}


def test_a_kill_after_the_last_byte_needs_no_server(server: FileServer, path: Path) -> None:
    server.answers = [file_server.cut_off(100)]
    with pytest.raises(DownloadError):
        fetch(server, path)
    path.with_name("model.bin.part").write_bytes(CONTENT)
    n_requests = len(server.requests)
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == n_requests


@pytest.mark.parametrize("note", [None, "", "{}", "[1]", '{"url": "http://elsewhere/", "validator": "\\"first\\""}'])
def test_a_part_of_nobody_knows_what_is_not_gone_on_with(server: FileServer, path: Path, note: str | None) -> None:
    path.parent.mkdir(parents=True)
    path.with_name("model.bin.part").write_bytes(OTHER[:1000])
    if note is not None:
        path.with_name("model.bin.part.json").write_text(note)
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None]
    assert left(path) == {"model.bin"}


def test_a_part_with_bytes_that_were_not_sent_is_fetched_anew(server: FileServer, path: Path) -> None:
    """As a power cut may leave it."""
    server.answers = [file_server.cut_off(100)]
    with pytest.raises(DownloadError):
        fetch(server, path)
    path.with_name("model.bin.part").write_bytes(bytes(1000))
    server.answers = [file_server.whole]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges[-2:] == ["bytes=1000-", None]


def test_a_disk_with_too_little_space_is_said_before(
    server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(path.anchor)._replace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match=r"takes 300.0 kB more and the disk has 1.0 kB; .*AUSCULT_HOME"):
        fetch(server, path)


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a matter of POSIX")
def test_a_write_that_fails_is_said(server: FileServer, path: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            fetch(server, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not path.exists()
    assert len(server.requests) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_said_and_the_part_removed(server: FileServer, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.with_name("model.bin.part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"the disk is full; free some space"):
        fetch(server, path)
    assert left(path) == set()


def test_a_folder_that_cannot_be_made(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot be written .*set AUSCULT_HOME"):
        fetch(server, tmp_path / "home" / "model.bin")


def test_progress_and_attempts_are_told_on_stderr(
    server: FileServer, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers = [file_server.cut_off(150_000), file_server.whole]
    fetch(server, path, name="yamnet")
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert said.out == ""
    assert "yamnet: the connection broke after 150000 of 300000 bytes; trying again" in lines
    assert lines[-1] == "Fetching yamnet: 300.0 kB of 300.0 kB"
    path.unlink()
    fetch(server, path, quiet=True)
    assert capsys.readouterr() == ("", "")


def test_a_file_that_is_there_needs_no_lock(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    download("http://127.0.0.1:1/", path, **KNOWN)
    with contextlib.suppress(PermissionError):
        os.chmod(path.parent, 0o555)
    download("http://127.0.0.1:1/", path, **KNOWN)
    os.chmod(path.parent, 0o755)
    assert [one.name for one in path.parent.iterdir()] == ["model.bin"]
