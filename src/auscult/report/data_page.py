"""The page about a dataset: one HTML file like the report of a run, with the pictures inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from auscult.files import write_text
from auscult.report.data_drawings import draw_example_sheet, draw_lengths
from auscult.report.data_report import DataFinding, DataReport, SamePair
from auscult.report.drawings import draw_class_bars
from auscult.report.fragments import Html, definitions, element, escaped, joined, table
from auscult.report.html import page_html

MOST_PAIRS = 200


def write_data_page(path: str | Path, report: DataReport) -> None:
    """Write `report` to `path` as one HTML file, whole or not at all.

    Raises
    ------
    OutputError : where it cannot be written
    MissingExtraError : where matplotlib is absent
    """
    write_text(path, data_page_html(report))


def data_page_html(report: DataReport) -> Html:
    """The page as text; sections without content are left out."""
    n_clips = [sum(of_part) for of_part in zip(*report.clips_of_classes.values(), strict=True)]
    classes_alt = (
        f"Clips of each of {len(report.labels)} classes, {min(n_clips, default=0)} to {max(n_clips, default=0)}."
    )
    parts = [
        ("data", "Data", definitions([(name, escaped(value)) for name, value in report.facts.items()])),
        ("findings", "What was found", _findings(report.findings)),
        ("same", "The same sound twice", _pairs(report.pairs)),
        ("unreadable", "Cannot be used", _unreadable(report.unreadable)),
        (
            "classes",
            "Classes",
            draw_class_bars(report.labels, report.clips_of_classes, alt=classes_alt) if n_clips else Html(""),
        ),
        ("lengths", "Lengths", Html("") if report.lengths is None else draw_lengths(report.lengths)),
        ("examples", "Examples", Html("") if report.sheet is None else draw_example_sheet(report.sheet)),
    ]
    return page_html(report.title, parts, eyebrow="auscult data")


def _findings(findings: Sequence[DataFinding]) -> Html:
    if not findings:
        return Html("")
    return joined(
        element(
            "p",
            escaped(finding.text),
            **({"class_": "warning", "role": "note"} if finding.harms else {"class_": "note"}),
        )
        for finding in findings
    )


def _pairs(pairs: Sequence[SamePair]) -> Html:
    if not pairs:
        return Html("")
    rows = [
        (
            escaped(pair.first),
            escaped(pair.second),
            escaped(pair.where),
            escaped(f"{pair.common_s:.1f} s"),
            escaped(f"{pair.similarity:.2f}"),
        )
        for pair in pairs[:MOST_PAIRS]
    ]
    columns = [("Clip", "text"), ("Clip", "text"), ("Where", "text"), ("In common", "number"), ("Alike", "number")]
    more = f", the first {MOST_PAIRS} of {len(pairs)}" if len(pairs) > MOST_PAIRS else ""
    return table(columns, rows, caption=f"Pairs of clips that hold the same sound{more}")


def _unreadable(problems: Sequence[tuple[str, str]]) -> Html:
    if not problems:
        return Html("")
    rows = [(escaped(name), escaped(reason)) for name, reason in problems]
    return table([("Sound", "text"), ("Reason", "text")], rows, caption="Sounds that were left out")
