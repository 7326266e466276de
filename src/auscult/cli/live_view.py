"""What `auscult listen` shows on a terminal: events, which scroll by and stay, above a panel of what is heard now."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from auscult.records import Event, Prediction
from auscult.streaming import StreamWindow

if TYPE_CHECKING:
    from auscult.audio.live import Levels
    from auscult.listening import Gap, Heard, Listening

#: What is drawn of levels, in dBFS, and from where on they are high.
QUIET_DBFS, LOUD_DBFS, HOT_DBFS = -60.0, -18.0, -6.0
#: How long the highest level stays marked, and that it clipped stays said.
HOLD_S = 2.0
REFRESH_S = 0.08
#: How far the bar falls from one drawing to the next, at most.
FALL_DB = 2.0
NAME_CELLS, BAR_CELLS, VALUE_CELLS, WIDEST = 24, 32, 10, 84


class LiveView:
    """A context manager; `show` is called with what is heard, often."""

    def __init__(
        self, model: str, *, n_labels: int, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._model = model
        self._n_labels = n_labels
        self._console = console or Console(highlight=False)
        self._clock = clock
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._drawn_s = float("-inf")
        self._top: Sequence[Prediction] = ()
        self._needle_dbfs = self._level_dbfs = QUIET_DBFS
        self._held_dbfs = QUIET_DBFS
        self._held_at_s = self._clipped_at_s = float("-inf")

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def show(self, listening: Listening, heard: Sequence[Heard]) -> None:
        """Add what was heard; draw anew when it is time."""
        for one in heard:
            if isinstance(one, StreamWindow):
                self._top = one.predictions[: self._n_labels]
            else:
                self._console.print(event_line(listening, one) if isinstance(one, Event) else gap_line(listening, one))
        now_s = self._clock()
        if now_s - self._drawn_s < REFRESH_S:
            return
        self._drawn_s = now_s
        self._hold(listening.levels(), now_s)
        self._live.update(self.panel(listening), refresh=True)

    def panel(self, listening: Listening) -> RenderableType:
        """What is heard now."""
        where = listening.source.strip("<>")
        rate = listening.sample_rate
        return Panel(
            Group(self._meter(), Text(), self._labels(), Text(), self._state(listening)),
            title=Text.assemble((" auscult", "bold"), " · ", (f"{self._model} ", "cyan")),
            title_align="left",
            subtitle=f" {escape(where)} " if rate is None else f" {escape(where)} · {rate / 1000:g} kHz ",
            subtitle_align="right",
            box=box.ROUNDED,
            border_style="bright_black",
            width=min(WIDEST, self._console.width),
            padding=(0, 1),
        )

    def _hold(self, levels: Levels | None, now_s: float) -> None:
        if levels is None:
            self._needle_dbfs = max(QUIET_DBFS, self._needle_dbfs - FALL_DB)
            return
        self._level_dbfs = levels.rms_dbfs
        # Up at once, down slowly, as needles of meters do.
        self._needle_dbfs = max(levels.rms_dbfs, self._needle_dbfs - FALL_DB)
        if levels.peak_dbfs >= self._held_dbfs or now_s - self._held_at_s > HOLD_S:
            self._held_dbfs, self._held_at_s = levels.peak_dbfs, now_s
        if levels.n_clipped:
            self._clipped_at_s = now_s

    def _meter(self) -> RenderableType:
        lit, held = _cells(self._needle_dbfs), _cells(self._held_dbfs)
        bar = Text()
        for cell in range(BAR_CELLS):
            dbfs = QUIET_DBFS * (1 - cell / BAR_CELLS)
            colour = "red" if dbfs >= HOT_DBFS else "yellow" if dbfs >= LOUD_DBFS else "green"
            if cell < lit:
                bar.append("━", colour)
            elif cell == held - 1:
                bar.append("╿", f"bold {colour}")
            else:
                bar.append("─", "bright_black")
        is_clipping = self._clock() - self._clipped_at_s < HOLD_S
        row = _grid()
        row.add_row(
            Text("level", "bright_black"),
            bar,
            Text(f"{self._level_dbfs:z.1f} dBFS"),
            Text("CLIPPING", "bold white on red")
            if is_clipping
            else Text(f"peak {self._held_dbfs:z.1f}", "bright_black"),
        )
        return row

    def _labels(self) -> RenderableType:
        rows = _grid()
        for place in range(self._n_labels):
            if place < len(self._top):
                one = self._top[place]
                style = "bold cyan" if one.score >= 0.5 else "cyan" if one.score >= 0.1 else "bright_black"
                name = Text(one.name, "bold" if one.score >= 0.5 else "", overflow="ellipsis", no_wrap=True)
                rows.add_row(name, Text(_bar(one.score), style), Text(f"{one.score:.0%}"), Text())
            else:
                rows.add_row(Text("…" if place == 0 and not self._top else ""), Text(" " * BAR_CELLS), Text(), Text())
        return rows

    def _state(self, listening: Listening) -> Text:
        if listening.trouble:
            return Text(listening.trouble, "bold yellow", overflow="ellipsis", no_wrap=True)
        said = Text(_length(listening.duration_s), overflow="ellipsis", no_wrap=True)
        said.append(f"  {listening.n_events} events", "bright_black")
        latency_s = listening.latency_s()
        if latency_s is not None:
            said.append(f"  latency {1000 * latency_s:.0f} ms", "bright_black")
        dropped = listening.n_dropped_windows
        if dropped:
            said.append(f"  {dropped} windows not heard", "yellow")
        else:
            said.append("  nothing missed", "bright_black")
        said.append("  Ctrl-C ends", "bright_black")
        return said


def event_line(listening: Listening, event: Event) -> Text:
    """An event for people: by the clock, how long, how sure, what."""
    return Text.assemble(
        (clock_time(listening.clock(event.start_s)), "bright_black"),
        f"{event.end_s - event.start_s:8.1f} s  ",
        (f"{event.score:4.0%}  ", "cyan"),
        (event.name, "bold"),
    )


def gap_line(listening: Listening, gap: Gap) -> Text:
    """A gap for people."""
    text = f"{clock_time(listening.clock(gap.start_s))}{gap.end_s - gap.start_s:8.1f} s  not heard: {gap.why}"
    return Text(text, "yellow")


def clock_time(moment: datetime | None) -> str:
    """To a tenth of a second, as a clock on the wall shows it.

    >>> clock_time(datetime(2026, 5, 17, 6, 30, 59, 960_000))
    '06:31:00.0'
    """
    if moment is None:
        return "--:--:--.-"
    tenths = round(moment.microsecond / 100_000)
    whole = moment.replace(microsecond=0) + timedelta(seconds=tenths // 10)
    return f"{whole:%H:%M:%S}.{tenths % 10}"


def _grid() -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=NAME_CELLS, no_wrap=True)
    table.add_column(width=BAR_CELLS, no_wrap=True)
    table.add_column(width=VALUE_CELLS, justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    return table


def _cells(dbfs: float) -> int:
    return max(0, min(BAR_CELLS, round(BAR_CELLS * (1 - dbfs / QUIET_DBFS))))


def _bar(score: float) -> str:
    """
    >>> _bar(0.11), len(_bar(1.0)) == BAR_CELLS
    ('━━━╸', True)
    """
    halves = round(2 * BAR_CELLS * score)
    return "━" * (halves // 2) + "╸" * (halves % 2)


def _length(seconds: float) -> str:
    """
    >>> _length(3725.9)
    '1:02:05'
    """
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
