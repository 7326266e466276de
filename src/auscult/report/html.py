"""The report of a run: one HTML file that holds everything it shows.

Pictures and sounds are inside it, there is no script, and a content policy in the page forbids the browser to
load or run anything else, whatever a label or file name holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auscult.files import write_text
from auscult.metrics import ClassFigures, Figure, normalise_rows
from auscult.report.charts import plot_learning_curves
from auscult.report.data_drawings import draw_lengths
from auscult.report.drawings import draw_class_bars, draw_confusion, draw_spectrogram
from auscult.report.fragments import (
    Html,
    bar,
    data_uri,
    definitions,
    element,
    escaped,
    joined,
    picture,
    section,
    table,
)
from auscult.report.run_report import Mistake, ModelFacts, RunReport

POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
UNKNOWN = escaped("–")
# What a figure is called, what it means, and whether it is a share, shown in percent.
FIGURES: dict[str, tuple[str, str, bool]] = {
    "accuracy": ("Accuracy", "clips that are decided rightly", True),
    "balanced_accuracy": ("Balanced accuracy", "mean recall of the classes", True),
    "macro_f1": ("Macro F1", "mean F1 of the classes", True),
    "micro_f1": ("Micro F1", "F1 over all decisions", True),
    "top_5_accuracy": ("Top-5 accuracy", "clips whose class is among the five best", True),
    "mean_average_precision": (
        "Mean average precision",
        "precision over all thresholds, mean of the classes",
        True,
    ),
    "macro_auroc": (
        "Macro AUROC",
        "chance that a clip with the class scores higher, mean of the classes",
        True,
    ),
    "subset_accuracy": ("Subset accuracy", "clips with every class decided rightly", True),
    "log_loss": ("Log loss", "surprise at the true class in nats; lower is better", False),
    "ece": ("Calibration error", "how far scores are from the share that is right; lower is better", True),
}
N_CONFUSIONS = 8


def write_report(path: str | Path, report: RunReport) -> None:
    """Write `report` to `path` as one HTML file, whole or not at all.

    Raises
    ------
    OutputError : where it cannot be written
    MissingExtraError : where matplotlib is absent
    """
    write_text(path, report_html(report))


def report_html(report: RunReport) -> Html:
    """The page as text; sections without content are left out."""
    parts = [
        ("result", "Result", _result(report)),
        ("learning", "Learning curves", _learning(report)),
        ("confusion", "Confusion", _confusion(report)),
        ("classes", "Classes", _classes(report.classes)),
        ("mistakes", "Worst mistakes", _mistakes(report.mistakes)),
        ("model", "Model", _model(report.model)),
        ("data", "Data", _data(report)),
        ("repeat", "Repeat it", _repeat(report)),
    ]
    return page_html(report.title, parts, eyebrow="auscult report")


def page_html(title: str, parts: Sequence[tuple[str, str, Html]], *, eyebrow: str) -> Html:
    """A page of sections (identity, heading, content), those without content left out; `eyebrow` stands above all."""
    filled = [(identity, heading, content) for identity, heading, content in parts if content]
    links = (element("li", element("a", escaped(h), href=f"#{i}")) for i, h, _ in filled)
    header = element(
        "header",
        element("p", escaped(eyebrow), class_="eyebrow"),
        element("h1", escaped(title)),
        element("nav", element("ul", *links), aria_label="Sections"),
    )
    main = element("main", *(section(i, h, content) for i, h, content in filled))
    return _document(title, Html(header + main))


def _document(title: str, body: Html) -> Html:
    style = resources.files("auscult.report").joinpath("page.css").read_text(encoding="utf-8")
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escaped(POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escaped(title)}</title><style>\n{style}</style>"
    )
    return Html(f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n')


def _result(report: RunReport) -> Html:
    if not (report.metrics or report.notes or report.warnings):
        return Html("")
    parts = []
    if report.metrics:
        name, figure = next(iter(report.metrics.items()))
        parts.append(_headline(name, figure))
    parts += [element("p", escaped(warning), class_="warning", role="note") for warning in report.warnings]
    if report.metrics:
        parts.append(_figures(report))
    parts += [element("p", escaped(note), class_="note") for note in report.notes]
    return joined(parts)


def _headline(name: str, figure: Figure) -> Html:
    title, _, is_share = _described(name)
    number = element("strong", _number(figure.value, is_share), class_="headline-value")
    interval = _interval(figure, is_share)
    bounds = "no interval can be said" if interval == UNKNOWN else f"95 % interval {interval}"
    return element(
        "div",
        element("p", number, element("span", escaped(title), class_="headline-name"), class_="headline-line"),
        element("p", escaped(f"{_count(figure.n, 'clip')}, {bounds}{_caveat(figure)}"), class_="headline-more"),
        class_="headline",
    )


def _caveat(figure: Figure) -> str:
    return f" ({figure.caveat})" if figure.caveat else ""


def _figures(report: RunReport) -> Html:
    rows = []
    for name, figure in report.metrics.items():
        title, meaning, is_share = _described(name)
        drawn = is_share and figure.value is not None
        rows.append(
            (
                Html(escaped(title) + element("span", escaped(meaning), class_="meaning")),
                _number(figure.value, is_share),
                joined([_interval(figure, is_share), escaped(_caveat(figure))]),
                bar(figure.value or 0, low=figure.low, high=figure.high) if drawn else Html(""),
            )
        )
    columns = [("Figure", "text"), ("Value", "number"), ("95 % interval", "number"), ("0 to 100 %", "wide")]
    return table(columns, rows, caption="Figures with their intervals")


def _learning(report: RunReport) -> Html:
    if not report.curves:
        return Html("")
    last = {key: value for key, value in report.curves[-1].items() if isinstance(value, float)}
    ends = ", ".join(f"{key.replace('_', ' ')} {value:.3g}" for key, value in last.items() if key != "epoch")
    alt = f"Learning curves over {_count(len(report.curves), 'epoch')}; at the end: {ends}."
    return picture(partial(plot_learning_curves, report.curves), alt=alt, least_px=640)


def _confusion(report: RunReport) -> Html:
    if report.confusion is None:
        return Html("")
    matrix, labels = report.confusion, report.labels
    pictures = []
    for normalised, what in ((False, "in clips"), (True, "in percent of the true class")):
        alt = f"Confusion matrix {what}, {int(np.trace(matrix))} of {int(matrix.sum())} clips on the diagonal."
        pictures.append(draw_confusion(matrix, labels, normalised=normalised, alt=alt))
    kind = "pair" if len(labels) <= 12 else "stack"
    return joined([element("div", *pictures, class_=kind), _most_confused(matrix, labels)])


def _most_confused(matrix: NDArray[np.int64], labels: Sequence[str]) -> Html:
    wrong = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:N_CONFUSIONS]
    pairs = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True) if wrong[i, j]]
    if not pairs:
        return element("p", escaped("No clip was taken for another class."), class_="note")
    shares = normalise_rows(matrix)
    rows = [
        (escaped(labels[i]), escaped(labels[j]), escaped(wrong[i, j]), _number(float(shares[i, j]), True))
        for i, j in pairs
    ]
    columns = [("True", "text"), ("Taken for", "text"), ("Clips", "number"), ("Of the class", "number")]
    return table(columns, rows, caption="Most frequent confusions")


def _classes(classes: Sequence[ClassFigures]) -> Html:
    if not classes:
        return Html("")
    ranked = any(figures.average_precision is not None for figures in classes)
    columns = [
        ("Class", "text"),
        ("Clips", "number"),
        ("Recall", "number"),
        ("", "wide"),
        ("Precision", "number"),
    ]
    columns += [("F1", "number")] + ([("AUROC", "number"), ("Average precision", "number")] if ranked else [])
    rows = []
    # Weakest first; classes without clips, of which nothing can be said, last.
    for c in sorted(classes, key=lambda c: 2.0 if c.recall is None else c.recall):
        shown = [c.recall, c.precision, c.f1] + ([c.auroc, c.average_precision] if ranked else [])
        recall, *others = [_number(value, True) for value in shown]
        bars = Html("") if c.recall is None else bar(c.recall)
        rows.append((escaped(c.label), escaped(c.support), recall, bars, *others))
    return table(columns, rows, caption="Figures of each class, lowest recall first")


def _mistakes(mistakes: Sequence[Mistake]) -> Html:
    if not mistakes:
        return Html("")
    return element("div", *map(_mistake, mistakes), class_="cards")


def _mistake(mistake: Mistake) -> Html:
    true, predicted = (", ".join(labels) or "nothing" for labels in (mistake.true, mistake.predicted))
    parts = []
    if mistake.spectrogram is not None:
        alt = f"Spectrogram of {mistake.source}, {mistake.spectrogram.duration_s:.1f} seconds."
        parts.append(draw_spectrogram(mistake.spectrogram, alt=alt))
    if mistake.audio is not None:
        source = data_uri(mistake.audio, mistake.media_type)
        label = f"Listen to {mistake.source}"
        parts.append(element("audio", controls="controls", preload="metadata", src=source, aria_label=label))
    verdict = element(
        "h3",
        element("span", escaped(true), class_="true"),
        element("span", escaped(" taken for "), class_="taken"),
        element("span", escaped(predicted), class_="predicted"),
    )
    scores = (
        element(
            "li",
            element("span", escaped(p.label), class_="score-label"),
            bar(p.score),
            element("span", escaped(f"{p.score:.2f}"), class_="score"),
            **({"class": "is-true"} if p.label in mistake.true else {}),
        )
        for p in mistake.predictions
    )
    words = element("div", verdict, element("p", escaped(mistake.source), class_="source"), element("ol", *scores))
    return element("article", *parts, words, class_="card")


def _model(model: ModelFacts | None) -> Html:
    if model is None:
        return Html("")
    takes = [("Takes pictures", escaped(model.picture))] if model.picture else []
    if model.sample_rate is not None and model.window_s is not None:
        takes.append(("Listens at", escaped(f"{model.sample_rate:,} Hz".replace(",", " "))))
        takes.append(("Window", escaped(f"{model.window_s:g} s")))
    return definitions(
        [
            ("Name", escaped(model.name)),
            *takes,
            ("Classes", escaped(model.n_classes)),
            ("Parameters", escaped(f"{model.n_parameters:,}".replace(",", " "))),
            ("Size", escaped(_size(model.size_bytes))),
            ("SHA-256", element("code", escaped(model.digest))),
        ]
    )


def _data(report: RunReport) -> Html:
    data = report.data
    if data is None:
        return Html("")
    clips = ", ".join(f"{part} {n}" for part, n in data.parts.items())
    facts = [("Clips", escaped(clips)), ("Recordings (groups)", escaped(data.n_groups))]
    if data.n_folds:
        facts.append(("Folds", escaped(data.n_folds)))
    one_length = data.lengths is not None and len(data.lengths.counts) == 1
    if data.lengths is not None and one_length:
        facts.append(("Length of a clip", escaped(f"{data.lengths.names()[0]} s")))
    facts += [("Split", escaped(data.split)), ("Digest", element("code", escaped(data.digest)))]
    parts = [definitions(facts)]
    if data.clips_of_classes:
        alt = f"Clips of each of {len(report.labels)} classes, in each part of the data."
        parts.append(draw_class_bars(report.labels, data.clips_of_classes, alt=alt))
    if data.lengths is not None and not one_length:
        parts.append(draw_lengths(data.lengths))
    return joined(parts)


def _repeat(report: RunReport) -> Html:
    parts = []
    if report.command:
        parts.append(element("pre", element("code", escaped(report.command, lines=True)), tabindex="0"))
    if report.configuration:
        text = element("pre", element("code", escaped(report.configuration, lines=True)), tabindex="0")
        parts.append(element("details", element("summary", escaped("All settings")), text))
    return joined(parts)


def _described(name: str) -> tuple[str, str, bool]:
    return FIGURES.get(name, (name.replace("_", " "), "", False))


def _number(value: float | None, is_share: bool) -> Html:
    if value is None:
        return UNKNOWN
    return escaped(f"{100 * value:.1f} %" if is_share else f"{value:.3f}")


def _interval(figure: Figure, is_share: bool) -> Html:
    if figure.low is None or figure.high is None:
        return UNKNOWN
    if is_share:
        return escaped(f"{100 * figure.low:.1f} – {100 * figure.high:.1f} %")
    return escaped(f"{figure.low:.3f} – {figure.high:.3f}")


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e6 else f"{n_bytes / 1e3:.0f} kB"
