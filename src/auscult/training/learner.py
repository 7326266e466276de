"""What one training step does, as a Lightning module: augment, mix, front end, mask, network, loss, average."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.optim.swa_utils import AveragedModel

from auscult.models.nets.waveform_net import WaveformNet
from auscult.training.augment import (
    BandNoise,
    CircularShift,
    EnergyMix,
    FrameShift,
    PictureMix,
    RandomGain,
    RandomPolarity,
    RandomResampling,
    SpecMask,
    WaveformTransform,
)
from auscult.training.batches import Batch, TrainBatches, plain_batches, random_seed, steps_per_epoch
from auscult.training.clips import ClipStore
from auscult.training.judging import predict, told_right
from auscult.training.options import TrainOptions
from auscult.training.plan import TrainPlan
from auscult.training.strategies import body_layers, freeze, parameter_groups, trained_layers

WARM_UP = 0.05  # share of all steps in which the learning rate rises


class Learner(pl.LightningModule):
    """Trains a `WaveformNet` on a `ClipStore`, step by step. Of the `options`, all that a recipe settles must be.

    `averaged` is the running average of the weights; it is what training gives in the end.
    """

    def __init__(
        self,
        net: WaveformNet,
        clips: ClipStore,
        *,
        validation: ClipStore,
        task: str,
        plan: TrainPlan,
        options: TrainOptions,
    ) -> None:
        super().__init__()
        self.net = net
        self.averaged = AveragedModel(net, multi_avg_fn=_averaging(options.averaging))
        self.clips = clips
        self.validation = validation
        self.task = task
        self.plan = plan
        self.options = options
        self.resampling: RandomResampling | None = None
        self.transforms: tuple[WaveformTransform, ...]
        self.mix: EnergyMix | PictureMix
        union = task == "multi_label"
        if plan.picture is None:
            self.resampling = RandomResampling(options.resampling)
            noise = BandNoise(options.noise)
            self.transforms = CircularShift(options.shifting), RandomPolarity(), RandomGain(options.gain_db), noise
            self.mix = EnergyMix(options.mixing, plan.sample_rate, union=union)
        else:
            self.transforms = (FrameShift(options.shifting, plan.picture.spec.bands),)
            self.mix = PictureMix(options.mixing, union=union)
        self.mask = SpecMask(options.masking)
        weights = class_weights(clips.targets) if options.imbalance == "weights" else np.ones(clips.targets.shape[1])
        self.register_buffer("class_weights", torch.from_numpy(weights).float(), persistent=False)

    # Data ------------------------------------------------------------------------------------------------------------

    def train_dataloader(self) -> TrainBatches:
        return self.batches(self.current_epoch)

    def batches(self, epoch: int) -> TrainBatches:
        return TrainBatches(
            self.clips,
            window_samples=self.plan.window_samples,
            batch_size=self.options.batch_size,
            seed=self.options.seed,
            epoch=epoch,
            balanced=self.options.imbalance == "sampling",
            resampling=self.resampling,
            transforms=self.transforms,
            mix=self.mix,
            grain=1 if self.plan.picture is None else self.plan.picture.spec.bands,
        )

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return Batch(batch.waveforms.to(device), batch.targets.to(device), batch.step)

    # What trains -----------------------------------------------------------------------------------------------------

    def on_train_epoch_start(self) -> None:
        self.thaw()

    def train(self, mode: bool = True) -> Learner:
        super().train(mode)
        if mode:
            self.thaw()
        return self

    def thaw(self) -> None:
        """Freeze what does not train in this epoch, and nothing else."""
        n_layers = len(body_layers(self.net.body))
        freeze(self.net, trained_layers(self.options, epoch=self._epoch(), epochs=self.plan.epochs, n_layers=n_layers))

    def _epoch(self) -> int:
        return self.current_epoch if self._trainer is not None else 0

    # Steps -----------------------------------------------------------------------------------------------------------

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        # Dropout takes no generator.
        torch.manual_seed(random_seed(self.options.seed, self.current_epoch, batch.step, 2))
        logits, _ = self.net.from_features(self.features(batch, self.current_epoch))
        return self.loss(logits, batch.targets)

    def features(self, batch: Batch, epoch: int) -> Tensor:
        """What the body is shown of a batch: log-mels `(batch, mels, frames)`, masked, or waveforms as they are."""
        features: Tensor = self.net.front_end(batch.waveforms)
        if features.ndim != 3:
            return features
        generator = Generator().manual_seed(random_seed(self.options.seed, epoch, batch.step, 1))
        return self.mask(features, generator)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        self.averaged.update_parameters(self.net)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy to soft targets; for sounds with many labels, to each class apart."""
        logits = logits.float()
        weights: Tensor = self.class_weights  # type: ignore[assignment]
        if self.task == "multi_label":
            each = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
            return (each * torch.where(targets > 0, weights, torch.ones_like(weights))).mean()
        each = -(weights * targets * torch.log_softmax(logits, dim=-1)).sum(dim=-1)
        return each.mean()

    # Optimisation ----------------------------------------------------------------------------------------------------

    def configure_optimizers(self) -> Any:
        groups = parameter_groups(self.net, self.options)
        optimizer = torch.optim.AdamW(groups)
        n_steps = self.plan.epochs * steps_per_epoch(len(self.clips), self.options.batch_size)
        scheduler: torch.optim.lr_scheduler.LRScheduler
        if self.options.schedule == "one_cycle":
            scheduler = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, [group["lr"] for group in groups], total_steps=n_steps
            )
        else:
            scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, cosine_with_warm_up(n_steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    # Ends ------------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def validation_figures(self) -> tuple[float, float]:
        """Loss and `told_right` of the weights as they stand on the validation clips."""
        logits = predict(self.net.eval(), self.validation, self.plan, self.options.batch_size)
        self.train()
        targets = torch.from_numpy(self.validation.targets)
        return float(self.loss(logits.to(self.device), targets.to(self.device))), told_right(logits, targets, self.task)

    @torch.no_grad()
    def finished_net(self) -> WaveformNet:
        """The averaged weights, with batch norms that have seen the training clips through them; ready for use.

        An average of weights has statistics of its own; those collected in training belong to the weights before. The
        batch norms of what was frozen to the end keep those that they came with.
        """
        net = self.averaged.module
        assert isinstance(net, WaveformNet)
        layers = body_layers(net.body)
        last = self.plan.epochs - 1
        n_trained = trained_layers(self.options, epoch=last, epochs=self.plan.epochs, n_layers=len(layers))
        whole = n_trained == len(layers)
        thawed = nn.ModuleList([net] if whole else [*layers[len(layers) - n_trained :], net.head])
        refresh_batch_norms(
            net, batch_norms(thawed), (waveforms.to(self.device) for waveforms, _ in self._plain(self.clips))
        )
        return net.eval()

    def _plain(self, clips: ClipStore) -> Iterable[tuple[Tensor, list[int]]]:
        return plain_batches(
            clips,
            window_samples=self.plan.window_samples,
            hop_samples=self.plan.hop_samples,
            batch_size=self.options.batch_size,
        )


def class_weights(targets: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Weights that make every class count the same, 1 on average over the clips; 1 for a class without clips."""
    counts = targets.sum(axis=0, dtype=np.float64)
    present = counts > 0
    weights = np.ones(len(counts))
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights


def cosine_with_warm_up(n_steps: int) -> Callable[[int], float]:
    """Factor of the highest learning rate at each step: up in a line, then down along half a cosine to zero."""
    n_warm = max(1, int(WARM_UP * n_steps))

    def factor(step: int) -> float:
        if step < n_warm:
            return (step + 1) / n_warm
        through = min(1.0, (step - n_warm) / max(1, n_steps - n_warm))
        return float(0.5 * (1 + np.cos(np.pi * through)))

    return factor


def batch_norms(net: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    return [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


def refresh_batch_norms(
    net: nn.Module, norms: Sequence[nn.modules.batchnorm._BatchNorm], batches: Iterable[Tensor]
) -> None:
    """Give `norms`, batch norms of `net`, the mean and variance of `batches`, all batches counting the same."""
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    net.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative
        norm.train()
    for waveforms in batches:
        net(waveforms)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _averaging(decay: float) -> Callable[[Any, Any, Any], None]:
    """A running average that forgets faster in the beginning, when the weights are still far off."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], n_averaged: Tensor | int) -> None:
        n = int(n_averaged)
        keep = min(decay, (1 + n) / (10 + n))
        torch._foreach_lerp_(averaged, current, 1 - keep)

    return update
