"""What a run leaves to look at: pictures, and the page that says how good the model is and where it fails."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import yaml

from auscult.audio import MonoPolicy, encode_ogg, load_waveform
from auscult.classifier import Classifier, load
from auscult.data import Dataset
from auscult.data.schema import medium_of
from auscult.errors import InputError
from auscult.evaluation import Evaluation, TestedClip
from auscult.export.onnx import Parity
from auscult.features import FeatureSpec, band_edges_hz, log_mel, preset
from auscult.features.torch_mel import LogMel
from auscult.looking import lengths_of, spectrogram_of_picture
from auscult.report import (
    DataFacts,
    Mistake,
    ModelFacts,
    RunReport,
    Spectrogram,
    plot_confusions,
    plot_examples,
    save_figure,
    write_report,
)
from auscult.training.batches import Batch
from auscult.training.curve import EpochRow, Fit
from auscult.training.folder import RunFolder
from auscult.training.material import Material
from auscult.training.options import TrainOptions, flag_of
from auscult.training.plan import TrainPlan

if TYPE_CHECKING:
    from auscult.training.cross_validation import CrossValidation
    from auscult.training.learner import Learner
    from auscult.training.run import Run

N_EXAMPLES = 16
N_MISTAKES = 12
MISTAKE_S = 10.0  # of a longer clip, this much is shown and played
FEW_GROUPS = 20  # below, an interval from resampling them is too narrow
SLOW_LOADING = 0.05


def write_train_batch(path: Path, learner: Learner, labels: Sequence[str]) -> None:
    """`train_batch.png`: the first spectrograms that the network is shown, augmented and mixed as it sees them."""
    batch = next(iter(learner.batches(0)))
    with torch.no_grad():
        pictures = _pictures(learner, batch).numpy()
    examples = [
        (_mixture(labels, target), picture)
        for picture, target in zip(pictures[:N_EXAMPLES], batch.targets.numpy()[:N_EXAMPLES], strict=True)
    ]
    save_figure(plot_examples(examples), path)


def _pictures(learner: Learner, batch: Batch) -> torch.Tensor:
    """Log-mels of a batch as the network sees them; of one that reads waveforms or normalises, those of our preset."""
    features = learner.features(batch, 0)
    if features.ndim == 3 and (learner.plan.features is not None or learner.plan.picture is not None):
        return features
    pictures: torch.Tensor = LogMel(preset("auscult", sample_rate=learner.plan.sample_rate))(batch.waveforms)
    return pictures


def _mixture(names: Sequence[str], target: np.ndarray[tuple[int], np.dtype[np.float32]]) -> str:
    parts = [(weight, name) for weight, name in zip(target, names, strict=True) if weight > 0.005]
    parts.sort(key=lambda part: -part[0])
    if len(parts) == 1 and parts[0][0] > 0.995:
        return parts[0][1]
    return " + ".join(f"{weight:.0%} {name}" for weight, name in parts)


def write_run_report(
    folder: RunFolder,
    material: Material,
    options: TrainOptions,
    fitted: Fit,
    parity: Parity,
    run: Run,
    model: Classifier,
) -> None:
    """`confusion_matrix.png` and `report.html`, the last files of a run."""
    config = folder.config.read_text(encoding="utf-8")
    evaluation = run.evaluation
    report = RunReport(
        title=folder.path.resolve().name,
        model=_model_facts(model, folder.model, fitted.n_parameters),
        data=_data_facts(material),
        metrics=run.metrics,
        notes=(_tested(evaluation), *run.notes, _parity_note(parity)),
        warnings=_warnings(evaluation, fitted.rows, run.problems),
        curves=tuple(asdict(row) for row in fitted.rows) if len(fitted.rows) > 1 else (),
        confusion=evaluation.confusion if evaluation else None,
        labels=tuple(label.id for label in material.dataset.labels),
        classes=evaluation.classes if evaluation else (),
        mistakes=worst_mistakes(evaluation, _shown(material.plan), mono=options.mono) if evaluation else (),
        configuration=config,
        command=_command(yaml.safe_load(config), folder.path),
    )
    if evaluation is not None and evaluation.confusion is not None:
        figure = plot_confusions(evaluation.confusion, evaluation.labels)
        save_figure(figure, folder.path / "confusion_matrix.png")
    write_report(folder.report, report)


def _shown(plan: TrainPlan) -> FeatureSpec | None:
    """The front end that sounds are drawn with; None where all are pictures, and that is not known."""
    if plan.picture is not None:
        return plan.features
    return plan.features or preset("auscult", sample_rate=plan.sample_rate)


def write_cross_validation_report(done: CrossValidation, dataset: Dataset, options: TrainOptions) -> None:
    """The page over all folds: one confusion matrix, figures of all tested clips, and what the folds gave apart."""
    evaluation = done.evaluation
    of_model = load(done.folds[0][1].model).spec
    features: Mapping[str, Any] | None = of_model.features
    spec = FeatureSpec.from_dict(features) if features else None
    if spec is None and of_model.takes_sound:
        spec = preset("auscult", sample_rate=of_model.sample_rate)
    report = RunReport(
        title=f"{done.folder.resolve().name}: {len(done.folds)} folds",
        data=DataFacts(
            parts={"tested in turn": evaluation.outcomes.n_clips},
            n_groups=evaluation.outcomes.n_groups,
            n_folds=len(done.folds),
            digest=dataset.digest(),
            split="each fold tested by a model trained on the others",
        ),
        metrics=evaluation.metrics,
        notes=(_tested(evaluation), *done.notes),
        warnings=_warnings(evaluation, (), done.problems),
        confusion=evaluation.confusion,
        labels=evaluation.labels,
        classes=evaluation.classes,
        mistakes=worst_mistakes(evaluation, spec, mono=options.mono),
        configuration=yaml.safe_dump(options.to_dict(), sort_keys=False),
    )
    if evaluation.confusion is not None:
        save_figure(plot_confusions(evaluation.confusion, evaluation.labels), done.folder / "confusion_matrix.png")
    write_report(done.report, report)


def worst_mistakes(evaluation: Evaluation, spec: FeatureSpec | None, *, mono: MonoPolicy) -> tuple[Mistake, ...]:
    """The wrong decisions that the model was surest of, with picture and sound, as far as there are such."""
    wrong = [clip for clip in evaluation.clips if set(clip.true) != set(clip.predicted)]
    wrong.sort(key=_doubt)
    return tuple(_mistake(clip, spec, mono) for clip in wrong[:N_MISTAKES])


def _doubt(clip: TestedClip) -> float:
    """Score of the true labels less that of the best wrong one: the lower, the worse."""
    scores = {prediction.label: prediction.score for prediction in clip.predictions}
    true = min((scores[label] for label in clip.true), default=0.0)
    return true - max((score for label, score in scores.items() if label not in clip.true), default=0.0)


def _mistake(tested: TestedClip, spec: FeatureSpec | None, mono: MonoPolicy) -> Mistake:
    mistake = Mistake(
        source=tested.uri, true=tested.true, predicted=tested.predicted, predictions=tested.predictions[:3]
    )
    if spec is None or medium_of(tested.uri) == "picture":
        return replace(mistake, spectrogram=spectrogram_of_picture(tested.clip))
    start_s, end_s = tested.clip.range_s()
    last_s = start_s + MISTAKE_S
    waveform = load_waveform(
        tested.clip.source,
        sample_rate=spec.sample_rate,
        mono=mono,
        start_s=start_s,
        end_s=last_s if end_s is None else min(end_s, last_s),
    )
    return replace(
        mistake,
        spectrogram=Spectrogram(log_mel(waveform.samples, spec), band_edges_hz(spec), waveform.duration_s),
        audio=encode_ogg(waveform),
    )


def _tested(evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return "No clips were kept apart for testing, so there are no figures."
    clips, recordings = evaluation.outcomes.n_clips, evaluation.outcomes.n_groups
    return f"{clips} clips of {recordings} recordings were tested; the intervals resample recordings."


def _parity_note(parity: Parity) -> str:
    return (
        f"The model file was compared with the trained network on {parity.n_windows} windows of {parity.n_sounds} "
        f"sounds: scores differ by at most {parity.max_difference:.1e}."
    )


def _warnings(
    evaluation: Evaluation | None, rows: Sequence[EpochRow], problems: Sequence[InputError]
) -> tuple[str, ...]:
    warnings = []
    if problems:
        named = "; ".join(str(problem) for problem in problems[:3])
        warnings.append(f"{len(problems)} inputs could not be used: {named}{'; ...' if len(problems) > 3 else ''}.")
    if evaluation is not None and evaluation.outcomes.n_groups < FEW_GROUPS:
        warnings.append(
            f"Only {evaluation.outcomes.n_groups} recordings were tested: with so few, the intervals are too narrow."
        )
    waiting = float(np.mean([row.waiting_share for row in rows])) if rows else 0.0
    if waiting > SLOW_LOADING:
        warnings.append(f"The network waited for clips in {waiting:.0%} of the time; a faster disk would help.")
    return tuple(warnings)


def _model_facts(model: Classifier, path: Path, n_parameters: int) -> ModelFacts:
    spec, picture = model.spec, model.spec.picture
    return ModelFacts(
        name=spec.name,
        digest=model.digest,
        sample_rate=spec.sample_rate if spec.takes_sound else None,
        window_s=spec.window_s if spec.takes_sound else None,
        n_classes=len(model.labels),
        size_bytes=path.stat().st_size,
        n_parameters=n_parameters,
        picture="" if picture is None else f"{picture.bands} bands x {picture.frames} frames",
    )


def _data_facts(material: Material) -> DataFacts:
    split, dataset = material.split, material.dataset
    rows = {part: getattr(split, part) for part in ("train", "validation", "test")}
    rows = {part: indices for part, indices in rows.items() if len(indices)}
    present = dataset.targets() > 0
    return DataFacts(
        parts={part: len(indices) for part, indices in rows.items()},
        n_groups=len(np.unique(dataset.groups())),
        n_folds=len(dataset.folds()),
        digest=dataset.digest(),
        split=split.name,
        clips_of_classes={part: tuple(present[indices].sum(axis=0).tolist()) for part, indices in rows.items()},
        lengths=lengths_of(dataset.clips()),
    )


def _command(config: dict[str, Any], folder: Path) -> str:
    """The command line that repeats a run: where it was tested, and the options that differ from the defaults."""
    defaults = TrainOptions().to_dict()
    words = ["auscult", "train", str(config["source"]), "-o", str(folder)]
    if config.get("fold") is not None:
        words += ["--fold", str(config["fold"])]
    words += [word for name, value in config.get("reading", {}).items() for word in _reading_words(name, value)]
    for name, value in config["options"].items():
        if value != defaults[name]:
            values = [] if value is True else value if isinstance(value, list) else [value]
            words += [f"--{flag_of(name)}", *map(str, values)]
    return shlex.join(words)


def _reading_words(name: str, value: Any) -> list[str]:
    """An option of reading: a list is given value by value."""
    if value is True:
        return [f"--{flag_of(name)}"]
    values = value if isinstance(value, list) else [value]
    return [word for each in values for word in (f"--{flag_of(name)}", str(each))]
