"""The training loop: Lightning's, with our checkpoints, learning curves and progress bar."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from auscult.errors import AuscultError
from auscult.files import atomic_path, write_text
from auscult.progress import Advance, progress
from auscult.training.curve import EpochRow, Fit, rows_to_csv
from auscult.training.learner import Learner
from auscult.training.options import Precision

CHECKPOINT = "last.ckpt"
MAX_GRADIENT_NORM = 5.0
CHECKPOINT_EVERY_S = 10.0  # a kill costs at most this and the epoch it falls into


def fit(
    learner: Learner,
    folder: Path,
    *,
    precision: Precision,
    early_stop: int | None,
    quiet: bool,
    most_s: float | None = None,
) -> Fit:
    """Train to the end of the plan, from `folder`'s checkpoint if it has one.

    Parameters
    ----------
    folder : the run's; `results.csv` and `checkpoints/` are written here
    early_stop : epochs without a better validation loss after which to end; None: never
    most_s : seconds after which no further epoch begins; None: as many as the plan's epochs take
    """
    checkpoint = folder / "checkpoints" / CHECKPOINT
    epochs = learner.plan.epochs
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with progress("Training", epochs, quiet=quiet) as advance:
        recorder = Recorder(folder / "results.csv", early_stop, advance, most_s)
        trainer = pl.Trainer(
            max_epochs=epochs,
            precision=lightning_precision(precision),  # type: ignore[arg-type]
            accelerator="auto",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            gradient_clip_val=MAX_GRADIENT_NORM,
            reload_dataloaders_every_n_epochs=1,
            callbacks=[recorder, Saver(checkpoint)],
        )
        with warnings.catch_warnings():
            # Lightning's advice on workers of data loaders does not apply: batches come from a thread, memory-mapped.
            warnings.simplefilter("ignore")
            with _interruptible(trainer):
                trainer.fit(learner, ckpt_path=checkpoint if checkpoint.exists() else None, weights_only=True)
    return Fit(learner.finished_net().cpu(), tuple(recorder.rows))


@contextmanager
def _interruptible(trainer: pl.Trainer) -> Iterator[None]:
    """Let Ctrl-C come out as itself: Lightning makes `SystemExit(1)` of it and leaves the signal ignored."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not trainer.interrupted:
            raise
        raise KeyboardInterrupt from error
    finally:
        if in_main_thread:
            signal.signal(signal.SIGINT, handler)


def lightning_precision(precision: Precision) -> str:
    """Half precision only where the processor multiplies it directly: elsewhere it is emulated, and slower."""
    if precision == "32":
        return "32-true"
    return "bf16-mixed" if precision == "bf16" or has_fast_bfloat16() else "32-true"


def has_fast_bfloat16() -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


class Recorder(pl.Callback):
    """Keeps a row an epoch, writes `results.csv`, moves the progress bar, stops early where asked."""

    def __init__(self, path: Path, early_stop: int | None, advance: Advance, most_s: float | None = None) -> None:
        self.path = path
        self.early_stop = early_stop
        self.ends = math.inf if most_s is None else time.monotonic() + most_s
        self.advance = advance
        self.rows: list[EpochRow] = []
        self._began = self._step_ended = 0.0
        self._waited_s = 0.0
        self._losses: list[Tensor] = []

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.rows:
            self.advance("resumed", done=len(self.rows))
            # Killed after its early stop: there is nothing left to train.
            trainer.should_stop = self._has_stalled()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._began = self._step_ended = time.perf_counter()
        self._waited_s = 0.0
        self._losses = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._waited_s += time.perf_counter() - self._step_ended

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._losses.append(outputs["loss"].detach())
        self._step_ended = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Learner)
        train_loss = float(torch.stack(self._losses).mean())
        if not train_loss < float("inf"):
            raise AuscultError(
                f"The training loss became {train_loss} in epoch {trainer.current_epoch + 1}; "
                "train again with a lower --learning-rate or with --precision 32."
            )
        seconds = time.perf_counter() - self._began
        loss, accuracy = pl_module.validation_figures() if len(pl_module.validation) else (None, None)
        rate = max(float(group["lr"]) for group in trainer.optimizers[0].param_groups)
        self.rows.append(
            EpochRow(trainer.current_epoch + 1, train_loss, loss, accuracy, rate, seconds, self._waited_s / seconds)
        )
        write_text(self.path, rows_to_csv(self.rows))
        self.advance(f"loss {train_loss:.3f}" + ("" if accuracy is None else f", validation {accuracy:.1%}"))
        trainer.should_stop = trainer.should_stop or self._has_stalled() or time.monotonic() > self.ends

    def _has_stalled(self) -> bool:
        if self.early_stop is None:
            return False
        losses = [row.val_loss for row in self.rows if row.val_loss is not None]
        if not losses:
            return False
        return len(losses) - 1 - losses.index(min(losses)) >= self.early_stop

    def state_dict(self) -> dict[str, Any]:
        return {"rows": [asdict(row) for row in self.rows]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = [EpochRow(**row) for row in state_dict["rows"]]


class Saver(pl.Callback):
    """Writes the checkpoint at the end of an epoch, whole or not at all, but not more often than need be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._saved = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        last = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if not last and time.monotonic() - self._saved < CHECKPOINT_EVERY_S:
            return
        with atomic_path(self.path) as temporary:
            trainer.save_checkpoint(temporary)
        self._saved = time.monotonic()
