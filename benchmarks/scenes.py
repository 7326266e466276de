"""Detection on mixtures: ESC-10's sounds over noise that is no class of the model, at 20, 10 and 0 dB.

python -m benchmarks.scenes ESC10 URBANSOUND8K [--folds 5] [--hop SECONDS] [--runs FOLDER]

For each tested fold two heads are trained on a frozen YAMNet. One has seen neither that fold nor the next; on scenes of
the next fold the options are chosen, one set for all noises and ratios, by F1 of overlap. The other was trained on all
folds but the tested one, and is measured on scenes of that, with the options that were chosen and with none. YAMNet's
own 521 classes, mapped to the ten, go the same way. The noise of an air conditioner comes of other recordings where
options are chosen than where they are tested. Clips stay at -20 dBFS; the noise is so much quieter as the ratio says.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from auscult import Classifier, Dataset, EventOptions, load
from auscult.data import open_dataset
from auscult.decide import EventFinder
from auscult.metrics import EventOutcomes, EventRule, evaluate_events, events_per_class
from auscult.records import Event, FloatArray, Label, Waveform, Window
from auscult.result import WindowValues
from auscult.scenes import SceneClip, SceneOptions, clips_of, plan_scenes, render
from benchmarks.machine import describe_machine

RATIOS_DB = (20, 10, 0)
NOISES = ("pink", "air conditioner")
CLIPS_DB = -20.0
N_SCENES = 12
RULES: tuple[EventRule, ...] = ("overlap", "segment", "event")

# The classes of YAMNet that say what a class of ESC-10 is.
OF_YAMNET = {
    "dog": ("Dog", "Bark", "Bow-wow", "Yip", "Howl"),
    "rooster": ("Chicken, rooster", "Crowing, cock-a-doodle-doo"),
    "rain": ("Rain", "Raindrop", "Rain on surface"),
    "sea_waves": ("Ocean", "Waves, surf"),
    "crackling_fire": ("Fire", "Crackle"),
    "crying_baby": ("Baby cry, infant cry", "Crying, sobbing"),
    "sneezing": ("Sneeze",),
    "clock_tick": ("Clock", "Tick", "Tick-tock"),
    "helicopter": ("Helicopter",),
    "chainsaw": ("Chainsaw",),
}

# What is chosen from, besides what is there without options.
GRID = [
    EventOptions(on=on, off=off * on, smooth_s=smooth_s, min_s=min_s, max_gap_s=gap_s)
    for on, off, smooth_s, min_s, gap_s in itertools.product(
        (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98),
        (1.0, 0.6),
        (0.0, 1.0, 2.0),
        (0.0, 0.5, 1.0),
        (0.0, 1.0),
    )
]

# What single options do, on the scenes that options are chosen on.
SINGLE = [
    EventOptions(),
    EventOptions(smooth_s=1.0),
    EventOptions(min_s=1.0),
    EventOptions(max_gap_s=1.0),
    EventOptions(smooth_s=2.0, min_s=1.0),
    EventOptions(on=0.8, smooth_s=1.0),
    EventOptions(on=0.2, smooth_s=1.0),
]


@dataclass(frozen=True)
class Heard:
    """A scene and what a model said of its windows."""

    name: str
    duration_s: float
    truth: tuple[Event, ...]
    windows: tuple[Window, ...]
    values: FloatArray


@dataclass(frozen=True)
class Model:
    """A classifier, and how its classes become those of ESC-10."""

    classifier: Classifier
    columns: dict[str, list[int]]

    @classmethod
    def of(cls, classifier: Classifier, meaning: dict[str, tuple[str, ...]] | None) -> Model:
        at = {label.name: i for i, label in enumerate(classifier.labels)}
        named = {name: (name,) for name in at} if meaning is None else meaning
        return cls(classifier, {label: [at[name] for name in names] for label, names in named.items()})

    def hear(self, scenes: Sequence[Any]) -> list[Heard]:
        heard = []
        rate = self.classifier.spec.sample_rate
        for scene in scenes:
            parts = [
                part
                for part in self.classifier.window_scores([Waveform(scene.samples, rate)])
                if isinstance(part, WindowValues)
            ]
            windows = tuple(window for part in parts for window in part.windows)
            values = np.concatenate([part.values for part in parts])
            mapped = np.stack([values[:, columns].max(axis=1) for columns in self.columns.values()], axis=1)
            truth = tuple(replace(event, source=scene.plan.name) for event in scene.truth)
            heard.append(Heard(scene.plan.name, scene.plan.duration_s, truth, windows, mapped))
        return heard

    def outcomes(self, heard: Sequence[Heard], options: EventOptions) -> EventOutcomes:
        labels = [Label(label) for label in self.columns]
        spec = self.classifier.spec
        found: list[Event] = []
        for one in heard:
            finder = EventFinder(
                one.name,
                labels,
                range(len(labels)),
                options,
                thresholds=None,
                sample_rate=spec.sample_rate,
                window_samples=spec.window_samples,
                hop_samples=spec.hop_samples,
            )
            found += finder.push(one.windows, one.values) + finder.finish()
        return EventOutcomes(
            labels=tuple(label.id for label in labels),
            true=tuple(event for one in heard for event in one.truth),
            found=tuple(found),
            durations_s={one.name: one.duration_s for one in heard},
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenes")
    parser.add_argument("esc10", type=Path, help="folder of ESC-10")
    parser.add_argument("urbansound8k", type=Path, help="folder of UrbanSound8K, or of some of its folds")
    parser.add_argument("--folds", type=int, nargs="+", default=[5], help="folds to test on; default: 5")
    parser.add_argument(
        "--window",
        dest="window_s",
        metavar="SECONDS",
        type=float,
        default=0.975,
        help="window of the heads; default: 0.975",
    )
    parser.add_argument(
        "--hop", dest="hop_s", metavar="SECONDS", type=float, help="from a window to the next; default: the models' own"
    )
    parser.add_argument("--runs", type=Path, help="folder to keep trainings in, and to find them in again")
    arguments = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}  {describe_machine()}  Python {platform.python_version()}")
    print(f"{' '.join(sys.argv[1:])}\n")
    with tempfile.TemporaryDirectory() as temporary:
        runs = arguments.runs or Path(temporary)
        tested: dict[str, list[tuple[Model, dict[tuple[str, int], list[Heard]], EventOptions]]] = {}
        for fold in arguments.folds:
            for name, model, scenes, options in _of_fold(fold, arguments, runs):
                tested.setdefault(name, []).append((model, scenes, options))
        for name, folds in tested.items():
            _report(name, folds)


def _of_fold(fold: int, arguments: argparse.Namespace, runs: Path) -> Any:
    """Of each model: its name, itself, the scenes of the tested fold as it hears them, the options that were chosen."""
    data = Dataset.from_corpus("esc10", arguments.esc10)
    noise = open_dataset(str(arguments.urbansound8k)).only(labels=["air_conditioner"])
    groups = np.unique(noise.groups())
    next_fold = fold % 5 + 1
    hop_s = arguments.hop_s
    heads = {
        part: load(str(_trained(arguments, runs, fold, without)), hop_s=hop_s)
        for part, without in (("chosen", (fold, next_fold)), ("tested", (fold,)))
    }
    yamnet = load("yamnet", hop_s=hop_s)
    scenes = {}
    for number, (part, of_fold) in enumerate((("chosen", next_fold), ("tested", fold))):
        clips = clips_of(data.only(folds=[of_fold]))
        background = clips_of(noise.select(np.isin(noise.groups(), groups[number::2])))
        scenes[part] = _scenes(clips, background, of_fold)
    for name, meaning in (("head", None), ("YAMNet", OF_YAMNET)):
        models = {part: Model.of(heads[part] if name == "head" else yamnet, meaning) for part in ("chosen", "tested")}
        heard = {
            part: {condition: models[part].hear(some) for condition, some in scenes[part].items()} for part in models
        }
        every = [one for some in heard["chosen"].values() for one in some]
        chosen = models["chosen"]
        options = max(GRID, key=lambda options: _precision_recall_f1(chosen.outcomes(every, options))[2])
        print(f"{name}, fold {fold}: {_words(options)}", flush=True)
        for tried in SINGLE:
            precision, recall, f1 = _precision_recall_f1(chosen.outcomes(every, tried))
            print(f"  {_words(tried):24} precision {precision:.0%}, recall {recall:.0%}, F1 {f1:.0%}", flush=True)
        yield name, models["tested"], heard["tested"], options


def _scenes(clips: list[SceneClip], background: list[SceneClip], fold: int) -> dict[tuple[str, int], list[Any]]:
    """The same clips at the same places under every noise and ratio."""
    files = tuple(clip.path for clip in background)
    found = {}
    for noise, ratio_db in itertools.product(NOISES, RATIOS_DB):
        options = SceneOptions(
            background=("pink",) if noise == "pink" else files,
            background_level_db=CLIPS_DB - ratio_db,
            snr_db=(ratio_db, ratio_db),
            n_events=(6, 6),
            seed=fold,
        )
        plans = plan_scenes(clips, options, N_SCENES)
        found[noise, ratio_db] = [
            render(replace(plan, name=f"{noise} {ratio_db} {fold} {plan.name}")) for plan in plans
        ]
    return found


def _trained(arguments: argparse.Namespace, runs: Path, fold: int, without: tuple[int, ...]) -> Path:
    """The model file of a training on all folds but these, the first of which it is tested on."""
    run = runs / f"window-{arguments.window_s:g}-without-{'-'.join(map(str, sorted(without)))}"
    if not (run / "report.html").exists():
        command = [sys.executable, "-m", "auscult", "train", str(arguments.esc10), "-o", str(run), "--quiet"]
        command += ["--backbone", "yamnet", "--strategy", "freeze", "--window", str(arguments.window_s)]
        # It must be tested on something, which in a training without two folds is the one that options are chosen on.
        tested = without[-1]
        for kept in (kept for kept in range(1, 6) if kept not in without or kept == tested):
            command += ["--only-folds", str(kept)]
        subprocess.run([*command, "--fold", str(tested)], check=True, stdout=subprocess.DEVNULL)
    return run / "model.onnx"


def _precision_recall_f1(outcomes: EventOutcomes) -> tuple[float, float, float]:
    """By overlap, over all classes."""
    of_classes = events_per_class(outcomes, "overlap")
    hits, false_alarms, misses = (
        sum(getattr(one, name) for one in of_classes) for name in ("hits", "false_alarms", "misses")
    )
    f1 = 2 * hits / max(1, 2 * hits + false_alarms + misses)
    return hits / max(1, hits + false_alarms), hits / max(1, hits + misses), f1


def _report(name: str, folds: list[tuple[Model, dict[tuple[str, int], list[Heard]], EventOptions]]) -> None:
    for with_options in (True, False):
        print(f"\n{name}, {'options as chosen' if with_options else 'no options'}\n")
        print("| noise | dB | rule | precision | recall | F1 | events |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for condition in folds[0][1]:
            parts = [
                model.outcomes(scenes[condition], options if with_options else EventOptions())
                for model, scenes, options in folds
            ]
            whole = _together(parts)
            figures = evaluate_events(whole)
            for rule in RULES:
                cells = [_cell(figures[f"{rule}_micro_{word}"]) for word in ("precision", "recall", "f1")]
                print(f"| {condition[0]} | {condition[1]} | {rule} | {' | '.join(cells)} | {len(whole.true)} |")


def _together(parts: list[EventOutcomes]) -> EventOutcomes:
    return EventOutcomes(
        labels=parts[0].labels,
        true=tuple(event for part in parts for event in part.true),
        found=tuple(event for part in parts for event in part.found),
        durations_s={name: length for part in parts for name, length in part.durations_s.items()},
    )


def _cell(figure: Any) -> str:
    if figure.value is None:
        return "none"
    bounds = "" if figure.low is None else f" ({100 * figure.low:.0f} to {100 * figure.high:.0f})"
    return f"{100 * figure.value:.0f} %{bounds}"


def _words(options: EventOptions) -> str:
    changed = {name: value for name, value in vars(options).items() if value != getattr(EventOptions(), name)}
    return ", ".join(f"{name} {value:g}" for name, value in changed.items()) or "no options"


if __name__ == "__main__":
    main()
