"""YAMNet heard at two levels: an embedding that a linear head tells recordings of any loudness apart by.

YAMNet's front end adds 0.001 to each band before the logarithm, so its embedding of a quiet sound is another one than
that of the same sound made loud, and most of its knowledge is about loud ones. Here a window is heard twice, as it is
and brought to one level, at no more cost than once: patches overlap by half, so every second one is heard as it is and
the others levelled. The first patch, in which a short sound lies, is heard both ways.

Of each level, the mean over its patches is taken, then the square root of each value and unit length, which is how
histograms are best compared (Hellinger's distance); the embedding is the mean of both, of unit length again. Patches
of nothing but zeros, as there are behind a clip shorter than the window, do not count.

Which level, and that it helps, was measured on UrbanSound8K: `docs/decisions/0025-the-frozen-head.md`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from auscult.models.nets.yamnet import FEATURES, SILENCE, YamnetBody, cut_patches

LEVEL = 16.0  # root mean square of the mel values of a levelled window, over its frames that hold sound
MOST_GAIN = 1000.0  # 60 dB: what is quieter is noise of the converter
# Of ln(mel + 0.001) above that of zeros: less than the last bit of 24 leaves no frame at zero.
SOUNDING = 1e-5
# Under the square root, which is endlessly steep at zero: without it, the last bits of two runtimes would count.
# A thousandth of what the values of an embedding are.
SOFT = 1e-5
TINY = 1e-12  # no division by zero


class TwoLevelYamnet(nn.Module):
    """Log-mel `(batch, 64, frames)` to an embedding `(batch, 1024)`, float32, from 0 on, of unit length.

    Parameters
    ----------
    body : YAMNet's; its weights are shared, not copied

    Examples
    --------
    >>> import torch
    >>> body = TwoLevelYamnet(YamnetBody()).requires_grad_(False).eval()
    >>> embedding = body(torch.randn(2, 64, 144) - 3)
    >>> embedding.shape, round(float(embedding[0].norm()), 3)
    (torch.Size([2, 1024]), 1.0)
    """

    def __init__(self, body: YamnetBody) -> None:
        super().__init__()
        self.body = body
        self.embedding_dim = body.embedding_dim

    def forward(self, log_mel: Tensor) -> Tensor:
        return self._hear(log_mel, also=False)[0]

    def with_own(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """The embedding, and what YAMNet's own head reads: the mean over all patches as they are, `(batch, 1024)`.

        That takes up to half as much computing again, for the patches that are heard levelled alone otherwise.
        """
        return self._hear(log_mel, also=True)

    def _hear(self, log_mel: Tensor, *, also: bool) -> tuple[Tensor, Tensor]:
        """Embedding, and the mean over the patches that were heard as they are: all where `also` asks for them."""
        patches = cut_patches(log_mel)
        levelled = cut_patches(level(log_mel))
        n_patches = patches.shape[1]
        own = list(range(0, n_patches, 2))
        other = [0, *range(1, n_patches, 2)]
        rest = other[1:] if also else []
        heard = [patches[:, own], levelled[:, other], *([patches[:, rest]] if rest else [])]
        embeddings = self.body.embed_cut(torch.cat(heard, dim=1))
        n_own, n_both = len(own), len(own) + len(other)
        counts = sounding_patches(patches)
        first = _direction(embeddings[:, :n_own], counts[:, own])
        second = _direction(embeddings[:, n_own:n_both], counts[:, other])
        as_it_is = torch.cat([embeddings[:, :n_own], embeddings[:, n_both:]], dim=1).mean(dim=1)
        return _unit(first + second), as_it_is


def level(log_mel: Tensor) -> Tensor:
    """Log-mel `(batch, 64, frames)` as if the sound had been played at `LEVEL`; silence stays what it is."""
    mel = torch.relu(torch.exp(log_mel) - FEATURES.log_offset)
    holds = (log_mel.amax(dim=1, keepdim=True) > SILENCE + SOUNDING).to(mel.dtype)
    power = (mel * mel).mean(dim=1, keepdim=True)
    mean = (power * holds).sum(dim=2, keepdim=True) / holds.sum(dim=2, keepdim=True).clamp(min=1.0)
    gain = LEVEL / torch.sqrt(mean).clamp(min=LEVEL / MOST_GAIN)
    return torch.log(mel * gain + FEATURES.log_offset)


def sounding_patches(patches: Tensor) -> Tensor:
    """1 for each patch that holds sound, 0 for one of zeros `(batch, patches)`; all 1 where none holds any."""
    holds = (patches.amax(dim=(2, 3)) > SILENCE + SOUNDING).to(patches.dtype)
    return torch.maximum(holds, 1.0 - holds.amax(dim=1, keepdim=True))


def _direction(embeddings: Tensor, counts: Tensor) -> Tensor:
    """Of `(batch, patches, dim)`, the direction `(batch, dim)` of the root of the mean over what counts; 0 for none."""
    total = counts.sum(dim=1, keepdim=True)
    mean = (embeddings * counts[:, :, None]).sum(dim=1) / total.clamp(min=1.0)
    return _unit(torch.sqrt(mean + SOFT)) * total.clamp(max=1.0)


def _unit(vectors: Tensor) -> Tensor:
    return vectors / torch.sqrt((vectors * vectors).sum(dim=1, keepdim=True) + TINY)
