"""Pictures of a dataset inside pages; see `drawings`."""

from __future__ import annotations

import numpy as np

from auscult.features.picture import spectrogram_image
from auscult.report.data_report import Example, ExampleSheet, Lengths
from auscult.report.drawings import TEXT, block, short, svg, webp_uri, words
from auscult.report.fragments import Html, element
from auscult.report.plots import fewer_columns, frequency_marks
from auscult.report.style import printable

LENGTHS_WIDTH, LENGTHS_HEIGHT = 560.0, 150.0
# A cell of the sheet: the picture, and a line below it for the name.
IMAGE_WIDTH, IMAGE_HEIGHT, COLUMN_GAP = 300.0, 96.0, 14.0
LEFT, ROW_HEIGHT, HEADING = 58.0, 150.0, 22.0
IMAGE_COLUMNS = 400
MOST_ROWS = 100
SCALE_WIDTH = 220.0


def draw_lengths(lengths: Lengths) -> Html:
    """How many clips have which length; bars have one width each, whatever they span."""
    n, most = len(lengths.counts), max(lengths.counts)
    width = LENGTHS_WIDTH / n if n > 1 else 60.0
    top, left = 18.0, 12.0
    bottom = top + LENGTHS_HEIGHT
    parts = []
    for i, count in enumerate(lengths.counts):
        # One clip among thousands is still to be seen.
        height = max(1.5, LENGTHS_HEIGHT * count / most) if count else 0.0
        x = left + i * width
        parts.append(block(x + 1, bottom - height, width - 2, 0, height=height))
        if count:
            parts.append(words(x + width / 2, bottom - height - 4, str(count), size=TEXT, place="middle", look="muted"))
    names = lengths.names()
    every = max(1, -(-len(names) // 14))
    for i, name in enumerate(names[:1] if n == 1 else names):
        if i % every == 0:
            x = left + (width / 2 if n == 1 else i * width)
            parts.append(words(x, bottom + 15, name, size=TEXT, place="middle", look="muted"))
    whole = left + n * width + 20
    parts.append(words(whole / 2, bottom + 33, "length (s)", size=TEXT, place="middle", look="muted"))
    alt = f"Lengths of {sum(lengths.counts)} clips, from {names[0]} to {names[-1]} seconds."
    return svg(whole, bottom + 40, parts, alt=alt, least_px=min(whole, 480))


def draw_example_sheet(sheet: ExampleSheet) -> Html:
    """A row a class: a few clips of it, each over its own length, all on one scale of colours."""
    rows = sheet.rows[:MOST_ROWS]
    n_columns = max(len(examples) for _, examples in rows)
    parts = _scale(sheet)
    for row, (label, examples) in enumerate(rows):
        top = 44.0 + row * ROW_HEIGHT
        parts.append(words(LEFT, top + 14, printable(label, limit=60), size=TEXT + 3))
        for column, example in enumerate(examples):
            left = LEFT + column * (IMAGE_WIDTH + COLUMN_GAP)
            parts += _example(example, sheet, left=left, top=top + HEADING, first=column == 0)
    width = LEFT + n_columns * (IMAGE_WIDTH + COLUMN_GAP)
    n_clips = sum(len(examples) for _, examples in rows)
    alt = f"Spectrograms of {n_clips} clips of {len(rows)} classes, all on one scale of levels."
    return svg(width, 44.0 + len(rows) * ROW_HEIGHT, parts, alt=alt, least_px=min(width, 720))


def _example(example: Example, sheet: ExampleSheet, *, left: float, top: float, first: bool) -> list[Html]:
    values = fewer_columns(example.spectrogram.log_mel, IMAGE_COLUMNS)
    image = spectrogram_image(values, low=sheet.low_db, high=sheet.high_db)
    place = {"x": left, "y": top, "width": IMAGE_WIDTH, "height": IMAGE_HEIGHT}
    parts = [
        element("image", href=webp_uri(image), preserveAspectRatio="none", **{k: short(v) for k, v in place.items()})
    ]
    named = f"{printable(example.name, limit=38)}, {example.duration_s:.3g} s"
    parts.append(words(left, top + IMAGE_HEIGHT + 15, named, size=TEXT, look="muted"))
    for row, name in frequency_marks(example.spectrogram)[::2] if first else []:
        y = top + IMAGE_HEIGHT * (1 - (row + 0.5) / len(values))
        parts.append(words(left - 5, y + 4, name, size=TEXT, place="end", look="muted"))
    return parts


def _scale(sheet: ExampleSheet) -> list[Html]:
    """The colours with the levels at their ends."""
    ramp = spectrogram_image(np.linspace(0, 1, 256, dtype=np.float32)[np.newaxis], low=0.0, high=1.0)
    parts = [words(8, 14, "Hz", size=TEXT, look="muted")]
    quiet, loud = f"{sheet.low_db:.0f} dB", f"{sheet.high_db:.0f} dB"
    parts.append(words(LEFT, 14, quiet, size=TEXT, look="muted"))
    left = LEFT + 52
    place = {"x": left, "y": 5.0, "width": SCALE_WIDTH, "height": 10.0}
    parts.append(
        element("image", href=webp_uri(ramp), preserveAspectRatio="none", **{k: short(v) for k, v in place.items()})
    )
    parts.append(words(left + SCALE_WIDTH + 8, 14, f"{loud}, the loudest moment of all", size=TEXT, look="muted"))
    return parts
