"""Pictures of a page, as SVG whose colours are the page's own: one drawing for light screens, dark ones and paper.

Lengths are CSS pixels. Colours and text sizes are in `page.css`, by the classes that elements have here.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from auscult.extras import require_extra
from auscult.features.picture import spectrogram_image
from auscult.metrics import normalise_rows
from auscult.report.charts import MOST_NAMED_CLASSES, percent, turn_of_names
from auscult.report.fragments import Html, data_uri, element, escaped
from auscult.report.plots import Spectrogram, fewer_columns, frequency_marks, range_of_colors
from auscult.report.style import shown_names, text_ems

TEXT = 11.0
SMALL_TEXT = 9.0
# Of a matrix without names: it shows its pattern.
SIDE_WITHOUT_NAMES = 900.0
# Where a cell is darker than this, its number is read in the colour of paper; see tests/report/test_drawings.py.
DARK_SHARE = 0.56

BAR_WIDTH, ROW_HEIGHT = 420.0, 19.0
N_SERIES = 3

SPECTROGRAM_SIZE = (326.0, 174.0)
SPECTROGRAM_COLUMNS = 640
# Left, top, right and bottom of the picture in it.
SPECTROGRAM_BOX = (54.0, 6.0, 318.0, 134.0)


def draw_confusion(matrix: NDArray[np.int64], labels: Sequence[str], *, normalised: bool, alt: str) -> Html:
    """Which class was taken for which: a row a true class, a column a decision.

    Parameters
    ----------
    matrix : int (true, predicted), clips
    labels : names of the classes, in the order of the matrix
    normalised : percent of the true class instead of clips; a class without clips has an empty row
    alt : what can be learned from it
    """
    n = len(labels)
    named = n <= MOST_NAMED_CLASSES
    text = TEXT if n <= 16 else SMALL_TEXT
    cell = (40.0 if n <= 16 else 23.0) if named else SIDE_WITHOUT_NAMES / n
    names = shown_names(labels) if named else []
    longest = text * max(map(text_ems, names), default=0.0)
    left, top, side = 26.0 + longest, 26.0, cell * n
    turn = -turn_of_names(n)
    title = "Percent of the true class" if normalised else "Clips"
    # Of two classes, the title is wider than the matrix.
    width = left + max(side, (TEXT + 2) * text_ems(title)) + 2
    height = top + side + 30 + longest * abs(math.sin(math.radians(turn)))
    parts = [
        words(left, 14, title, size=TEXT + 2),
        words(left + side / 2, height - 4, "decided", size=TEXT, place="middle", look="muted"),
        words(12, top + side / 2, "true", size=TEXT, place="middle", look="muted", turn=-90),
    ]
    for i, name in enumerate(names):
        middle = (i + 0.5) * cell
        parts.append(words(left - 6, top + middle + text / 3, name, size=text, place="end"))
        parts.append(words(left + middle + text / 3, top + side + text, name, size=text, place="end", turn=turn))
    parts += _cells(matrix, cell=cell, corner=(left, top), size=text if named else None, normalised=normalised)
    parts.append(_grid(left, top, side, n if named else 1))
    return svg(width, height, parts, alt=alt, least_px=min(width, 150 + 26 * n, 1300) if n > 4 else 0)


def _cells(
    matrix: NDArray[np.int64], *, cell: float, corner: tuple[float, float], size: float | None, normalised: bool
) -> Iterable[Html]:
    """What is not zero; the eye finds what is there. Without `size`, numbers are left out."""
    shares = normalise_rows(matrix)
    for row, column in np.argwhere(matrix > 0):
        x, y = corner[0] + column * cell, corner[1] + row * cell
        # Colour is the share of the true class in counts too: a rare class is as visible as a frequent one.
        share = float(shares[row, column])
        opacity = short(max(0.03, round(share, 3)))
        side = short(cell)
        yield element("rect", x=short(x), y=short(y), width=side, height=side, class_="cell", fill_opacity=opacity)
        if size is not None:
            said = percent(share) if normalised else str(matrix[row, column])
            look = "over" if share > DARK_SHARE else ""
            yield words(x + cell / 2, y + cell / 2 + size / 3, said, size=size, place="middle", look=look)


def _grid(left: float, top: float, side: float, n: int) -> Html:
    steps = [i * side / n for i in range(n + 1)]
    across = (f"M{short(left)} {short(top + step)}h{short(side)}" for step in steps)
    down = (f"M{short(left + step)} {short(top)}v{short(side)}" for step in steps)
    return element("path", d="".join([*across, *down]), class_="grid")


def draw_class_bars(labels: Sequence[str], counts: Mapping[str, Sequence[int]], *, alt: str) -> Html:
    """How many clips each class has, the parts of the data (training, test, ...) one after another in a bar.

    Parameters
    ----------
    labels : names of the classes
    counts : name of the part -> clips of each class, in the order of `labels`
    alt : what can be learned from it
    """
    names = shown_names(labels)
    left = 8 + TEXT * max(map(text_ems, names), default=0.0)
    top = 26.0 if len(counts) > 1 else 4.0
    totals = np.sum(list(counts.values()), axis=0)
    scale = BAR_WIDTH / max(1, int(totals.max(initial=0)))
    parts = _legend(left, list(counts)) if len(counts) > 1 else []
    for row, name in enumerate(names):
        y, x = top + row * ROW_HEIGHT, left
        parts.append(words(left - 8, y + 12.5, name, size=TEXT, place="end"))
        for index, of_part in enumerate(counts.values()):
            length = scale * of_part[row]
            parts.append(block(x, y + 2, length, index))
            x += length
        parts.append(words(x + 5, y + 12.5, str(totals[row]), size=TEXT, look="muted"))
    return svg(left + BAR_WIDTH + 44, top + len(names) * ROW_HEIGHT + 4, parts, alt=alt, least_px=520)


def _legend(left: float, names: Sequence[str]) -> list[Html]:
    parts, x = [], left
    for index, name in enumerate(names):
        parts += [block(x, 4, 14, index, height=10), words(x + 19, 13, name, size=TEXT)]
        x += 36 + TEXT * text_ems(name)
    return parts


def block(x: float, y: float, width: float, series: int, height: float = ROW_HEIGHT - 5) -> Html:
    """A bar of the colour of a series."""
    place = {"x": x, "y": y, "width": width, "height": height}
    return element("rect", class_=f"series-{series % N_SERIES}", **{k: short(v) for k, v in place.items()})


def draw_spectrogram(spectrogram: Spectrogram, *, alt: str) -> Html:
    """One sound: time in seconds to the right, frequency in Hz upwards on the mel scale."""
    left, top, right, bottom = SPECTROGRAM_BOX
    values = fewer_columns(spectrogram.log_mel, SPECTROGRAM_COLUMNS)
    low, high = range_of_colors(values)
    place = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    parts = [
        element(
            "image",
            href=webp_uri(spectrogram_image(values, low=low, high=high)),
            preserveAspectRatio="none",
            **{k: short(v) for k, v in place.items()},
        ),
        words((left + right) / 2, bottom + 34, "time (s)", size=TEXT, place="middle", look="muted"),
        words(11, (top + bottom) / 2, "frequency (Hz)", size=TEXT, place="middle", look="muted", turn=-90),
    ]
    for row, name in frequency_marks(spectrogram):
        y = bottom - (row + 0.5) / len(values) * (bottom - top)
        parts.append(words(left - 5, y + 4, name, size=TEXT, place="end", look="muted"))
    for time_s in _round_times(spectrogram.duration_s):
        x = left + time_s / spectrogram.duration_s * (right - left)
        parts.append(words(x, bottom + 15, f"{time_s:g}", size=TEXT, place="middle", look="muted"))
    return svg(*SPECTROGRAM_SIZE, parts, alt=alt)


def _round_times(duration_s: float) -> list[float]:
    """About five round times from 0 to the end.

    >>> _round_times(5.0), _round_times(0.13)
    ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 0.05, 0.1])
    """
    tenth = 10.0 ** math.floor(math.log10(duration_s / 5))
    step = next(factor * tenth for factor in (1, 2, 5, 10) if duration_s / (factor * tenth) <= 6)
    return [round(i * step, 9) for i in range(math.floor(duration_s / step + 1e-6) + 1)]


def webp_uri(image: NDArray[np.uint8]) -> str:
    """A picture `(height, width, 3)` as an address that holds it."""
    matplotlib_image = require_extra("matplotlib.image", extra="plot", purpose="drawing pictures")
    buffer = io.BytesIO()
    matplotlib_image.imsave(buffer, image, format="webp", pil_kwargs={"quality": 85})
    return data_uri(buffer.getvalue(), "image/webp")


def words(
    x: float, y: float, text: str, *, size: float, place: str = "start", look: str = "", turn: float = 0.0
) -> Html:
    """Words that start, end or have their middle at x, on the line y; turned by degrees about that point."""
    attributes = {"x": short(x), "y": short(y), "font_size": short(size)}
    if place != "start":
        attributes["text_anchor"] = place
    if look:
        attributes["class_"] = look
    if turn:
        attributes["transform"] = f"rotate({short(turn)} {short(x)} {short(y)})"
    return element("text", escaped(text), **attributes)


def svg(width: float, height: float, parts: Iterable[Html], *, alt: str, least_px: float = 0) -> Html:
    """A picture that shrinks with the page; below `least_px` it scrolls by itself instead."""
    drawn = element(
        "svg",
        *parts,
        viewBox=f"0 0 {short(width)} {short(height)}",
        width=short(width),
        height=short(height),
        role="img",
        aria_label=alt,
        **({"style": f"min-width:{short(least_px)}px"} if least_px else {}),
    )
    return element("div", drawn, class_="picture scroll", tabindex="0")


def short(value: float) -> str:
    """A number as an attribute of SVG."""
    return f"{round(value, 3):g}" if abs(value) < 1e5 else f"{value:.0f}"
