"""Pictures and a page of a dataset: what it holds, how it sounds, and what a check found in it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auscult.audio import load_waveform, source_name
from auscult.audio.sources import open_source
from auscult.data import Clip, Dataset
from auscult.data.checks import Check, NearDuplicate, Parting
from auscult.data.checks.summary import check_to_dict, clips_csv, near_duplicates_csv
from auscult.data.schema import medium_of
from auscult.errors import InputError, MissingExtraError
from auscult.features import FeatureSpec, band_edges_hz, log_mel, preset, read_picture
from auscult.files import printable, write_text
from auscult.models.pictures import n_samples_of
from auscult.report import Spectrogram, save_figure
from auscult.report.data_charts import plot_class_histogram, plot_example_sheet, plot_lengths
from auscult.report.data_page import write_data_page
from auscult.report.data_report import DataFinding, DataReport, Example, ExampleSheet, Lengths, SamePair
from auscult.report.style import printable as one_line

N_EXAMPLES = 3
EXAMPLE_S = 10.0  # of a longer clip, this much is shown
DB_PER_NEPER = 10 / np.log(10)
# Of the loudest moment; what is quieter than that nobody hears beside it.
SHOWN_DB = 80.0
RATES_HZ = (4000, 32000)


def write_look(dataset: Dataset, folder: Path, *, name: str = "", check: Check | None = None) -> DataReport:
    """`index.html`, `class_histogram.png`, `duration_histogram.png` and `examples.png`.

    Parameters
    ----------
    dataset : clips, with labels or without
    folder : made where it is not there
    name : what to call the dataset; default: its root
    check : what was found, to be said on the page

    Raises
    ------
    OutputError : the folder cannot be written
    MissingExtraError : matplotlib is not installed
    """
    report = look(dataset, name=name, check=check)
    if report.clips_of_classes:
        save_figure(plot_class_histogram(report.labels, report.clips_of_classes), folder / "class_histogram.png")
    if report.lengths is not None:
        save_figure(plot_lengths(report.lengths), folder / "duration_histogram.png")
    if report.sheet is not None:
        save_figure(plot_example_sheet(report.sheet), folder / "examples.png")
    write_data_page(folder / "index.html", report)
    return report


def write_check(check: Check, folder: Path) -> None:
    """`check.json`, `clips.csv`, `near_duplicates.csv`, and all that `write_look` writes."""
    write_text(folder / "check.json", json.dumps(check_to_dict(check), ensure_ascii=False, indent=2) + "\n")
    write_text(folder / "clips.csv", clips_csv(check))
    write_text(folder / "near_duplicates.csv", near_duplicates_csv(check))
    write_look(check.dataset, folder, name=check.name, check=check)


def look(dataset: Dataset, *, name: str = "", check: Check | None = None) -> DataReport:
    """What the page shows. Only the examples are decoded, and what `check` has decoded already."""
    clips = dataset.clips()
    durations_s = [length for clip in clips if (length := duration_s(clip)) is not None]
    if check is not None:
        durations_s = [one.levels.duration_s for one in check.clips]
    labels = tuple(label.id for label in dataset.labels)
    problems = dataset.problems if check is None else check.unreadable
    return DataReport(
        title=one_line(Path(name or dataset.root).name or "sounds"),
        facts=_facts(dataset, name or printable(dataset.root), clips, durations_s),
        findings=() if check is None else tuple(DataFinding(one.text, one.harms) for one in check.findings),
        labels=labels,
        clips_of_classes=_clips_of_classes(clips, labels) if labels else {},
        lengths=Lengths.of(durations_s) if durations_s else None,
        sheet=example_sheet(clips, labels),
        pairs=() if check is None else tuple(_same_pair(pair) for pair in check.near_duplicates if not pair.same_group),
        unreadable=tuple((problem.source, f"{problem.problem}; {problem.next_step}") for problem in problems),
    )


def duration_s(clip: Clip) -> float | None:
    """How long a clip is as its table says, in seconds; None where the file does not tell."""
    if clip.sample_rate is None:
        return None
    end = clip.n_frames if clip.end is None else clip.end
    return None if end is None else (end - (clip.start or 0)) / clip.sample_rate


def lengths_of(clips: Sequence[Clip]) -> Lengths | None:
    """How many clips have which length, as the table says; None where it does not."""
    durations_s = [length for clip in clips if (length := duration_s(clip)) is not None]
    return Lengths.of(durations_s) if durations_s else None


def example_sheet(clips: Sequence[Clip], labels: Sequence[str], *, n: int = N_EXAMPLES) -> ExampleSheet | None:
    """A few clips of each class, of different recordings where there are, on one scale; None where none can be read."""
    spec = _front_end(clips)
    of_class: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        for label in clip.labels or (() if labels else ("",)):
            of_class[label].append(clip)
    rows = []
    for label in labels or ("",):
        examples = tuple(one for clip in spread_out(of_class[label], n) if (one := _example(clip, spec)) is not None)
        if examples:
            rows.append((label, examples))
    if not rows:
        return None
    levels = [one.spectrogram.log_mel for _, examples in rows for one in examples]
    loudest = max(float(one.max()) for one in levels)
    for level_db in levels:
        level_db -= loudest
    low = max(-SHOWN_DB, min(float(np.quantile(one, 0.02)) for one in levels))
    return ExampleSheet(tuple(rows), min(low, -1.0), 0.0)


def spread_out(clips: Sequence[Clip], n: int) -> list[Clip]:
    """`n` clips evenly over the list, one of each recording as long as there are enough; always the same ones."""
    firsts: dict[str, Clip] = {}
    for clip in clips:
        firsts.setdefault(clip.group or clip.content_hash, clip)
    pool = list(firsts.values()) if len(firsts) >= n else list(clips)
    places = np.unique(np.linspace(0, max(0, len(pool) - 1), min(n, len(pool))).round().astype(int))
    return [pool[int(place)] for place in places]


def spectrogram_of_picture(clip: Clip) -> Spectrogram | None:
    """The levels in dB that a picture shows; None where it does not say what its pixels mean.

    Raises
    ------
    InputError : a picture that cannot be read
    """
    name = source_name(clip.source)
    with open_source(clip.source).file as file:
        picture = read_picture(file, name)
    if picture.note is None:
        return None
    form = picture.note.form
    n_samples = n_samples_of(picture.values.shape[1], picture.note, form.features)
    level_db = form.level_db(picture.values).astype(np.float32)
    return Spectrogram(level_db, band_edges_hz(form.features), n_samples / form.features.sample_rate)


def _example(clip: Clip, spec: FeatureSpec) -> Example | None:
    """None for a clip that cannot be read, or a picture of nothing known: the others stand for the class."""
    try:
        if medium_of(clip.uri) == "picture":
            drawn = spectrogram_of_picture(clip)
            return None if drawn is None else Example(clip.uri, drawn.duration_s, drawn)
        start_s, end_s = clip.range_s()
        last_s = start_s + EXAMPLE_S
        end_s = last_s if end_s is None else min(end_s, last_s)
        waveform = load_waveform(clip.source, sample_rate=spec.sample_rate, start_s=start_s, end_s=end_s)
    except (InputError, MissingExtraError):
        return None
    level_db = (DB_PER_NEPER * log_mel(waveform.samples, spec)).astype(np.float32)
    whole_s = duration_s(clip) or waveform.duration_s
    return Example(clip.uri, whole_s, Spectrogram(level_db, band_edges_hz(spec), waveform.duration_s))


def _front_end(clips: Sequence[Clip]) -> FeatureSpec:
    """Our own preset at the rate that most clips have, within what it can do."""
    rates = Counter(clip.sample_rate for clip in clips if clip.sample_rate is not None)
    rate = min(rates, key=lambda rate: (-rates[rate], rate), default=22050)
    return preset("auscult", sample_rate=min(max(rate, RATES_HZ[0]), RATES_HZ[1]))


def _facts(dataset: Dataset, name: str, clips: Sequence[Clip], durations_s: Sequence[float]) -> dict[str, str]:
    task = {"single_label": "one label a clip", "multi_label": "any number of labels a clip"}
    facts = {
        "Clips": str(len(clips)),
        "Classes": f"{len(dataset.labels)}, {task[dataset.task]}",
        "Source": f"{name} ({dataset.source_kind})",
    }
    if any(clip.group is not None for clip in clips):
        facts["Recordings (groups)"] = str(len(set(dataset.groups().tolist())))
    if dataset.folds():
        facts["Folds"] = str(len(dataset.folds()))
    parts = Counter(clip.split for clip in clips if clip.split is not None)
    if parts:
        facts["Parts"] = ", ".join(f"{part} {n}" for part, n in parts.items())
    if durations_s:
        least, most, total = min(durations_s), max(durations_s), sum(durations_s)
        each = f"{least:.4g} s each" if most - least < 0.005 else f"{least:.3g} to {most:.3g} s"
        facts["Length"] = f"{each}, {total / 60:.1f} minutes in all"
    rates = Counter(clip.sample_rate for clip in clips if clip.sample_rate is not None)
    if rates:
        facts["Sample rate"] = ", ".join(f"{rate} Hz" for rate, _ in rates.most_common(4))
    return facts | {"Digest": dataset.digest()}


def _clips_of_classes(clips: Sequence[Clip], labels: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Clips of each class in each given part, or in all: folds are too many for a bar."""
    by_split = Parting.of(clips).by == "split"
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        counts[(clip.split or "in no part") if by_split else "clips"].update(clip.labels or ())
    order = ("train", "validation", "test")
    parts = sorted(counts, key=lambda part: (order.index(part) if part in order else len(order), part))
    return {part: tuple(counts[part][label] for label in labels) for part in parts}


def _same_pair(pair: NearDuplicate) -> SamePair:
    parts = dict.fromkeys(part for part in (pair.first_part, pair.second_part) if part)
    labels = dict.fromkeys(label for label in (pair.first_label, pair.second_label) if label)
    where = " and ".join(parts)
    where += f"{': ' if where else ''}{' and '.join(labels)}" if len(labels) > 1 else ""
    return SamePair(pair.first, pair.second, where, pair.common_s, pair.similarity)
