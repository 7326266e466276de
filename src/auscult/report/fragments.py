"""Pieces of HTML. Text from outside goes through `escaped`; what is `Html` is safe to put together."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NewType

from auscult.report.style import DARK, LIGHT, printable, webp_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Html = NewType("Html", str)
# Pixels of a page are 1/96 inch; pictures are drawn finer, for sharp screens and paper.
PAGE_DOTS_PER_INCH = 96


def escaped(text: object, *, lines: bool = False) -> Html:
    """Text from outside; `lines` keeps the ends of its lines.

    >>> escaped('<b> & "c"')
    '&lt;b&gt; &amp; &quot;c&quot;'
    """
    parts = str(text).splitlines() if lines else [str(text)]
    return Html("\n".join(html.escape(printable(part)) for part in parts))


def element(tag: str, *content: Html, **attributes: str) -> Html:
    """``element("td", text, class_="number")``; the values of attributes are escaped here.

    >>> element("p", escaped("1 < 2"), class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    named = "".join(f' {k.rstrip("_").replace("_", "-")}="{escaped(v)}"' for k, v in attributes.items())
    return Html(f"<{tag}{named}>{''.join(content)}</{tag}>")


def joined(parts: Iterable[Html]) -> Html:
    return Html("\n".join(parts))


def section(identity: str, heading: str, *content: Html) -> Html:
    """A part of the page that can be linked to."""
    title = element("h2", escaped(heading), id=f"{identity}-heading")
    return element("section", title, *content, id=identity, aria_labelledby=f"{identity}-heading")


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Html]], *, caption: str) -> Html:
    """A table that scrolls by itself where it is too wide.

    Parameters
    ----------
    columns : (heading, class of its cells): "text", "number" or "wide"
    rows : cells; the first of a row is its heading
    caption : what the table shows
    """
    head = joined(element("th", escaped(name), scope="col", class_=kind) for name, kind in columns)
    body = joined(element("tr", _row(columns, row)) for row in rows)
    whole = element(
        "table",
        element("caption", escaped(caption)),
        element("thead", element("tr", head)),
        element("tbody", body),
    )
    # Focusable, so that the keyboard can scroll it too.
    return element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _row(columns: Sequence[tuple[str, str]], row: Sequence[Html]) -> Html:
    kinds = [kind for _, kind in columns]
    first = element("th", row[0], scope="row", class_=kinds[0])
    rest = (element("td", cell, class_=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True))
    return Html(first + "".join(rest))


def definitions(pairs: Iterable[tuple[str, Html]]) -> Html:
    """Names with values."""
    return element("dl", *(element("div", element("dt", escaped(k)), element("dd", v)) for k, v in pairs))


def bar(share: float, *, low: float | None = None, high: float | None = None) -> Html:
    """A bar from 0 to `share` in [0, 1]; with bounds, a line between them and a dot at `share`.

    It repeats what stands in numbers beside it, so it is hidden from screen readers.
    """
    if low is None or high is None:
        inside = element("span", style=f"width:{_percent(share)}", class_="fill")
    else:
        inside = Html(
            element("span", style=f"left:{_percent(low)};width:{_percent(high - low)}", class_="range")
            + element("span", style=f"left:{_percent(share)}", class_="dot")
        )
    return element("span", inside, class_="bar", aria_hidden="true")


def picture(draw: Callable[..., Figure], *, alt: str, least_px: int = 0) -> Html:
    """A drawing inside the page, once for light and once for dark screens; on paper it is the light one.

    Parameters
    ----------
    draw : gives the figure; called with `theme`
    alt : what can be learned from it
    least_px : narrower than this it scrolls by itself instead of shrinking further
    """
    figure = draw(theme=LIGHT)
    width_in, height_in = figure.get_size_inches()
    dark = element(
        "source",
        srcset=data_uri(webp_bytes(draw(theme=DARK)), "image/webp"),
        media="screen and (prefers-color-scheme: dark)",
    ).removesuffix("</source>")
    light = element(
        "img",
        src=data_uri(webp_bytes(figure), "image/webp"),
        alt=alt,
        width=str(round(width_in * PAGE_DOTS_PER_INCH)),
        height=str(round(height_in * PAGE_DOTS_PER_INCH)),
        **({"style": f"min-width:{least_px}px"} if least_px else {}),
    ).removesuffix("</img>")
    return element("div", element("picture", Html(dark), Html(light)), class_="picture scroll", tabindex="0")


def data_uri(content: bytes, media_type: str) -> str:
    """Bytes as an address that needs no network."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.2f}%"
