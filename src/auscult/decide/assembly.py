"""From where labels begin and end to events: gaps, least length, padding, how often; in the order of their ends."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterator

Certain = tuple[int, int, int, float]
"""End, start, column, highest score; positions in samples."""


class _Making:
    """An event that is not certain: `end` is None while it is heard; `start` is with padding once it has met another.

    Positions in samples.
    """

    __slots__ = ("end", "start", "top")

    def __init__(self, start: int, end: int | None, top: float) -> None:
        self.start, self.end, self.top = start, end, top


class Assembly:
    """Makes events of where labels begin and end: gaps, least length, padding, how often; in the order of their ends.

    All in samples. Events are held back until no other can end before them any more, which is at most until `least`,
    `gap` and two times `pad` have passed.
    """

    def __init__(self, *, gap: int, least: int, pad: int, minute: int, max_per_minute: int | None) -> None:
        self._gap, self._least, self._pad = gap, least, pad
        self._minute, self._max_per_minute = minute, max_per_minute
        # Of each column what is heard, or was up to less than a gap ago; and what is long enough, but might yet meet
        # the next one by padding.
        self._making: dict[int, _Making] = {}
        self._kept: dict[int, _Making] = {}
        self._begun: dict[int, deque[int]] = {}
        self._certain: list[Certain] = []

    def begin(self, column: int, position: int) -> None:
        made = self._making.get(column)
        if made is not None and made.end is not None:
            if position - made.end <= self._gap:
                made.end = None
                return
            self._settle(column, made)
        self._making[column] = _Making(position, None, -math.inf)

    def end(self, column: int, position: int, top: float) -> None:
        made = self._making[column]
        made.end, made.top = position, max(made.top, top)

    def advance(self, heard_to: int) -> Iterator[Certain]:
        """What is certain once all up to `heard_to` has been heard."""
        for column, made in list(self._making.items()):
            if made.end is not None and heard_to - made.end > self._gap:
                self._settle(column, made)
                del self._making[column]
            elif column in self._kept:
                self._join(column, made, heard_to if made.end is None else made.end)
        for column, kept in list(self._kept.items()):
            made_next = self._making.get(column)
            nearest = heard_to if made_next is None else made_next.start
            if nearest - _end(kept) > 2 * self._pad:
                self._give(column, kept, None)
                del self._kept[column]
        bound = heard_to
        for one in (*self._making.values(), *self._kept.values()):
            if one.end is not None:
                bound = min(bound, one.end + self._pad)
        return self._before(bound)

    def finish(self, sound_end: int) -> Iterator[Certain]:
        """All that is left; positions beyond the end of the sound are brought back to it."""
        for column, made in self._making.items():
            self._settle(column, made)
        for column, kept in self._kept.items():
            self._give(column, kept, sound_end)
        self._making.clear()
        self._kept.clear()
        return self._before(None)

    def _settle(self, column: int, made: _Making) -> None:
        """No more comes within a gap: is it long enough, and does it meet the one before?"""
        self._join(column, made, _end(made))
        if _end(made) - made.start < self._least:
            return
        if column in self._kept:
            self._give(column, self._kept[column], None)
        self._kept[column] = made

    def _join(self, column: int, made: _Making, lasts_to: int) -> None:
        """With the one before, where padding makes the two meet and this one is sure to be long enough."""
        kept = self._kept.get(column)
        if kept is None or lasts_to - made.start < self._least or made.start - _end(kept) > 2 * self._pad:
            return
        made.start, made.top = kept.start, max(made.top, kept.top)
        del self._kept[column]

    def _give(self, column: int, kept: _Making, sound_end: int | None) -> None:
        start, end = max(0, kept.start - self._pad), _end(kept) + self._pad
        if sound_end is not None:
            end = min(end, sound_end)
        if self._is_too_often(column, start):
            return
        heapq.heappush(self._certain, (end, start, column, kept.top))

    def _is_too_often(self, column: int, start: int) -> bool:
        if self._max_per_minute is None:
            return False
        begun = self._begun.setdefault(column, deque())
        while begun and start - begun[0] >= self._minute:
            begun.popleft()
        if len(begun) >= self._max_per_minute:
            return True
        begun.append(start)
        return False

    def _before(self, bound: int | None) -> Iterator[Certain]:
        while self._certain and (bound is None or self._certain[0][0] < bound):
            yield heapq.heappop(self._certain)


def _end(made: _Making) -> int:
    assert made.end is not None  # only what has ended gets here
    return made.end
