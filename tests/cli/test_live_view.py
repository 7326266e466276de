"""The live view: levels where they belong, labels as they are, nothing too wide, no markup taken from names."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from auscult.audio.live import Levels
from auscult.cli.live_view import BAR_CELLS, LiveView, clock_time, event_line, gap_line
from auscult.decide import Selection
from auscult.listening import Gap
from auscult.records import Event, Label
from auscult.streaming import StreamWindow

NOON = datetime(2026, 5, 17, 12, tzinfo=UTC)
LABELS = [Label("/m/1", "Dog [bold]"), Label("/m/2", "A name that is much longer than its column is wide"), Label("x")]


class FakeListening:
    """What the view asks a `Listening` for."""

    def __init__(self) -> None:
        self.source = "<Built-in [1]>"
        self.sample_rate: int | None = 44100
        self.trouble = ""
        self.duration_s = 3725.0
        self.n_events, self.n_dropped_windows = 12, 0
        self.level: Levels | None = Levels(-6.0, -20.0, 0)

    def levels(self) -> Levels | None:
        return self.level

    def latency_s(self, quantile: float = 0.5) -> float:
        return 0.0214

    def clock(self, seconds: float) -> datetime:
        return NOON.replace(second=int(seconds))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def window(scores: list[float]) -> StreamWindow:
    shortlist = Selection(top_k=None).shortlist(LABELS)
    return StreamWindow("s", 0, 0.0, 1.0, np.array(scores, np.float32), 0.01, shortlist)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def view(clock: Clock) -> LiveView:
    console = Console(file=io.StringIO(), width=84, force_terminal=True, color_system=None, highlight=False)
    return LiveView("yamnet", n_labels=2, console=console, clock=clock)


def lines(view: LiveView, listening: Any) -> list[str]:
    console = Console(file=io.StringIO(), width=100, record=True)
    console.print(view.panel(listening))
    return console.export_text().splitlines()


def shown(view: LiveView, listening: Any, clock: Clock, heard: Any = ()) -> list[str]:
    clock.now += 1.0
    view.show(listening, heard)
    return lines(view, listening)


def test_the_panel(view: LiveView, clock: Clock) -> None:
    found = shown(view, FakeListening(), clock, [window([0.5, 0.25, 0.125])])
    assert {len(line) for line in found} == {84}
    text = "\n".join(found)
    assert "auscult · yamnet" in found[0]
    assert "Built-in [1] · 44.1 kHz" in found[-1]
    assert "-20.0 dBFS" in found[1]
    assert "peak -6.0" in found[1]
    # A third of the bar is 20 of 60 dB below full scale.
    assert found[1].count("━") == round(BAR_CELLS * 40 / 60)
    dog, long = found[3], found[4]
    assert "Dog [bold]" in dog
    assert dog.count("━") * 2 == BAR_CELLS
    assert "50%" in dog
    assert "…" in long
    assert "x " not in text
    assert "1:02:05  12 events  latency 21 ms  nothing missed  Ctrl-C ends" in text


def test_what_is_dropped_and_what_is_wrong(view: LiveView, clock: Clock) -> None:
    listening = FakeListening()
    listening.n_dropped_windows = 7
    assert "7 windows not heard" in "\n".join(shown(view, listening, clock))
    listening.trouble = "the stream ended; trying again"
    assert "the stream ended; trying again" in "\n".join(shown(view, listening, clock))


def test_peaks_are_held_and_clipping_is_said_for_a_while(view: LiveView, clock: Clock) -> None:
    listening = FakeListening()
    listening.level = Levels(-1.0, -10.0, 3)
    assert "CLIPPING" in shown(view, listening, clock)[1]
    listening.level = Levels(-30.0, -50.0, 0)
    assert "CLIPPING" in shown(view, listening, clock)[1]
    found = [shown(view, listening, clock)[1] for _ in range(3)]
    assert "peak -30.0" in found[-1]
    assert "-50.0 dBFS" in found[-1]
    # The bar falls by 2 dB each time, from -10, four times.
    assert found[-1].count("━") == round(BAR_CELLS * 42 / 60)


def test_before_anything_came(view: LiveView) -> None:
    listening = FakeListening()
    listening.sample_rate = None
    assert "Built-in [1] " in lines(view, listening)[-1]


def test_events_and_gaps_for_people() -> None:
    listening: Any = FakeListening()
    event = Event("s", 3.0, 5.25, "/m/1", 0.875, "Dog [bold]")
    assert event_line(listening, event).plain == "12:00:03.0     2.2 s   88%  Dog [bold]"
    assert gap_line(listening, Gap("s", 4.0, 4.5, "overload", 1)).plain == "12:00:04.0     0.5 s  not heard: overload"
    assert clock_time(None) == "--:--:--.-"


def test_it_is_drawn_no_more_than_needed(view: LiveView, clock: Clock) -> None:
    listening: Any = FakeListening()
    with view:
        for _ in range(100):
            clock.now += 0.001
            view.show(listening, [Event("s", 3.0, 5.0, "/m/1", 0.5, "Dog [bold]")])
    file: Any = view._console.file
    text = file.getvalue()
    assert text.count("Dog [bold]") == 100
    # Each line above the panel moves it, too; its contents change twice here.
    assert text.count("auscult · yamnet") <= 110
