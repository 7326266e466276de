"""Several pieces of work at once, each giving one thing after another, taken in the order in which they were handed in.

What a piece gives waits in a short queue until its turn has come, so that memory stays flat however much each gives,
and the first of it can be taken while the piece is still at work.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")

# How much of one piece's work waits to be taken.
MAX_WAITING = 8


def in_order(
    pieces: Iterable[S], work: Callable[[S], Iterator[T]], *, workers: int, stopping: Callable[[], None] | None = None
) -> Generator[T, None, None]:
    """What `work` gives for each piece, in the order of the pieces.

    Parameters
    ----------
    pieces : taken at most `2 * workers + 1` ahead of the one whose work is being given
    work : called in other threads, once for each piece
    workers : pieces worked on at once
    stopping : called where the end comes early, because of an error or because nobody wants more. It must wait for
        nothing.

    Raises
    ------
    What `work` raises, in its turn; what was handed in after it is dropped

    Examples
    --------
    >>> list(in_order("ab", lambda letter: iter([letter, letter.upper()]), workers=2))
    ['a', 'A', 'b', 'B']
    """
    waiting: deque[_Queue[T]] = deque()
    threads = ThreadPoolExecutor(workers)
    try:
        for piece in pieces:
            queue: _Queue[T] = _Queue()
            waiting.append(queue)
            threads.submit(_fill, queue, work, piece)
            if len(waiting) > 2 * workers:
                yield from waiting[0].taken()
                waiting.popleft()
        while waiting:
            yield from waiting[0].taken()
            waiting.popleft()
    except BaseException as error:
        for queue in waiting:
            queue.close()
        if stopping is not None:
            stopping()
        # An iterator that was dropped is ended by the garbage collector, in whichever thread it happens to run and
        # whatever that thread holds: to wait for threads there could be to wait for itself. They end by themselves.
        if not isinstance(error, GeneratorExit):
            threads.shutdown(cancel_futures=True)
        raise
    threads.shutdown()


def _fill(queue: _Queue[T], work: Callable[[S], Iterator[T]], piece: S) -> None:
    try:
        if queue.is_closed:
            return
        for item in work(piece):
            if not queue.put(item):
                return
    except BaseException as error:  # noqa: BLE001 - raised again where it is taken
        queue.end(error)
    else:
        queue.end()


class _Queue(Generic[T]):
    """From the thread that works to the one that takes: a few items, then an end or an error."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._has_ended = self.is_closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> bool:
        """Wait for a place and take it; False where nobody will take more."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < MAX_WAITING or self.is_closed)
            self._items.append(item)
            self._changed.notify()
            return not self.is_closed

    def end(self, error: BaseException | None = None) -> None:
        with self._changed:
            self._has_ended = True
            # An error holds all that was at hand where it was raised, this queue as well: not kept where none takes it.
            self._error = None if self.is_closed else error
            self._changed.notify()

    def close(self) -> None:
        """From the taker: whoever waits for a place need not wait."""
        with self._changed:
            self.is_closed = True
            self._changed.notify()

    def taken(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._has_ended)
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify()
            yield item
        error, self._error = self._error, None
        if error is not None:
            raise error
