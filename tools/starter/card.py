"""The card of the starter: all of it follows from the model file and the list of attributions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auscult import Classifier
from auscult.files import write_text
from auscult.progress import bytes_in_words
from tools.starter.attributions import Attribution

_TEMPLATE = Path(__file__).with_name("card.md")

_URBANSOUND8K = """\
Sounds of another corpus, by which nothing was chosen: {n} clips of UrbanSound8K (all its classes but `dog_bark`, whose
recordings ESC-10 shares), heard by the networks of those folds beside the clips that each has not heard.

| | |
| --- | --- |
| AUROC of known against unknown | **{auroc}** |
| clips of UrbanSound8K that come out as `{unknown}` | {share} % |

"""
_PERCENT = (
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "accuracy_with_unknown",
    "known_as_unknown",
    "same_class_in_16_bits",
    "missing_classes_as_unknown",
    "other_classes_kept",
    "other_classes_right",
)


def card_text(model: Classifier, attributions: Sequence[Attribution]) -> str:
    """The card as Markdown."""
    spec = model.spec
    (head,) = spec.heads
    unknown = head.unknown
    if unknown is None:
        raise ValueError(f"The model {spec.name!r} has no label for unknown sounds; give the starter.")
    figures: Mapping[str, Any] = spec.provenance.metrics
    licences = Counter(one.licence for one in attributions)
    return _TEMPLATE.read_text(encoding="utf-8").format(
        classes=", ".join(label.name.replace("_", " ") for label in head.classes),
        unknown=unknown.label,
        threshold=unknown.threshold,
        slope=figures["slope"],
        clips_tested=figures["clips_tested"],
        folds=figures["folds_tested"],
        short_epochs=figures["short_epochs"],
        sample_rate=spec.sample_rate,
        window_s=spec.window_s,
        n_labels=len(head.labels),
        size=bytes_in_words(model.path.stat().st_size),
        dim=model.embed(np.zeros(spec.window_samples, np.float32)).shape[1],
        n_clips=len(attributions),
        n_recordings=len({one.url for one in attributions}),
        n_authors=len({one.author for one in attributions}),
        licences=", ".join(f"{count} clips {name}" for name, count in licences.most_common()),
        license=spec.license,
        urbansound8k=_urbansound8k(figures, unknown.label),
        one_in=round(1 / (1 - figures["missing_classes_as_unknown"])),
        **{name: f"{figures[name]:.1%}".removesuffix("%") for name in _PERCENT},
        **{name: f"{figures[name]:.3f}" for name in ("auroc", "auroc_lowest", "auroc_highest")},
    )


def _urbansound8k(figures: Mapping[str, Any], unknown: str) -> str:
    if "urbansound8k_auroc" not in figures:
        return ""
    return _URBANSOUND8K.format(
        n=int(figures["urbansound8k_clips"]),
        auroc=f"{figures['urbansound8k_auroc']:.3f}",
        share=f"{figures['urbansound8k_as_unknown']:.1%}".removesuffix("%"),
        unknown=unknown,
    )


def write_card(path: Path, model: Classifier, attributions: Sequence[Attribution]) -> None:
    write_text(path, card_text(model, attributions))
