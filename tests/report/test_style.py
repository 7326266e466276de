from __future__ import annotations

import re
import subprocess
import sys
from importlib import resources
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from auscult.report.drawings import DARK_SHARE
from auscult.report.style import DARK, LIGHT, Theme, new_figure, printable, save_figure, text_over


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(first: str, second: str) -> float:
    brighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_and_lines_can_be_read(theme: Theme) -> None:
    assert contrast(theme.ink, theme.paper) >= 7
    assert contrast(theme.muted, theme.paper) >= 4.5
    assert all(contrast(color, theme.paper) >= 3 for color in theme.series)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("share", np.linspace(0, 1, 21))
def test_numbers_can_be_read_over_every_colour_of_quantity(theme: Theme, share: float) -> None:
    from matplotlib.colors import to_hex

    from auscult.report.style import colors_of_quantity

    behind = to_hex(colors_of_quantity(theme)(share))
    assert contrast(text_over(share, theme), behind) >= 3


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("share", np.linspace(0.03, 1, 40))
def test_numbers_can_be_read_over_the_cells_of_a_page(theme: Theme, share: float) -> None:
    """A cell of a page is paper under the strongest colour, as opaque as the share says."""
    mixed = [
        round(share * int(theme.strong[i : i + 2], 16) + (1 - share) * int(theme.paper[i : i + 2], 16))
        for i in (1, 3, 5)
    ]
    text = theme.paper if share > DARK_SHARE else theme.ink
    assert contrast(text, "#{:02x}{:02x}{:02x}".format(*mixed)) >= 3


def test_names_from_outside_fit_on_one_line() -> None:
    assert printable("a\nb\x00c\u2028d") == "a b c d"
    assert printable("\udce9") == "\ufffd"
    assert printable("名前 ✓") == "名前 ✓"
    for length, limit in combinations(range(1, 40), 2):
        short = printable("x" * limit, limit=length)
        assert len(short) == length


def test_glyphs_that_the_font_lacks_warn_of_nothing(tmp_path: Path) -> None:
    figure = new_figure(2, 1, theme=LIGHT)
    figure.text(0, 0.5, "雨 नमस्ते 🐕 שלום")
    save_figure(figure, tmp_path / "a.png")
    save_figure(figure, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_matplotlib_comes_with_the_first_picture_and_pyplot_never() -> None:
    program = """if True:
        import sys
        import auscult.report
        assert "matplotlib" not in sys.modules
        from auscult.report.style import LIGHT, new_figure
        new_figure(1, 1, theme=LIGHT)
        assert "matplotlib.figure" in sys.modules
        assert "matplotlib.pyplot" not in sys.modules
    """
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_a_page_has_the_colours_of_the_themes() -> None:
    css = resources.files("auscult.report").joinpath("page.css").read_text(encoding="utf-8")
    for theme, block in zip((LIGHT, DARK), css.split(":root {")[1:3], strict=True):
        said = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", block))
        own = (theme.paper, theme.ink, theme.muted, theme.line, theme.series[0], theme.series[2], theme.strong)
        assert own == tuple(said[name] for name in ("paper", "ink", "muted", "line", "blue", "green", "strong"))
