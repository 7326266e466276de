"""Work done at once and taken in order: nothing is lost, nothing runs ahead, nothing hangs."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.in_order import MAX_WAITING, in_order


def wait_for_threads(count: int) -> None:
    """Until no more than `count` threads are left."""
    ends = time.monotonic() + 60
    while threading.active_count() > count and time.monotonic() < ends:
        time.sleep(0.01)
    assert threading.active_count() <= count


@settings(deadline=None, max_examples=50)
@given(counts=st.lists(st.integers(0, 30), max_size=20), workers=st.integers(1, 4))
def test_the_order_is_that_of_one_after_the_other(counts: list[int], workers: int) -> None:
    def work(count: int) -> Iterator[tuple[int, int]]:
        return ((count, item) for item in range(count))

    expected = [item for count in counts for item in work(count)]
    assert list(in_order(counts, work, workers=workers)) == expected


def test_the_first_comes_while_the_piece_is_at_work() -> None:
    goes_on = threading.Event()

    def work(_: int) -> Iterator[str]:
        yield "first"
        goes_on.wait()
        yield "second"

    found = in_order([0], work, workers=1)
    assert next(found) == "first"
    goes_on.set()
    assert list(found) == ["second"]


def test_no_piece_runs_far_ahead() -> None:
    made = 0

    def work(_: int) -> Iterator[int]:
        nonlocal made
        while True:
            made += 1
            yield made

    found = in_order([0], work, workers=1)
    for count in range(1, 100):
        assert next(found) == count
        # One waits for a place in the queue, one may have been made since.
        assert made <= count + MAX_WAITING + 2
    found.close()


def test_pieces_are_taken_a_little_ahead() -> None:
    taken = 0

    def pieces() -> Iterator[int]:
        nonlocal taken
        while True:
            yield taken
            taken += 1

    found = in_order(pieces(), lambda piece: iter([piece]), workers=2)
    for count in range(50):
        assert next(found) == count
        assert taken <= count + 5
    found.close()


def test_an_error_comes_in_its_turn_and_ends_the_rest() -> None:
    stopped = threading.Event()

    def work(piece: int) -> Iterator[int]:
        yield piece
        if piece == 1:
            raise KeyError("piece")
        while piece > 1 and not stopped.is_set():
            yield piece

    found = in_order(range(5), work, workers=2, stopping=stopped.set)
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(KeyError, match="piece"):
        next(found)
    assert stopped.is_set()


def test_who_stops_taking_stops_the_work_and_waits_for_nothing() -> None:
    # The garbage collector, too, may end it, in a thread that holds what the working threads need to end.
    before = threading.active_count()
    goes_on, ended = threading.Event(), threading.Event()

    def work(_: int) -> Iterator[int]:
        try:
            yield 0
            goes_on.wait()
            yield 1
            yield 2
        finally:
            ended.set()

    found = in_order(range(3), work, workers=2)
    next(found)
    found.close()
    assert not ended.is_set()
    goes_on.set()
    assert ended.wait(60)
    wait_for_threads(before)


def test_pieces_that_fail_to_come_end_the_work() -> None:
    def pieces() -> Iterator[int]:
        yield 0
        raise OSError("the list ends here")

    with pytest.raises(OSError, match="the list ends here"):
        list(in_order(pieces(), lambda piece: iter([piece]), workers=2))


def test_a_program_ends_that_has_lost_interest() -> None:
    program = """
from itertools import count
from auscult.in_order import in_order

found = in_order(range(5), lambda _: count(), workers=2)
print(next(found))
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "0\n", "")


def test_the_end_of_a_program_waits_for_threads_whose_work_was_dropped() -> None:
    # What native libraries do in a thread that Python tears down meanwhile ends in `terminate called`.
    program = """
import time
from auscult.in_order import in_order

def work(piece):
    yield piece
    try:
        time.sleep(0.5)
    finally:
        print("ended")

found = in_order([0], work, workers=1)
next(found)
found.close()
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "ended\n", "")
