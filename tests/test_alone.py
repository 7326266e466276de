"""Work in a process of its own: what it says, how it ends, and who is to blame."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from auscult.alone import Begun, Crashed, Said, Unclear, child_of, try_alone

WORK = """
import os, resource, signal, sys, time
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from auscult.errors import UsageError

def opening(given):
    print("a library that prints")
    if given.get("fails"):
        raise UsageError("no such model")
    def work(item):
        yield [given["name"], item]
        if item == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if item == "stop":
            os.kill(os.getpid(), signal.SIGTERM)
        if item == "raise":
            raise UsageError("this does not go")
        if item == "late":
            os.write(saying(), b'[1, "beg')
            os.abort()
        while item == "wait":
            time.sleep(0.01)
    return work

def saying():
    # Behind the last word on this item comes the end of the process, in the middle of the first on the next.
    frame = sys._getframe()
    while "said" not in frame.f_locals:
        frame = frame.f_back
    said, index = frame.f_locals["said"], frame.f_locals["index"]
    said.write('[%d, "done", null]\\n' % index)
    said.flush()
    return said.fileno()
"""


@pytest.fixture
def opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "work.py").write_text(WORK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "work:opening"


def test_what_is_said_comes_in_order(opening: str) -> None:
    found = list(try_alone(opening, {"name": "N"}, ["a", "\udcff"]))
    assert found == [(0, Begun()), (0, Said(["N", "a"])), (1, Begun()), (1, Said(["N", "\udcff"]))]
    assert list(try_alone(opening, {"name": "N"}, [])) == []


def test_only_one_that_ends_two_processes_is_to_blame(opening: str) -> None:
    found = list(try_alone(opening, {"name": "N"}, ["a", "crash", "b", "raise", "c"]))
    said = [(index, type(one).__name__) for index, one in found]
    assert said == [
        (0, "Begun"),
        (0, "Said"),
        *[(1, "Begun"), (1, "Said")] * 2,
        (1, "Crashed"),
        (2, "Begun"),
        (2, "Said"),
        (3, "Begun"),
        (3, "Said"),
        (3, "Unclear"),
        (4, "Begun"),
        (4, "Said"),
    ]
    assert (1, Crashed("SIGSEGV")) in found


def test_a_process_that_dies_after_an_item_makes_nobody_guilty(opening: str) -> None:
    found = list(try_alone(opening, {"name": "N"}, ["late", "b"]))
    assert [(index, type(one).__name__) for index, one in found] == [
        (0, "Begun"),
        (0, "Said"),
        (1, "Begun"),
        (1, "Said"),
    ]


def test_what_cannot_be_opened_makes_nobody_guilty(opening: str) -> None:
    assert list(try_alone(opening, {"fails": True}, ["a", "b"])) == [(0, Unclear()), (1, Unclear())]


def test_a_child_that_is_stopped_from_outside_stops_all(opening: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(try_alone(opening, {"name": "N"}, ["stop"]))


def test_it_ends_with_its_parent(opening: str) -> None:
    with child_of(opening, {"name": "N"}, ["wait"]) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert json.loads(child.stdout.readline()) == [0, "begun", None]
        child.stdin.close()
        for _ in child.stdout:
            pass
        assert child.wait(60) == 1


def test_it_ends_with_the_block(opening: str) -> None:
    with child_of(opening, {"name": "N"}, ["wait"]) as child:
        pass
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
