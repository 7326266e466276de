"""What all pictures share: colours, axes, text from outside, and how a figure becomes a file.

Only matplotlib's objects are used, never pyplot: nothing is global, and plotting works in any thread and
without a display. Colours are apart for the colour-blind (blue, orange, green in different lightness), and no
meaning rests on colour alone.
"""

from __future__ import annotations

import io
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auscult.extras import require_extra
from auscult.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

DOTS_PER_INCH = 160
TEXT_POINTS = 9.0
SMALL_POINTS = 8.0
# Labels and file names come from outside; a dollar sign in them is a dollar sign and no formula.
PLAIN: dict[str, Any] = {"parse_math": False}


@dataclass(frozen=True)
class Theme:
    """Colours of a picture, as ``#rrggbb``."""

    paper: str
    ink: str
    muted: str
    line: str
    series: tuple[str, str, str]
    strong: str
    """Where scales of quantity end; they begin at `paper`."""


LIGHT = Theme("#ffffff", "#1c2430", "#5f6b7a", "#e2e6eb", ("#1f66ad", "#c8691c", "#2b8a66"), "#0c3c75")
DARK = Theme("#171c23", "#e6eaf0", "#9aa5b4", "#2d3641", ("#74b0ee", "#eda35f", "#72cba8"), "#a9d2ff")


def new_figure(width_in: float, height_in: float, *, theme: Theme, arranged: bool = True) -> Figure:
    """An empty figure of that size in inches, whose parts find their places themselves if `arranged`."""
    figure_module = require_extra("matplotlib.figure", extra="plot", purpose="drawing pictures")
    agg = require_extra("matplotlib.backends.backend_agg", extra="plot", purpose="drawing pictures")
    figure: Figure = figure_module.Figure(
        figsize=(width_in, height_in),
        dpi=DOTS_PER_INCH,
        layout="constrained" if arranged else None,
        facecolor=theme.paper,
    )
    agg.FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG; the file appears whole or not at all.

    Raises
    ------
    OutputError : where it cannot be written
    """
    # Without a version in it, the file does not change with matplotlib's patch releases.
    write_bytes(path, _rendered(figure, format="png", metadata={"Software": None}))


def webp_bytes(figure: Figure) -> bytes:
    """A figure as WebP, for pages: half of PNG's bytes."""
    return _rendered(figure, format="webp", pil_kwargs={"lossless": True})


def _rendered(figure: Figure, **how: Any) -> bytes:
    buffer = io.BytesIO()
    with _any_script():
        figure.savefig(buffer, dpi=DOTS_PER_INCH, **how)
    return buffer.getvalue()


@contextmanager
def _any_script() -> Iterator[None]:
    # The font that comes with matplotlib lacks many scripts. A box in place of a letter is no reason to warn:
    # the tables beside the pictures spell every label.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from", category=UserWarning)
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support", category=UserWarning)
        yield


def printable(text: str, *, limit: int | None = None) -> str:
    """Text from outside, fit to be shown on one line.

    Control characters become spaces, halves of surrogate pairs (file names that are no UTF-8) the replacement
    character; beyond `limit` characters the middle is left out.

    >>> printable("rain\\tand \\udce9"), printable("a_very_long_name.wav", limit=9)
    ('rain and \ufffd', 'a_ve….wav')
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = "".join(character if character.isprintable() else " " for character in text)
    if limit is None or len(text) <= limit:
        return text
    return f"{text[: limit // 2]}…{text[len(text) - (limit - 1) // 2 :]}"


def text_ems(text: str) -> float:
    """About how wide a line of text is in most fonts, in multiples of their size; rather too much than too little.

    >>> text_ems("rain"), text_ems("雨")
    (2.4, 1.0)
    """
    return sum(1.0 if unicodedata.east_asian_width(character) in "WF" else 0.6 for character in text)


def dress(axes: Axes, theme: Theme, *, title: str = "", x: str = "", y: str = "") -> None:
    """Quiet axes: no box, thin lines, small text, the title at the left."""
    axes.set_facecolor(theme.paper)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(theme.line)
    axes.tick_params(colors=theme.muted, labelsize=SMALL_POINTS, length=2.5, width=0.6)
    if title:
        axes.set_title(title, loc="left", fontsize=TEXT_POINTS + 1, color=theme.ink, pad=8, **PLAIN)
    axes.set_xlabel(x, fontsize=SMALL_POINTS, color=theme.muted)
    axes.set_ylabel(y, fontsize=SMALL_POINTS, color=theme.muted)


def colors_of_quantity(theme: Theme) -> Colormap:
    """From paper (nothing) to strong (most), through the first colour of series."""
    colors = require_extra("matplotlib.colors", extra="plot", purpose="drawing pictures")
    scale: Colormap = colors.LinearSegmentedColormap.from_list(
        "quantity", [(0.0, theme.paper), (0.6, theme.series[0]), (1.0, theme.strong)]
    )
    return scale


def text_over(share: float, theme: Theme) -> str:
    """The colour of text that is read over `colors_of_quantity` at `share` of its range."""
    return theme.paper if share > 0.42 else theme.ink


def shown_names(labels: Sequence[str]) -> list[str]:
    """Labels on one line each, shortened to what fits beside a picture."""
    return [printable(label, limit=32) for label in labels]


def name_ticks(axes: Axes, labels: Sequence[str], *, along: str, points: float, turn: float = 0.0) -> None:
    """A label for each row or column of a matrix, shortened to what fits; those of columns rise by `turn` degrees."""
    names = shown_names(labels)
    if along == "y":
        axes.set_yticks(range(len(names)), names, fontsize=points, **PLAIN)
        return
    anchored: dict[str, Any] = {} if turn == 90 else {"ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(len(names)), names, fontsize=points, rotation=turn, **anchored, **PLAIN)
