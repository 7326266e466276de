from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from auscult.errors import OutputError
from auscult.metrics import ClassFigures, Figure
from auscult.report import Mistake, RunReport, report_html, write_report
from auscult.report.data_report import Lengths

VOID = {"meta", "img", "source"}


class Outline(HTMLParser):
    """Elements in order, with a check that all are closed in turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page(run_report: RunReport) -> str:
    return report_html(run_report)


def test_it_is_well_formed_and_speaks_of_everything(page: str) -> None:
    outline = Outline(page)
    assert outline.all("html") == [{"lang": "en"}]
    sections = [attributes["id"] for attributes in outline.all("section")]
    assert sections == ["result", "learning", "confusion", "classes", "mistakes", "model", "data", "repeat"]
    assert [link["href"] for link in outline.all("a")] == [f"#{name}" for name in sections]
    assert len(outline.all("h1")) == 1
    said = [picture["aria-label"] for picture in outline.all("svg")]
    assert said[-1] == "Clips of each of 4 classes, in each part of the data."
    assert len(said) == 4
    assert all([*said, *(image["alt"] for image in outline.all("img"))])
    assert all(heading.get("scope") in ("col", "row") for heading in outline.all("th"))
    assert len(outline.all("caption")) == len(outline.all("table")) == 3


def test_no_script_can_come_in_by_a_name(page: str) -> None:
    outline = Outline(page)
    names = {name for name, _ in outline.elements}
    assert "script" not in names
    assert "b" not in names
    assert not any(key.startswith("on") for _, attributes in outline.elements for key in attributes)
    assert "<script>alert('label')</script>" in outline.words
    assert "a/<img src=x onerror=alert(1)>\ufffd.wav" in outline.words
    assert "Run of <b>today</b>" in outline.words


def test_nothing_is_fetched(page: str) -> None:
    outline = Outline(page)
    addresses = [attributes.get(key) or "" for _, attributes in outline.elements for key in ("src", "srcset", "href")]
    assert {address.split(":")[0] for address in addresses if address and address[0] != "#"} == {"data"}
    assert "link" not in {name for name, _ in outline.elements}
    assert "url(" not in page
    assert "default-src &#x27;none&#x27;" in page


@pytest.mark.parametrize(
    ("field", "section"),
    [("curves", "learning"), ("classes", "classes"), ("mistakes", "mistakes")],
)
def test_what_is_empty_is_left_out(run_report: RunReport, field: str, section: str) -> None:
    without = report_html(dataclasses.replace(run_report, **{field: ()}))
    assert f'id="{section}"' not in without
    assert f'href="#{section}"' not in without


def test_a_title_alone_is_a_page() -> None:
    assert Outline(report_html(RunReport("Nothing yet"))).all("section") == []


def texts(page: str) -> str:
    return re.sub(r"\s+", " ", " ".join(Outline(page).words))


def test_shares_are_in_percent_and_losses_are_not() -> None:
    metrics = {
        "accuracy": Figure(0.9125, 0.855, 0.9501, 80),
        "log_loss": Figure(0.25, 0.2, 0.3125, 80),
        "macro_f1": Figure(1.0, None, None, 80),
        "macro_auroc": Figure(None, None, None, 80),
    }
    words = texts(report_html(RunReport("Run", metrics=metrics)))
    assert "91.2 % Accuracy 80 clips, 95 % interval 85.5 – 95.0 %" in words
    assert "lower is better 0.250 0.200 – 0.312" in words
    assert "mean F1 of the classes 100.0 % –" in words
    assert "mean of the classes – –" in words


def test_weakest_classes_come_first_and_unknown_ones_last() -> None:
    classes = (
        ClassFigures("none", 0, precision=None, recall=None, f1=None),
        ClassFigures("good", 4, precision=1.0, recall=0.75, f1=0.857),
        ClassFigures("weak", 4, precision=0.5, recall=0.25, f1=0.333),
    )
    words = texts(report_html(RunReport("Run", classes=classes)))
    assert "weak 4 25.0 % 50.0 % 33.3 % good 4 75.0 % 100.0 % 85.7 % none 0 – – –" in words
    assert "AUROC" not in words
    ranked = (ClassFigures("a", 1, 0.5, 0.5, 0.5, auroc=0.875, average_precision=0.625),)
    assert "AUROC Average precision a 1 50.0 % 50.0 % 50.0 % 87.5 % 62.5 %" in texts(
        report_html(RunReport("Run", classes=ranked))
    )


def test_a_mistake_may_have_nothing_to_see_or_hear() -> None:
    mistake = Mistake("clip.wav", true=("a", "b"), predicted=(), predictions=())
    page = report_html(RunReport("Run", mistakes=(mistake,)))
    assert "a, b taken for nothing clip.wav" in re.sub(r" +", " ", texts(page))
    assert not Outline(page).all("audio")
    assert not Outline(page).all("svg")


def test_the_same_report_is_the_same_file(run_report: RunReport, page: str, tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", run_report)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"report\.html: cannot be written"):
        write_report(tmp_path / "file" / "report.html", RunReport("Run"))


@pytest.mark.browser
def test_on_paper_it_is_light_and_without_players(page: str, tmp_path: Path, browser: Any) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    tab = browser.new_page(color_scheme="dark")
    tab.goto(path.as_uri())
    tab.emulate_media(media="print")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert tab.evaluate("getComputedStyle(document.querySelector('audio')).display") == "none"
    cell, number = (f"getComputedStyle(document.querySelector('{one}')).fill" for one in (".cell", ".picture text"))
    assert tab.evaluate(cell) == "rgb(12, 60, 117)"
    assert tab.evaluate(number) == "rgb(28, 36, 48)"
    # The light pictures, not those of dark screens.
    # The browser chooses them anew some moments after the medium has changed.
    tab.wait_for_function("[...document.images].every(image => image.currentSrc === image.src)")
    tab.close()


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1180), ("dark", 1180), ("light", 390)])
def test_in_a_browser(page: str, tmp_path: Path, browser: Any, scheme: str, width: int) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}, offline=True)
    tab = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    tab.wait_for_function("[...document.querySelectorAll('audio')].every(a => a.readyState > 0 || a.error)")
    assert said == []
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}
    assert [url for url in asked if url.startswith("file:")] == [path.as_uri()]
    assert tab.evaluate("[...document.images].map(image => image.naturalWidth > 0)") == [True]
    assert tab.evaluate("[...document.querySelectorAll('audio')].map(a => [a.error, a.duration])") == [[None, 1]]
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    # What is written in a picture stays in it.
    inside = """svg => [...svg.querySelectorAll('text')].every(text => {
        const [box, frame] = [text.getBoundingClientRect(), svg.getBoundingClientRect()];
        return box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;
    })"""
    assert tab.evaluate(f"[...document.querySelectorAll('svg')].map({inside})") == [True] * 4
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(16, 20, 26)" if scheme == "dark" else "rgb(246, 247, 249)")
    context.close()


def test_lengths_are_drawn_where_they_differ(run_report: RunReport) -> None:
    assert run_report.data is not None
    one, several = (
        report_html(
            dataclasses.replace(run_report, data=dataclasses.replace(run_report.data, lengths=Lengths.of(durations_s)))
        )
        for durations_s in ([4.0, 4.0], [1.0, 2.5])
    )
    assert "<dd>4 s</dd>" in one
    assert "Lengths of 2 clips" in several
    assert "Lengths of" not in one
