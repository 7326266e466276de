"""The network that is trained: waveform in, logits out, made of a front end, a body and a head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from auscult.features import FeatureSpec
from auscult.features.torch_mel import LogMel

HIDDEN_UNITS = 256


class WaveformNet(nn.Module):
    """Windows of sound to logits and embeddings.

    Parameters
    ----------
    features : the front end's numbers; None where `front_end` is not a log-mel of ours
    body : what the front end gives, `(batch, mels, frames)` or `(batch, samples)`, to embedding
        `(batch, embedding_dim)`; names its `embedding_dim`
    n_classes : columns of the logits
    dropout : share of the embedding that is dropped in training, in [0, 1)
    head : embedding to logits; None: one linear layer
    front_end : waveform `(batch, samples)`, or flattened pictures, to what the body reads, without weights that are
        trained; None: the log-mel of `features`
    kept_head : what the body was trained with before, kept beside the new head. It reads the second of what the body's
        `with_own(features)` gives, `(batch, dim)`, the first being the embedding.

    Raises
    ------
    ValueError : where neither `features` nor `front_end` is given
    """

    def __init__(
        self,
        features: FeatureSpec | None,
        body: nn.Module,
        n_classes: int,
        *,
        dropout: float = 0.0,
        head: nn.Module | None = None,
        front_end: nn.Module | None = None,
        kept_head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if front_end is None:
            if features is None:
                raise ValueError("A WaveformNet needs 'features' or a 'front_end'. Got neither.")
            front_end = LogMel(features)
        self.features = features
        self.n_classes = n_classes
        self.embedding_dim = int(body.embedding_dim)  # type: ignore[arg-type]
        self.front_end = front_end
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.head = head if head is not None else nn.Linear(self.embedding_dim, n_classes)
        self.kept_head = kept_head

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """`(batch, samples)` to logits `(batch, classes)` and embedding `(batch, embedding_dim)`."""
        return self.from_features(self.front_end(waveform))

    def from_features(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The part behind the front end, where augmentation of the log-mel comes between."""
        embedding = self.body(features)
        logits: Tensor = self.head(self.dropout(embedding))
        return logits, embedding

    def kept_logits(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Of what the front end gives, the embedding and the logits `(batch, classes)` of the head that was kept."""
        if self.kept_head is None:
            raise ValueError("A WaveformNet has the logits of a kept head only with 'kept_head'. It was made without.")
        embedding, own = self.body.with_own(features)  # type: ignore[operator]
        logits: Tensor = self.kept_head(own)
        return embedding, logits

    def exported_front_end(self) -> nn.Module:
        """The front end made of operators that any graph has."""
        if isinstance(self.front_end, LogMel):
            return LogMel(self.front_end.spec, transform="matmul")
        # The graph takes pictures as they are.
        return nn.Identity() if isinstance(self.front_end, FlatPictures) else self.front_end


class FlatPictures(nn.Module):
    """Pictures flattened frame by frame, `(batch, frames * bands)`, back to `(batch, bands, frames)`."""

    def __init__(self, bands: int, frames: int) -> None:
        super().__init__()
        self.bands, self.frames = bands, frames

    def forward(self, flat: Tensor) -> Tensor:
        return flat.reshape(len(flat), self.frames, self.bands).transpose(1, 2)


def hidden_head(embedding_dim: int, n_classes: int, *, units: int = HIDDEN_UNITS, dropout: float = 0.0) -> nn.Module:
    """A head with one hidden layer: embedding `(batch, embedding_dim)` to logits `(batch, classes)`."""
    return nn.Sequential(nn.Linear(embedding_dim, units), nn.ReLU(), nn.Dropout(dropout), nn.Linear(units, n_classes))


def activate(logits: Tensor, task: str) -> Tensor:
    """Logits to scores in [0, 1]: they add up to 1 where a sound has one label, and stand alone where it has many."""
    return torch.softmax(logits, dim=-1) if task == "single_label" else torch.sigmoid(logits)
