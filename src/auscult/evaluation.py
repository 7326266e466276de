"""Figures of a model file on labelled clips: `evaluate`.

Every clip goes through the `Classifier` that users call, never another way, so that what is measured is what
ships.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.audio import decoding_version, source_name
from auscult.classifier import Classifier, load
from auscult.data import Clip, Dataset, WaveformCache, open_dataset, waveform_key
from auscult.data.listing import some
from auscult.errors import DataError, InputError, unique_problems
from auscult.files import csv_text, write_text
from auscult.metrics import (
    ClassFigures,
    Figure,
    Outcomes,
    confusion_matrix,
    evaluate_outcomes,
    per_class,
)
from auscult.models.modelspec import HeadSpec, ModelSpec
from auscult.progress import progress
from auscult.records import FloatArray, Prediction, Waveform
from auscult.result import Excerpt, Result

# Beside each figure that is too good to be true of new sounds.
SEEN = "on clips it was trained on"
LEAKING = "the split leaks"
# Where clips may hold several labels, one that weighs so much counts as held.
HELD_FROM = 0.5


@dataclass(frozen=True)
class TestedClip:
    """A clip, what it holds, and what the model says of it.

    `uri` is the clip's path under its dataset's root; `predictions` are all labels, best first; `predicted`
    those that the model decides for.
    """

    __test__ = False  # pytest would take the name for that of a test

    clip: Clip
    uri: str
    true: tuple[str, ...]
    predicted: tuple[str, ...]
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation found.

    Attributes
    ----------
    outcomes : truth and scores of the clips that could be read
    clips : the same clips one by one, in the same order
    problems : sounds that could not be used, each with its reason
    notes : what a reader of the figures should know
    """

    outcomes: Outcomes
    clips: tuple[TestedClip, ...]
    problems: tuple[InputError, ...]
    notes: tuple[str, ...]

    @classmethod
    def joined(cls, evaluations: Sequence[Evaluation]) -> Evaluation:
        """One evaluation of the clips of all: the folds of a cross-validation, each tested by its own model.

        Raises
        ------
        DataError : where there is none, or their models do not answer the same question
        """
        if not evaluations:
            raise DataError("There is no evaluation to join; evaluate at least one part.")
        every = [evaluation.outcomes for evaluation in evaluations]
        if len({_question(outcomes) for outcomes in every}) > 1:
            raise DataError(
                "Evaluations can only be joined where task, labels, their order and thresholds are the same; "
                "train every model on the same classes."
            )
        outcomes = Outcomes(
            labels=every[0].labels,
            targets=np.concatenate([one.targets for one in every]),
            scores=np.concatenate([one.scores for one in every]),
            groups=np.concatenate([one.groups for one in every]),
            task=every[0].task,
            thresholds=every[0].thresholds,
            caveat=next((one.caveat for one in every if one.caveat is not None), None),
        )
        return cls(
            outcomes=outcomes,
            clips=tuple(clip for evaluation in evaluations for clip in evaluation.clips),
            problems=unique_problems(problem for evaluation in evaluations for problem in evaluation.problems),
            notes=tuple(dict.fromkeys(note for evaluation in evaluations for note in evaluation.notes)),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's classes, in the order of rows and columns."""
        return self.outcomes.labels

    @cached_property
    def metrics(self) -> dict[str, Figure]:
        """Name -> figure with its interval, the main one first. See `metrics.evaluate_outcomes`."""
        return evaluate_outcomes(self.outcomes)

    @cached_property
    def confusion(self) -> NDArray[np.int64] | None:
        """Clips, (true, predicted); None where clips may hold several classes."""
        return confusion_matrix(self.outcomes) if self.outcomes.task == "single_label" else None

    @cached_property
    def classes(self) -> tuple[ClassFigures, ...]:
        """Figures of each class, in the order of `labels`."""
        return tuple(per_class(self.outcomes))

    def to_dict(self) -> dict[str, Any]:
        """What `metrics.json` holds: ``{"accuracy": {"value", "low", "high", "n"}, ...}``."""
        return {name: figure.to_dict() for name, figure in self.metrics.items()}

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write `metrics.json`, `predictions.csv` and, for single labels, `confusion_matrix.csv`.

        Raises
        ------
        OutputError : where a file cannot be written
        """
        folder = Path(folder)
        write_text(folder / "metrics.json", json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n")
        write_text(folder / "predictions.csv", self._predictions_csv())
        if self.confusion is not None:
            rows = [[label, *map(int, counts)] for label, counts in zip(self.labels, self.confusion, strict=True)]
            write_text(folder / "confusion_matrix.csv", csv_text(["true \\ predicted", *self.labels], rows))

    def _predictions_csv(self) -> str:
        """A row a clip. `score` is that of the best label. Where there may be several, a JSON list."""
        header = ["clip_id", "uri", "group", "fold", "true", "predicted", "score"]
        single = self.outcomes.task == "single_label"
        rows = [
            [
                tested.clip.clip_id,
                tested.uri,
                group,
                tested.clip.fold,
                tested.true[0] if single else json.dumps(tested.true, ensure_ascii=False),
                tested.predicted[0] if single else json.dumps(tested.predicted, ensure_ascii=False),
                tested.predictions[0].score,
            ]
            for tested, group in zip(self.clips, self.outcomes.groups, strict=True)
        ]
        return csv_text(header, rows)


def evaluate(
    model: Classifier | str | os.PathLike[str],
    source: Dataset | str | Path,
    *,
    allow_seen: bool = False,
    caveat: str | None = None,
    decoded: WaveformCache | None = None,
    quiet: bool = False,
) -> Evaluation:
    """Measure a model on labelled clips that it was not trained on.

    Where the model has a label for sounds of no class (`HeadSpec.unknown`), that is a decision like any other: wrong
    for a clip of a class, right for a clip whose label is that one, with a column of its own in `confusion`. Without
    clips of that label its row is empty, and it is left out of the means over classes. A note counts the clips of
    classes that came out so. Clips with a label that the model does not know are refused, not taken for sounds of no
    class: such a label may as well be a class under another name. Who means sounds of no class gives them that label.

    Parameters
    ----------
    model : as `load` gives it, or the path of a model file
    source : a dataset, or what `open_dataset` takes
    allow_seen : also count clips that the model was trained on; a note then says how many
    caveat : what is to stand beside each figure, if they are known to come out too good
    decoded : clips that it holds as the model hears them are not decoded once more; they are the same bit for bit
    quiet : show no progress

    Returns
    -------
    Evaluation of the clips that could be read; the others are its `problems`

    Raises
    ------
    DataError : no clips; labels that the model does not know; several labels a clip for a model that gives one; clips
        without a label; clips that the model was trained on; no clip that could be read
    """
    model = model if isinstance(model, Classifier) else load(model, quiet=quiet)
    dataset = _fitting(open_dataset(source, quiet=quiet), model.spec)
    targets, weighed = _targets(dataset, model.spec)
    clips = dataset.clips()
    kept_apart = _kept_apart(model.path, dataset)
    seen = _seen_note(clips, model.spec, allow_seen=allow_seen, kept_apart=kept_apart)
    notes = seen + weighed + _absent_note(targets, model)
    outcomes: list[Result | InputError] = []
    with progress("Evaluating", len(clips), quiet=quiet) as advance:
        sounds = (_sound(clip, model.spec, decoded) for clip in clips)
        # All labels, whatever the classifier names for others: figures are of what the model says.
        answers = model.classify_many(
            sounds, top_k=None, score_threshold=0.0, allow=None, deny=None, keep_windows=False
        )
        for clip, outcome in zip(clips, answers, strict=True):
            outcomes.append(_of_file(clip, outcome))
            advance()
    results = [outcome for outcome in outcomes if isinstance(outcome, Result)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, InputError)]
    if not results:
        raise DataError(f"{dataset.root}: none of {len(clips)} clips could be read; the first: {failures[0]}")
    read = np.array([isinstance(outcome, Result) for outcome in outcomes])
    counted = _outcomes(model, targets[read], results, dataset.select(read), caveat=SEEN if seen else caveat)
    return Evaluation(
        outcomes=counted,
        clips=_tested(dataset.select(read), counted, results),
        problems=unique_problems([*dataset.problems, *failures]),
        notes=notes + _unknown_note(counted, model.spec.heads[0]),
    )


def _sound(clip: Clip, spec: ModelSpec, decoded: WaveformCache | None) -> Waveform | Excerpt:
    """What the model is given: the clip's samples where they are at hand, else its place in its file."""
    if decoded is not None and spec.mono == "mean":
        version = decoding_version(spec.sample_rate)
        key = waveform_key(clip.content_hash, clip.start, clip.end, spec.mono, spec.sample_rate, version)
        samples = decoded.get(key)
        if samples is not None:
            return Waveform(samples, spec.sample_rate)
    return Excerpt(clip.source, *clip.range_s())


def _of_file(clip: Clip, outcome: Result | InputError) -> Result | InputError:
    """The outcome under the name of the clip's file; samples are let go, for thousands would fill the memory."""
    name = source_name(clip.source)
    if isinstance(outcome, InputError):
        return InputError(name, outcome.kind, outcome.problem, outcome.next_step)
    return replace(outcome, source=name, _excerpt=Excerpt(clip.source, *clip.range_s()))


def _fitting(dataset: Dataset, spec: ModelSpec) -> Dataset:
    """The sounds of a dataset, or its pictures, as the model takes them."""
    if not len(dataset):
        return dataset
    if not spec.takes_sound:
        return dataset.of_medium("picture")
    if spec.picture is None and dataset.medium == "picture":
        raise DataError(
            f"{dataset.root}: these are pictures, and the model {spec.name!r} hears sounds; evaluate it on the sounds, "
            "or train a model on pictures."
        )
    return dataset.of_medium()


def _targets(dataset: Dataset, spec: ModelSpec) -> tuple[FloatArray, tuple[str, ...]]:
    """What each clip holds, float32 (clips, the model's classes), 0 or 1, and what is to be said of that."""
    head = spec.heads[0]
    if not len(dataset):
        raise DataError(f"{dataset.root}: there is no clip to evaluate; choose another part or fold.")
    if head.task == "single_label" and dataset.task == "multi_label":
        raise DataError(
            f"{dataset.root}: clips may hold several labels, and the model {spec.name!r} gives one; "
            "evaluate a model trained on such clips, or give each clip one label."
        )
    of_dataset, notes = _decided(dataset)
    column = {label.id: i for i, label in enumerate(head.labels)}
    held = [i for i in range(len(dataset.labels)) if of_dataset[:, i].any()]
    unknown = [dataset.labels[i].id for i in held if dataset.labels[i].id not in column]
    if unknown:
        raise DataError(_unknown_labels(dataset, unknown, list(column), head))
    targets = np.zeros((len(dataset), len(column)), np.float32)
    for i in held:
        targets[:, column[dataset.labels[i].id]] = of_dataset[:, i]
    return targets, notes


def _decided(dataset: Dataset) -> tuple[FloatArray, tuple[str, ...]]:
    """Which labels count as held, 0 or 1, and a note where some weigh between."""
    weights = dataset.targets()
    n_between = int((~np.isin(weights, (0, 1))).any(axis=1).sum())
    if not n_between:
        return weights, ()
    if dataset.task == "single_label":
        decided = np.eye(weights.shape[1], dtype=np.float32)[weights.argmax(axis=1)]
        rule = "what counts as true is the heaviest, of equals the first"
    else:
        decided = (weights >= HELD_FROM).astype(np.float32)
        rule = f"what counts as true are those of {HELD_FROM:g} and more"
    clips = "1 clip" if n_between == 1 else f"{n_between} clips"
    return decided, (f"The labels of {clips} weigh between 0 and 1: {rule}.",)


def _unknown_labels(dataset: Dataset, unknown: list[str], known: list[str], head: HeadSpec) -> str:
    folded = {label.casefold(): label for label in known}
    twins = [folded[label.casefold()] for label in unknown if label.casefold() in folded]
    by_case = f" (labels are matched exactly, and it has {some(twins)} in other case)" if twins else ""
    return (
        f"{dataset.root}: the model does not know {len(unknown)} of the labels, {some(unknown)}"
        f"{by_case}; it knows {some(known)}. Rename the labels, or leave those clips out."
        + (f" Clips that are labelled {head.unknown.label!r} count as sounds of no class." if head.unknown else "")
    )


def _seen_note(clips: Sequence[Clip], spec: ModelSpec, *, allow_seen: bool, kept_apart: str) -> tuple[str, ...]:
    """Nothing where all clips are new to the model; a note where others were asked for; else an error."""
    ranges: dict[str, list[tuple[float, float]]] = {}
    for clip_id in spec.provenance.training_clips:
        content, *_ = clip_id.partition(":")
        ranges.setdefault(content, []).append(_range_of(clip_id))
    seen = 0
    for clip in clips:
        start, end = _range_of(clip.clip_id)
        heard = ranges.get(clip.content_hash, [])
        seen += any(start < heard_end and heard_start < end for heard_start, heard_end in heard)
    if not seen:
        return ()
    said = f"{seen} of {len(clips)} clips were used to train the model {spec.name!r}"
    if not allow_seen:
        raise DataError(
            f"{said}: figures on them would say nothing about new sounds. Evaluate on other clips, or count "
            "them all the same with allow_seen=True (--allow-seen)." + (kept_apart if seen < len(clips) else "")
        )
    return (f"{said}: the figures say little about new sounds.",)


def _kept_apart(model: Path, dataset: Dataset) -> str:
    """How to evaluate on the clips that the model's run did not train on, where it is still in its run folder."""
    split = model.with_name("split.csv")
    if not split.exists():
        return ""
    # Sounds that are no files are not found by what a table calls them, but by their content.
    tested = [str(split)] if dataset.sounds is None else [str(dataset.root), "--parts", str(split)]
    command = shlex.join(["auscult", "evaluate", str(model), *tested, "--part", "test"])
    return f" The run's split.csv has the clips that were kept apart: {command}"


def _range_of(clip_id: str) -> tuple[float, float]:
    """First and end sample of a clip, from its id; see `data.schema.make_clip_id`.

    >>> _range_of("ab"), _range_of("ab:5-"), _range_of("ab:5-9")
    ((0.0, inf), (5.0, inf), (5.0, 9.0))
    """
    start, _, end = clip_id.partition(":")[2].partition("-")
    return float(start or 0), float(end or "inf")


def _absent_note(targets: FloatArray, model: Classifier) -> tuple[str, ...]:
    classes = model.spec.heads[0].classes
    held_by_label = zip(model.labels, targets.max(axis=0), strict=True)
    absent = [label.id for label, held in held_by_label if not held and label in classes]
    if not absent:
        return ()
    return (f"no clip holds {some(absent)}, which the model knows: figures are of the other classes.",)


def _unknown_note(outcomes: Outcomes, head: HeadSpec) -> tuple[str, ...]:
    """How many clips of the classes the model took for sounds of none, where it can."""
    if head.unknown is None:
        return ()
    column = outcomes.labels.index(head.unknown.label)
    of_classes = ~outcomes.present()[:, column]
    refused = of_classes & outcomes.predicted()[:, column]
    if not refused.any():
        return ()
    without = np.delete(outcomes.scores, column, axis=1).argmax(axis=1)
    right = refused & (without == np.delete(outcomes.targets, column, axis=1).argmax(axis=1))
    return (
        f"{refused.sum()} of {of_classes.sum()} clips of the classes came out as {head.unknown.label!r} and count as "
        f"wrong; the best class is right for {right.sum()} of them.",
    )


def _outcomes(
    model: Classifier, targets: FloatArray, results: Sequence[Result], dataset: Dataset, *, caveat: str | None
) -> Outcomes:
    head = model.spec.heads[0]
    return Outcomes(
        labels=tuple(label.id for label in head.labels),
        targets=targets,
        scores=np.stack([result.sound_scores for result in results]),
        groups=dataset.groups(),
        task=head.task,
        thresholds=None if head.thresholds is None else np.array(head.thresholds, np.float32),
        caveat=caveat,
    )


def _tested(dataset: Dataset, outcomes: Outcomes, results: Sequence[Result]) -> tuple[TestedClip, ...]:
    names = np.array(outcomes.labels, dtype=object)
    rows = zip(
        dataset.clips(),
        dataset.table["uri"].to_pylist(),
        outcomes.present(),
        outcomes.predicted(),
        results,
        strict=True,
    )
    return tuple(
        TestedClip(clip, uri, tuple(names[present]), tuple(names[predicted]), result.predictions)
        for clip, uri, present, predicted, result in rows
    )


def _question(outcomes: Outcomes) -> tuple[Any, ...]:
    thresholds = None if outcomes.thresholds is None else tuple(outcomes.thresholds.tolist())
    return outcomes.task, outcomes.labels, thresholds
