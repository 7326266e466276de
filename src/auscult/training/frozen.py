"""Training with a frozen body: each clip becomes an embedding, once, and a head is fitted to those in seconds.

::

    net of the backbone -> graph, exported once -> ONNX Runtime, a thread a core -> embeddings, cached -> head
    graph + head -> model file

The embeddings come out of the very graph that ships, so the head hears in training what it will hear in use. They are
kept under the clip's key and the graph's digest: the folds of a cross-validation share them, and a second training
computes none.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from auscult.audio import plan_windows
from auscult.classifier import available_cores
from auscult.data import Dataset, WaveformCache, default_cache_folder
from auscult.errors import AuscultError
from auscult.export.graphs import Graph, exported_graph
from auscult.files import write_text
from auscult.home import home_folder
from auscult.models.modelspec import HeadSpec, ModelSpec
from auscult.models.nets.waveform_net import WaveformNet
from auscult.models.runners import OnnxRunner
from auscult.progress import progress
from auscult.records import FloatArray
from auscult.training.backbones import find_backbone, kept_heads
from auscult.training.clips import ClipStore
from auscult.training.copies import Alteration
from auscult.training.curve import EpochRow, Fit, rows_to_csv
from auscult.training.folder import RunFolder
from auscult.training.heads import Examples, LinearHead, fit_head, mean_loss
from auscult.training.hidden_heads import HiddenHead, fit_hidden_head
from auscult.training.judging import told_right
from auscult.training.material import Material, decode_clips
from auscult.training.options import TrainOptions
from auscult.training.pictures import unflattened
from auscult.training.plan import TrainPlan


def fit_frozen(material: Material, folder: RunFolder, options: TrainOptions, *, quiet: bool) -> Fit:
    """The backbone with a head fitted to its embeddings, and `results.csv` of one row in the folder.

    Parameters
    ----------
    options : settled, see `plan.settle`
    """
    began = time.perf_counter()
    net, graph = _net_and_graph(material.dataset, material.plan, options)
    embedder = Embedder(graph, net.embedding_dim, material.plan, threads=options.threads, quiet=quiet)
    heard = [embedder.embed(material.train)]
    heard += [embedder.embed(material.train, Alteration.of(options, number)) for number in range(options.copies)]
    examples = _examples(material, [np.concatenate(of_clip) for of_clip in zip(*heard, strict=True)])
    fit: Any = fit_hidden_head if options.head == "hidden" else fit_head
    head = fit(examples, task=material.dataset.task, balanced=options.imbalance != "none", seed=options.seed)
    net.head.load_state_dict(head.state())
    val_logits = _validation_logits(material, embedder, head)
    val_loss, val_accuracy = _figures(val_logits, material)
    seconds = time.perf_counter() - began
    row = EpochRow(1, head.train_loss, val_loss, val_accuracy, 0.0, seconds, 0.0)
    write_text(folder.results, rows_to_csv([row]))
    return Fit(net, (row,), graph.path, val_logits)


def make_ready(dataset: Dataset, plan: TrainPlan, options: TrainOptions, *, quiet: bool) -> None:
    """Decode all clips and, meanwhile, export the graph: what the folds of a cross-validation have in common.

    Exporting keeps one core busy with Python, decoding the others outside of it. Clips that cannot be decoded are left
    to the folds, which name them.
    """
    with ThreadPoolExecutor(1) as beside:
        exported = beside.submit(_net_and_graph, dataset, plan, options)
        cache = WaveformCache(default_cache_folder())
        decode_clips(dataset.clips(), cache, plan, options, quiet=quiet)
        exported.result()


def _net_and_graph(dataset: Dataset, plan: TrainPlan, options: TrainOptions) -> tuple[WaveformNet, Graph]:
    net = frozen_net(dataset, plan, options)
    return net, exported_graph(net, _spec(dataset, plan, kept_heads(options)), home_folder("graphs"))


def frozen_net(dataset: Dataset, plan: TrainPlan, options: TrainOptions) -> WaveformNet:
    """The backbone's network in evaluation mode, with a head that is to be fitted."""
    torch.manual_seed(options.seed)
    net = find_backbone(options.backbone).build(plan, options, len(dataset.labels))
    return net.requires_grad_(False).eval()


@dataclass(frozen=True)
class Embedder:
    """Embeddings of clips by an exported graph, each computed once and kept.

    Parameters
    ----------
    dim : of the embeddings
    plan : windows that a clip is cut into
    threads : clips computed at once; None: one for each core
    """

    graph: Graph
    dim: int
    plan: TrainPlan
    threads: int | None = None
    quiet: bool = False

    def embed(self, clips: ClipStore, alteration: Alteration | None = None) -> list[FloatArray]:
        """For each clip, or its altered copy, float32 `(windows, dim)`."""
        cache = WaveformCache(home_folder("embeddings"))
        keys = [self._key(key, alteration) for key in clips.keys]

        def compute(i: int) -> FloatArray:
            samples = clips.waveform(i)
            return self._embedding(runner, samples if alteration is None else alteration(samples, clips.keys[i]))

        missing = [i for i, key in enumerate(keys) if key not in cache]
        if missing:
            runner = OnnxRunner(self.graph.path)
            with (
                progress("Embedding", len(missing), quiet=self.quiet) as advance,
                ThreadPoolExecutor(self.threads or available_cores()) as pool,
            ):
                try:
                    found = pool.map(compute, missing)
                    for i, embedding in zip(missing, found, strict=True):
                        cache.put(keys[i], embedding.ravel())
                        advance()
                finally:
                    pool.shutdown(cancel_futures=True)
        return [_kept(cache, key).reshape(-1, self.dim) for key in keys]

    def _key(self, clip: str, alteration: Alteration | None) -> str:
        parts: list[object] = [clip, self.graph.digest, self.plan.window_samples, self.plan.hop_samples]
        if alteration is not None:
            parts.append(alteration)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    def _embedding(self, runner: OnnxRunner, samples: FloatArray) -> FloatArray:
        length = self.plan.window_samples
        windows = plan_windows(len(samples), length=length, hop=self.plan.hop_samples)
        rows = np.zeros((len(windows), length), np.float32)
        for row, window in zip(rows, windows, strict=True):
            row[: window.valid_samples] = samples[window.start : window.end]
        if self.plan.picture is not None:
            return runner.run_pictures(unflattened(rows, self.plan.picture))["embedding"]
        return runner.run(rows)["embedding"]


def _kept(cache: WaveformCache, key: str) -> FloatArray:
    """A copy: thousands of mapped files would use up what a process may open."""
    values = cache.get(key)
    if values is None:
        raise AuscultError(
            f"The cache of embeddings lost one while it was in use ({cache.folder}); run the same command again with "
            "--resume, and it will be computed anew."
        )
    return values.copy()


def _examples(material: Material, embeddings: Sequence[FloatArray]) -> Examples:
    """A row a window; those of a clip, its altered copies among them, share its weight."""
    counts = np.array([len(rows) for rows in embeddings])
    return Examples(
        embeddings=np.concatenate(embeddings),
        targets=np.repeat(material.train.targets, counts, axis=0),
        groups=np.repeat(material.dataset.groups()[material.split.train], counts),
        shares=np.repeat(1.0 / counts, counts),
    )


def _validation_logits(material: Material, embedder: Embedder, head: LinearHead | HiddenHead) -> FloatArray | None:
    """Of each validation clip the mean of its windows' logits, float32 `(clips, classes)`; None without such clips."""
    if not len(material.validation):
        return None
    return np.stack([head.logits(rows).mean(axis=0) for rows in embedder.embed(material.validation)])


def _figures(logits: FloatArray | None, material: Material) -> tuple[float | None, float | None]:
    """Mean loss of the validation clips, and the share that is told right."""
    if logits is None:
        return None, None
    task, targets = material.dataset.task, material.validation.targets
    right = told_right(torch.from_numpy(logits), torch.from_numpy(targets), task)
    return mean_loss(logits, targets, task=task), right


def _spec(dataset: Dataset, plan: TrainPlan, kept: tuple[HeadSpec, ...]) -> ModelSpec:
    """Of the graph: all that its shape depends on."""
    return ModelSpec(
        name="graph",
        heads=(HeadSpec(name="main", task=dataset.task, labels=dataset.labels), *kept),
        **plan.of_model(),
        license="unspecified",
    )
