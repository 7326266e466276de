"""How right a network is on clips, for curves and choices in training. Without Lightning, see `curve`."""

from __future__ import annotations

import torch
from torch import Tensor

from auscult.models.nets.waveform_net import WaveformNet
from auscult.training.batches import plain_batches
from auscult.training.clips import ClipStore
from auscult.training.plan import TrainPlan


@torch.no_grad()
def predict(net: WaveformNet, clips: ClipStore, plan: TrainPlan, batch_size: int) -> Tensor:
    """Logits of each clip, float32 `(clips, classes)`: the mean over its windows. `net` is in evaluation mode."""
    device = next(net.parameters()).device
    logits = torch.zeros(clips.targets.shape)
    counts = torch.zeros(len(clips), 1)
    batches = plain_batches(
        clips, window_samples=plan.window_samples, hop_samples=plan.hop_samples, batch_size=batch_size
    )
    for waveforms, owners in batches:
        of_windows = net(waveforms.to(device))[0].float().cpu()
        logits.index_add_(0, torch.tensor(owners), of_windows)
        counts.index_add_(0, torch.tensor(owners), torch.ones(len(owners), 1))
    return logits / counts


def told_right(logits: Tensor, targets: Tensor, task: str) -> float:
    """Share of clips whose best class is theirs; with many labels, share of (clip, class) pairs told right."""
    if task == "multi_label":
        return float(((logits > 0) == (targets > 0.5)).float().mean())
    return float((logits.argmax(dim=1) == targets.argmax(dim=1)).float().mean())
