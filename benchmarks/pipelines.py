"""Agreement with transformers' pipelines: a tiny model of each family, the largest difference of a score.

``python -m benchmarks.pipelines``. The models are those of the tests: random weights from a configuration, saved by
`save_pretrained`. Both sides get the same arrays: the pipeline cannot resample without torchaudio.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

from auscult import load
from tests.tiny_hf import FAMILIES, some_sound, write_clap

SECONDS = (0.05, 0.5, 2.0, 4.7, 9.99)
SOUNDS = ("a dog", "rain on a tin roof", "the sea")


def main() -> None:
    warnings.filterwarnings("ignore", "At least one mel filter")
    print(f"{'model':<26} {'task':<14} sounds  largest difference of a score")
    with tempfile.TemporaryDirectory() as root:
        for family, write in FAMILIES.items():
            for task in ("single_label", "multi_label"):
                folder = write(Path(root) / f"{family}-{task}", multi_label=task == "multi_label")
                print_row(family, task, compare(folder))
        for fusion in (False, True):
            folder = write_clap(Path(root) / f"clap-{fusion}", fusion=fusion)
            print_row("clap with fusion" if fusion else "clap", "zero-shot", compare(folder, labels=SOUNDS))


def print_row(name: str, task: str, difference: float) -> None:
    print(f"{name:<26} {task:<14} {len(SECONDS):>6}  {difference:.1e}", flush=True)


def compare(folder: Path, *, labels: tuple[str, ...] | None = None) -> float:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    task = "audio-classification" if labels is None else "zero-shot-audio-classification"
    options: dict[str, Any] = {"top_k": None} if labels is None else {"candidate_labels": list(labels)}
    pipeline = transformers.pipeline(task, model=str(folder), device="cpu")
    model = load(f"hf:{folder}", labels=labels)
    worst = 0.0
    for number, seconds in enumerate(SECONDS):
        samples = some_sound(seconds, model.spec.sample_rate, seed=number)
        theirs = {one["label"]: one["score"] for one in pipeline(samples, **options)}
        for one in model(samples, top_k=None):
            worst = max(worst, abs(one["score"] - theirs[one["label"]]))
    return worst


if __name__ == "__main__":
    main()
