"""`train`: from labelled sounds to a run folder with a model file, its figures and a page of pictures."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from auscult.classifier import load
from auscult.data import Clip, Dataset, Reading, Split, open_dataset
from auscult.data.schema import PICTURE_OF
from auscult.data.versions import StoreSounds
from auscult.errors import InputError, unique_problems
from auscult.evaluation import LEAKING, Evaluation, evaluate
from auscult.export.onnx import Example, Parity, write_model_file
from auscult.files import write_text
from auscult.metrics import Figure
from auscult.models.modelspec import HeadSpec, ModelSpec, Provenance
from auscult.records import Waveform
from auscult.training.auto import Choice, choose_backbone
from auscult.training.backbones import find_backbone, kept_heads
from auscult.training.batches import plain_batches
from auscult.training.clips import fill_cache
from auscult.training.curve import EpochRow, Fit
from auscult.training.fitting import fit_network
from auscult.training.folder import RunFolder
from auscult.training.likeness import with_note_on_copies
from auscult.training.material import Material, choose_split, prepare
from auscult.training.memory import keep_freed_memory
from auscult.training.options import TrainOptions
from auscult.training.pictures import unflattened
from auscult.training.plan import TrainPlan, note_on_idle, plan_training, settle, settled_values
from auscult.training.summary import write_run_report

PACKAGES = ("auscult", "torch", "lightning", "numpy", "soundfile", "soxr", "onnxruntime")
N_PARITY_CLIPS, N_PARITY_CLIPS_HEAD = 8, 2
N_PARITY_WINDOWS = 4  # of a longer clip, as much as makes this many lengths of a window


@dataclass(frozen=True)
class Run:
    """A finished training.

    `evaluation` is that of the model file on the test part, None where no clips were kept apart for testing; `metrics`
    are its figures by name. `problems` are the clips that had to be left out, `notes` what a reader should know.
    """

    folder: Path
    evaluation: Evaluation | None
    problems: tuple[InputError, ...]
    notes: tuple[str, ...]
    model: Path
    report: Path

    @property
    def metrics(self) -> dict[str, Figure]:
        return self.evaluation.metrics if self.evaluation else {}

    def metrics_dict(self) -> dict[str, Any]:
        """What `metrics.json` holds."""
        return self.evaluation.to_dict() if self.evaluation else {}


def train(
    source: str | Path | Dataset,
    *,
    output: str | Path,
    options: TrainOptions | None = None,
    fold: int | None = None,
    reading: Reading | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Run:
    """Train a model on labelled sounds, test it on sounds kept apart, and write a run folder.

    Parameters
    ----------
    source : labelled sounds, in any form that `auscult.data.open_dataset` takes, or a `Dataset`
    output : the run's folder; new, empty, or with `resume` that of the same run
    options : how to train
    fold : test on this official fold and train on the others; None: test on the test part that was given, else on the
        last official fold, else on clips held out by group
    reading : how the source is to be read, and which of its clips are meant
    resume : go on with an interrupted run; it ends with the weights that it would have had without the interruption
    quiet : show no progress

    Raises
    ------
    DataError : the dataset cannot be trained on
    UsageError : the folder holds another run
    """
    options = options or TrainOptions()
    dataset = open_dataset(source, reading, quiet=quiet).of_medium()
    return train_split(
        dataset,
        choose_split(dataset, fold, options),
        output=Path(output),
        source=source_in_config(source, reading, dataset),
        fold=fold,
        options=options,
        resume=resume,
        quiet=quiet,
        compare=True,
    )


def train_split(
    dataset: Dataset,
    split: Split,
    *,
    output: Path,
    source: dict[str, Any],
    fold: int | None = None,
    options: TrainOptions,
    resume: bool,
    quiet: bool,
    compare: bool = False,
) -> Run:
    """`train` with the split already chosen; `compare`: look for near duplicates across it, see `likeness.py`."""
    keep_freed_memory()
    folder = RunFolder(output)
    clips = dataset.select(split.train).clips()
    choice = None
    # What cannot be trained leaves no folder.
    plan, settled = settled_plan(clips, options, quiet=quiet)
    # A frozen body is computed by ONNX Runtime; what is left to torch is small, and threads that wait for one another
    # on a busy machine cost more than they bring.
    with folder.locked(), _threads(1 if settled.strategy == "freeze" else options.threads):
        config = _config(source, dataset, split, fold, options)
        if options.backbone == "auto":
            folder.open(config=config, resume=resume)
            choice = _choice(dataset, split, folder, options, quiet=quiet)
            plan, settled = settled_plan(clips, choice.options(options), quiet=quiet)
            folder.keep_choice(choice.to_dict() | _settled_config(choice.options(options), plan, settled))
        else:
            folder.open(config=config | _settled_config(options, plan, settled), resume=resume)
        split = replace(split, notes=(*split.notes, *note_on_idle(options, settled)))
        material = prepare(dataset, split, plan, settled, quiet=quiet)
        material = with_note_on_copies(material) if compare else material
        material.split.to_csv(material.dataset, folder.split)
        return _train_on(material, folder, settled, choice, quiet=quiet)


def settled_plan(clips: Sequence[Clip], options: TrainOptions, *, quiet: bool) -> tuple[TrainPlan, TrainOptions]:
    """What the clips and the backbone settle; "auto" is settled as a network from scratch, until it has chosen.

    The backbone's weights are here afterwards: that they cannot be had is known before a clip is decoded.
    """
    backbone = find_backbone("scratch" if options.backbone == "auto" else options.backbone, quiet=quiet)
    plan = plan_training(clips, options, backbone.recipe)
    backbone.fetch(quiet)
    # A checkpoint from the hub gets the name of its revision.
    return plan, settle(replace(options, backbone=backbone.name), backbone.recipe, plan.epochs)


def _choice(dataset: Dataset, split: Split, folder: RunFolder, options: TrainOptions, *, quiet: bool) -> Choice:
    """The backbone that suits, as it was chosen before if this run goes on."""
    kept = folder.kept_choice()
    if kept is not None:
        return Choice.from_dict(kept)
    choice = choose_backbone(dataset, split, options, quiet=quiet)
    write_text(folder.backbones, choice.to_csv())
    for line in () if quiet else choice.table():
        print(line, file=sys.stderr, flush=True)
    return choice


def _settled_config(options: TrainOptions, plan: TrainPlan, settled: TrainOptions) -> dict[str, Any]:
    return {"plan": plan.to_dict(), "settled": settled_values(options, settled)}


@contextmanager
def _threads(wanted: int | None) -> Iterator[None]:
    """Let torch use this many threads, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(wanted or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train_on(
    material: Material, folder: RunFolder, options: TrainOptions, choice: Choice | None, *, quiet: bool
) -> Run:
    fitted = fit_network(material, folder, options, quiet=quiet)
    spec = describe(material, options, fitted.rows[-1], name=folder.path.resolve().name)
    # Where only the head is new, fewer sounds tell whether the file is right.
    sounds = _sounds(material, N_PARITY_CLIPS if fitted.graph is None else N_PARITY_CLIPS_HEAD)
    parity = write_model_file(folder.model, fitted.net, spec, sounds=sounds, graph=fitted.graph)
    return finish(folder, material, options, fitted, parity, choice, quiet=quiet)


def describe(material: Material, options: TrainOptions, last: EpochRow, *, name: str) -> ModelSpec:
    """What the model file will say of itself."""
    dataset, plan, split = material.dataset, material.plan, material.split
    backbone = find_backbone(options.backbone)
    multi_label = dataset.task == "multi_label"
    head = HeadSpec(
        name="main",
        task=dataset.task,
        labels=dataset.labels,
        thresholds=(0.5,) * len(dataset.labels) if multi_label else None,
        aggregate="max" if multi_label else "mean",
    )
    seen = np.concatenate([split.train, split.validation])
    provenance = Provenance(
        dataset_digest=dataset.digest(),
        split=split.name,
        seed=options.seed,
        packages={package: version(package) for package in PACKAGES},
        metrics={"train_loss": last.train_loss, "val_accuracy": last.val_accuracy},
        training_clips=tuple(sorted(_seen_ids(dataset.select(seen)))),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        origin=backbone.name if backbone.pretrained else None,
    )
    return ModelSpec(
        name=name,
        heads=(head, *kept_heads(options)),
        **plan.of_model(),
        mono=options.mono,
        license=backbone.licence_of_result(),
        provenance=provenance,
    )


def _seen_ids(dataset: Dataset) -> set[str]:
    """Ids of clips, and of the sounds that pictures are made of."""
    ids = set(dataset.table["clip_id"].to_pylist())
    if PICTURE_OF in dataset.table.column_names:
        ids |= {clip_id for clip_id in dataset.table[PICTURE_OF].to_pylist() if clip_id is not None}
    return ids


def finish(
    folder: RunFolder,
    material: Material,
    options: TrainOptions,
    fitted: Fit,
    parity: Parity,
    choice: Choice | None,
    *,
    quiet: bool,
) -> Run:
    """Measure the file that was written on the test part, and write the figures and the report."""
    evaluation: Evaluation | None = None
    problems = material.problems
    model = load(folder.model)
    if len(material.split.test):
        caveat = LEAKING if material.split.leaking_groups else None
        tested = material.dataset.select(material.split.test)
        # Another fold of a cross-validation trains on these clips, and the next training tests on them again.
        cache = material.train.cache
        if material.plan.picture is None:
            fill_cache(tested.clips(), cache, sample_rate=model.spec.sample_rate, mono=options.mono, quiet=quiet)
        # A split that leaks may test on the very clips that it trained on.
        seen = options.allow_leakage
        evaluation = evaluate(model, tested, allow_seen=seen, caveat=caveat, decoded=cache, quiet=quiet)
        evaluation.write(folder.path)
        problems = unique_problems((*problems, *evaluation.problems))
    chosen = (choice.reason,) if choice else ()
    notes = (*chosen, *material.split.notes, *(evaluation.notes if evaluation else ()))
    run = Run(folder.path, evaluation, problems, notes, folder.model, folder.report)
    write_run_report(folder, material, options, fitted, parity, run, model)
    return run


def _sounds(material: Material, n_clips: int) -> list[Example]:
    """A few real clips, spread over the training part, to compare the file with the network on."""
    chosen = np.unique(np.linspace(0, len(material.train) - 1, n_clips).astype(int))
    if (picture := material.plan.picture) is not None:
        batches = plain_batches(
            material.train.subset(chosen),
            window_samples=material.plan.window_samples,
            hop_samples=material.plan.hop_samples,
            batch_size=len(chosen),
        )
        return list(unflattened(next(iter(batches))[0].numpy(), picture))
    most = N_PARITY_WINDOWS * material.plan.window_samples
    return [Waveform(np.array(material.train.waveform(int(i))[:most]), material.plan.sample_rate) for i in chosen]


def source_in_config(source: str | Path | Dataset, reading: Reading | None, dataset: Dataset) -> dict[str, Any]:
    """What `config.yaml` keeps of where the sounds came from, and how they were read.

    A version goes by its number, for what is newest, or has a tag, may be another one tomorrow.
    """
    named = {"source": str(source.root if isinstance(source, Dataset) else source)}
    if isinstance(dataset.sounds, StoreSounds):
        named = {"source": dataset.sounds.version}
    read = {} if reading is None else reading.to_dict()
    return {**named, "reading": read} if read else named


def _config(
    source: dict[str, Any], dataset: Dataset, split: Split, fold: int | None, options: TrainOptions
) -> dict[str, Any]:
    """Everything that the weights depend on, as `config.yaml` keeps it."""
    return {
        "auscult": version("auscult"),
        "torch": version("torch"),
        **source,
        "fold": fold,
        "dataset_digest": dataset.digest(),
        "split": split.name,
        "threads": torch.get_num_threads(),
        "options": options.to_dict(),
    }
