"""The network that is trained: waveform in, logits out, made of a front end, a body and a head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from auscult.features import FeatureSpec
from auscult.features.torch_mel import LogMel


class WaveformNet(nn.Module):
    """Windows of sound to logits and embeddings.

    Parameters
    ----------
    features : the front end's numbers
    body : log-mel `(batch, mels, frames)` to embedding `(batch, embedding_dim)`; names its `embedding_dim`
    n_classes : columns of the logits
    dropout : share of the embedding that is dropped in training, in [0, 1)
    """

    def __init__(self, features: FeatureSpec, body: nn.Module, n_classes: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.features = features
        self.front_end = LogMel(features)
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(int(body.embedding_dim), n_classes)  # type: ignore[arg-type]

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """`(batch, samples)` to logits `(batch, classes)` and embedding `(batch, embedding_dim)`."""
        return self.from_log_mel(self.front_end(waveform))

    def from_log_mel(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """The part behind the front end, where augmentation of the log-mel comes between."""
        embedding = self.body(log_mel)
        logits: Tensor = self.head(self.dropout(embedding))
        return logits, embedding


def activate(logits: Tensor, task: str) -> Tensor:
    """Logits to scores in [0, 1]: they add up to 1 where a sound has one label, and stand alone where it has many."""
    return torch.softmax(logits, dim=-1) if task == "single_label" else torch.sigmoid(logits)
