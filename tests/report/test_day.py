"""The picture of a recording."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

from auscult.report.day import Day, plot_day, shown_spans, time_marks
from auscult.report.plots import Spectrogram
from auscult.report.style import save_figure


def day(duration_s: float = 100.0, n_labels: int = 2, n_columns: int = 50) -> Day:
    rng = np.random.default_rng(0)
    levels = rng.uniform(-80, 0, (8, 40)).astype(np.float32)
    return Day(
        title="night $x^2$.flac",
        spectrogram=Spectrogram(levels, np.linspace(0, 8000, 10), duration_s),
        labels=tuple(f"label {i} \n雨" for i in range(n_labels)),
        scores=rng.uniform(0, 1, (n_labels, n_columns)).astype(np.float32),
        borders_s=np.linspace(0, duration_s, n_columns + 1),
        spans_s=tuple(np.array([[1.0, 2.0], [1.5, 3.0]]) if i else np.empty((0, 2)) for i in range(n_labels)),
    )


@pytest.mark.parametrize(
    ("duration_s", "started_at"),
    [
        (0.01, None),
        (5.0, None),
        (59.97, datetime(2026, 5, 1, 22, 50)),
        (3600.0, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (86400.0, None),
        (10 * 86400.0, datetime(2026, 5, 1, 22, 50)),
    ],
)
def test_any_length_is_drawn(duration_s: float, started_at: datetime | None, tmp_path: Path) -> None:
    figure = plot_day(replace(day(duration_s), started_at=started_at))
    save_figure(figure, tmp_path / "day.png")
    upper, lower = figure.axes
    assert lower.get_xlim() == (0, duration_s)
    assert upper.images[0].get_extent()[:2] == [0, duration_s] or upper.images[0].get_extent()[:2] == (0, duration_s)
    marks = [text.get_text() for text in lower.get_xticklabels()]
    assert 1 <= len(marks) <= 14
    assert len(set(marks)) == len(marks)
    assert [text.get_text() for text in lower.get_yticklabels()] == ["label 0  雨", "label 1  雨"]


def test_what_is_said_beside_it() -> None:
    figure = plot_day(replace(day(4000), started_at=datetime(2026, 5, 1, 22, 50, tzinfo=UTC), n_more=3))
    upper, lower = figure.axes
    assert upper.get_title(loc="left") == "night $x^2$.flac"
    assert upper.get_title(loc="right") == "2026-05-01 22:50:00 UTC+00:00   1 h 6 min"
    assert [text.get_text() for text in lower.texts] == ["", "2 events, 2.5 s"]
    assert "3 more labels have events" in lower.get_xlabel()


@pytest.mark.parametrize("started_at", [None, datetime(2026, 5, 1, 22, 50, tzinfo=UTC)])
def test_a_long_name_does_not_lie_over_the_time(started_at: datetime | None, tmp_path: Path) -> None:
    shown = replace(
        day(86_399.0),
        title="SMA00001_20260501_193000_" * 5 + ".wav",
        labels=("W" * 60, "M" * 60),
        started_at=started_at,
    )
    figure = plot_day(shown)
    save_figure(figure, tmp_path / "day.png")
    titles = [figure.axes[0].get_title(loc=loc) for loc in ("left", "right")]
    left, right = (
        figure.axes[0]
        .findobj(lambda one, text=text: isinstance(one, Text) and one.get_text() == text)[0]
        .get_window_extent()
        for text in titles
    )
    assert left.x1 < right.x0


def test_no_label_and_silence(tmp_path: Path) -> None:
    quiet = replace(day(n_labels=0), spectrogram=Spectrogram(np.full((8, 40), -120, np.float32), np.arange(10.0), 5.0))
    figure = plot_day(quiet)
    save_figure(figure, tmp_path / "day.png")
    assert "nothing scored" in [text.get_text() for text in figure.axes[1].texts]


def test_a_day_that_does_not_fit_together() -> None:
    with pytest.raises(ValueError, match=r"must have the shape \(labels, columns\) = \(2, 49\)"):
        replace(day(), borders_s=np.arange(50.0))


@settings(deadline=None)
@given(st.floats(0.01, 1e7), st.none() | st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1)))
def test_marks_of_time_are_few_in_order_and_inside(duration_s: float, started_at: datetime | None) -> None:
    marks = time_marks(duration_s, started_at)
    times = [at_s for at_s, _ in marks]
    assert times == sorted(times)
    assert len(marks) <= 14
    assert all(-1e-3 <= at_s <= duration_s * 1.01 for at_s in times)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 50)), max_size=20))
def test_every_event_is_seen(spans: list[tuple[float, float]]) -> None:
    spans_s = np.array([[start, start + length] for start, length in spans]).reshape(-1, 2)
    shown = shown_spans(spans_s, 1050.0)
    assert all(end - start >= 1.49 for start, end in shown)
    assert all(first[1] < second[0] for first, second in pairwise(shown))
    assert all(any(low <= start <= high or start > 1048 for low, high in shown) for start, _ in spans_s.tolist())
