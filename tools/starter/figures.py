"""What the card says of the starter, each figure from files that are made like the one that is shipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auscult import Classifier, load
from auscult.data import Dataset
from auscult.evaluation import Evaluation, evaluate
from auscult.export.edit import with_half_weights, with_unknown
from auscult.models.modelfile import read_model_file
from tools.starter.rule import Chosen, Sides, auroc, choose, cloud, embed, found_by, labels_of, median_distance, rule_of

# ESC-10 and UrbanSound8K share recordings of dogs; the other nine classes are none of ESC-10's.
SHARED_CLASS = "dog_bark"


def units(folds: Mapping[int, Path], dataset: Dataset) -> dict[int, float]:
    """Fold -> the unit of distances that its network gives."""
    return {fold: median_distance(load(path), *_heard_and_apart(dataset, fold)) for fold, path in folds.items()}


def fold_figures(
    folds: Mapping[int, Path], dataset: Dataset, chosen: Chosen, of_folds: Mapping[int, float], work: Path
) -> dict[str, Any]:
    """Accuracy on each fold of the network that has not heard it: as trained, and made like the starter.

    The unit of a fold's distances is the mean of the other folds': the starter has no unheard clips of its own either.
    """
    plain, shipped = [], []
    for fold, path in folds.items():
        heard, apart = _heard_and_apart(dataset, fold)
        unit = float(np.mean([one for other, one in of_folds.items() if other != fold]))
        file = work / "as-shipped" / f"fold-{fold}.onnx"
        write_as_shipped(file, path, heard, chosen, unit)
        plain.append(evaluate(load(path), apart, quiet=True))
        shipped.append(evaluate(load(file), apart, quiet=True))
    before, after = Evaluation.joined(plain), Evaluation.joined(shipped)
    accuracy = before.metrics["accuracy"]
    n_classes = len(before.labels)
    decided, of_classes = before.outcomes.scores.argmax(axis=1), after.outcomes.scores[:, :n_classes].argmax(axis=1)
    return {
        "folds_tested": ", ".join(map(str, folds)),
        "clips_tested": accuracy.n,
        "accuracy": accuracy.value,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "accuracy_with_unknown": after.metrics["accuracy"].value,
        "known_as_unknown": float(after.outcomes.predicted()[:, n_classes].mean()),
        "same_class_in_16_bits": float((decided == of_classes).mean()),
    }


def write_as_shipped(file: Path, path: Path, heard: Dataset, chosen: Chosen, unit: float) -> None:
    """The network at `path` with weights in 16 bits and the label for unknown sounds, as the starter has them."""
    content, spec = read_model_file(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    # The centres are those of the weights as they are shipped.
    file.write_bytes(with_half_weights(content))
    rule = rule_of(load(file), heard, chosen, unit)
    file.write_bytes(with_unknown(file.read_bytes(), spec, rule, found_by=found_by(chosen)))


def unknown_figures(sides: Sequence[Sides]) -> dict[str, Any]:
    """How well networks that missed classes tell unknown from known, each by the threshold that the others give."""
    aurocs = [one.auroc for one in sides]
    kept, right, refused = [], [], []
    for i, one in enumerate(sides):
        threshold = choose([other for k, other in enumerate(sides) if k != i]).threshold
        kept.append(one.known <= threshold)
        right.append(kept[-1] & one.right)
        refused.append(one.unknown > threshold)
    return {
        "auroc": float(np.mean(aurocs)),
        "auroc_lowest": float(min(aurocs)),
        "auroc_highest": float(max(aurocs)),
        "missing_classes_as_unknown": float(np.concatenate(refused).mean()),
        "other_classes_kept": float(np.concatenate(kept).mean()),
        "other_classes_right": float(np.concatenate(right).mean()),
    }


def urbansound8k_figures(folds: Mapping[int, Path], dataset: Dataset, other: Dataset, work: Path) -> dict[str, Any]:
    """Clips of UrbanSound8K against the fold of ESC-10 that a network has not heard: means over the networks."""
    foreign = other.select(labels_of(other) != SHARED_CLASS)
    found = [_against(path, fold, dataset, foreign, work) for fold, path in folds.items()]
    return {
        "urbansound8k_auroc": float(np.mean([one for one, _ in found])),
        "urbansound8k_as_unknown": float(np.mean([share for _, share in found])),
        "urbansound8k_clips": len(foreign),
    }


def _against(path: Path, fold: int, dataset: Dataset, foreign: Dataset, work: Path) -> tuple[float, float]:
    model = load(path)
    heard, apart = _heard_and_apart(dataset, fold)
    rule = cloud(embed(model, heard), labels_of(heard), model)
    known, unknown = rule.distances(embed(model, apart)), rule.distances(embed(model, foreign))
    shipped = load(work / "as-shipped" / f"fold-{fold}.onnx")
    return auroc(known, unknown), float(np.mean(list(_is_unknown(shipped, foreign))))


def _is_unknown(model: Classifier, dataset: Dataset) -> Iterator[bool]:
    for answer in model.classify_many((clip.source for clip in dataset.clips()), top_k=1):
        yield answer.predictions[0].label == "unknown"


def _heard_and_apart(dataset: Dataset, fold: int) -> tuple[Dataset, Dataset]:
    is_apart = np.array(dataset.table["fold"].to_pylist()) == fold
    return dataset.select(~is_apart), dataset.select(is_apart)
