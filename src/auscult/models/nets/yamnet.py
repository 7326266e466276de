"""YAMNet, which tells 521 kinds of sound apart: front end's numbers, patches, one block, the network, its weights.

Read it from the top. The log-mel of a window is cut into patches of 0.96 s, half of each shared with the next. A
patch enters a MobileNet as a picture with one channel, time downwards, and leaves it as 1024 numbers, the embedding;
from their mean over the patches a linear layer tells the classes, each by itself.

The network is that of `research/audioset/yamnet` in tensorflow/models (Plakal and Ellis), on Howard et al.,
"MobileNets: efficient convolutional neural networks for mobile vision applications" (2017). The weights come from the
published .tflite, see `load_yamnet`. There each batch norm is part of the convolution before it, so a convolution here
has a bias and no norm follows. Fine-tuning therefore goes as with norms held in inference mode, which is what small
data wants anyway; what is lost is the choice to train with the statistics of each batch. They cannot be put back: the
file does not have the means and variances, and a norm that begins as the identity would change the network with the
first batch.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.features import preset
from auscult.models.nets.waveform_net import WaveformNet
from auscult.models.yamnet_weights import Grid, read_yamnet

# The front end: 64 bands, a frame of 400 samples (25 ms at 16 kHz) every 160 (10 ms).
FEATURES = preset("yamnet")
SILENCE = math.log(FEATURES.log_offset)  # the log-mel of zeros

PATCH_FRAMES = 96  # 0.96 s
PATCH_HOP_FRAMES = 48  # 0.48 s
# The last frame begins 95 hops after the first: 95 * 160 + 400 = 15600 samples, 0.975 s.
PATCH_SAMPLES = (PATCH_FRAMES - 1) * FEATURES.hop_samples + FEATURES.frame_samples
PATCH_HOP_SAMPLES = PATCH_HOP_FRAMES * FEATURES.hop_samples  # 7680

KERNEL = 3
STEM_CHANNELS = 32  # by a convolution of stride 2
# Channels and stride of the separable blocks. A patch of 96 x 64 leaves the last one as 3 x 2.
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)
EMBEDDING_DIM = BLOCKS[-1][0]


def padded_samples(n_samples: int) -> int:
    """Samples that a sound of `n_samples` (from 1) is filled up to, so that its patches hold all of it.

    Examples
    --------
    >>> [padded_samples(n) for n in (1, 15600, 15601, 48000)]
    [15600, 15600, 23280, 54000]
    """
    return PATCH_SAMPLES + (n_patches(n_samples) - 1) * PATCH_HOP_SAMPLES


def n_patches(n_samples: int) -> int:
    """Patches of a sound of `n_samples` (from 1), the last filled up with zeros.

    Examples
    --------
    >>> [n_patches(n) for n in (1, 15600, 15601, 48000)]
    [1, 1, 2, 6]
    """
    return 1 + max(0, -(-(n_samples - PATCH_SAMPLES) // PATCH_HOP_SAMPLES))


def cut_patches(log_mel: Tensor) -> Tensor:
    """Log-mel `(batch, mels, frames)` to patches `(batch, patches, 96, mels)`, one every 48 frames.

    Frames are filled up with the log-mel of silence to 96 + k * 48, so none is lost.
    """
    frames = log_mel.transpose(1, 2)
    n_hops = max(PATCH_FRAMES // PATCH_HOP_FRAMES, -(-frames.shape[1] // PATCH_HOP_FRAMES))
    missing = n_hops * PATCH_HOP_FRAMES - frames.shape[1]
    if missing:
        frames = functional.pad(frames, (0, 0, 0, missing), value=SILENCE)
    # A patch is two neighbours of 48 frames: a view and one concatenation. An exported `unfold` would be a gather.
    halves = frames.reshape(-1, n_hops, PATCH_HOP_FRAMES, frames.shape[2])
    return torch.cat([halves[:, :-1], halves[:, 1:]], dim=2)


def same_padding(size: int, *, kernel: int = KERNEL, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis of `size` for TensorFlow's padding SAME.

    SAME gives `ceil(size / stride)` outputs and puts the odd zero at the end. So a kernel of 3 and stride 2 on an even
    size take (0, 1). With torch's `padding=1`, which is (1, 1), each output would come from one place earlier, and with
    these weights every sound would be "Music".

    Examples
    --------
    >>> same_padding(96, stride=2), same_padding(3, stride=2), same_padding(48, stride=1)
    ((0, 1), (1, 1), (1, 1))
    """
    needed = max(0, (math.ceil(size / stride) - 1) * stride + kernel - size)
    return needed // 2, needed - needed // 2


class SameConv(nn.Module):
    """Convolution with padding SAME, then ReLU6: `(batch, c_in, h, w) -> (batch, c_out, ceil(h/s), ceil(w/s))`.

    `groups` equal to the channels makes it depthwise: each channel by itself.
    """

    def __init__(self, c_in: int, c_out: int, *, kernel: int = KERNEL, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride=stride, groups=groups)
        self.rounding: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        top, bottom = same_padding(x.shape[2], kernel=self.kernel, stride=self.stride)
        left, right = same_padding(x.shape[3], kernel=self.kernel, stride=self.stride)
        if (top, left) != (bottom, right):
            x = functional.pad(x, (left, right, top, bottom))
            top = left = 0
        y = functional.conv2d(x, conv.weight, conv.bias, conv.stride, (top, left), groups=conv.groups)
        rounded: Tensor = self.rounding(functional.relu6(y))
        return rounded


class SeparableConv(nn.Module):
    """Each channel by itself over 3 x 3, then all channels point by point."""

    def __init__(self, c_in: int, c_out: int, *, stride: int) -> None:
        super().__init__()
        self.depthwise = SameConv(c_in, c_in, stride=stride, groups=c_in)
        self.pointwise = SameConv(c_in, c_out, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pointwise(self.depthwise(x))
        return y


class Rounding(nn.Module):
    """Values to the nearest of the 256 that the published file has for them; gradients pass as if nothing was done."""

    def __init__(self, scale: float, zero_point: int) -> None:
        super().__init__()
        self.scale = scale
        self.zero_point = zero_point

    def forward(self, x: Tensor) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(x, self.scale, self.zero_point, -128, 127)


class YamnetBody(nn.Module):
    """Log-mel to embedding: `(batch, 64, frames) -> (batch, 1024)`, for any number of frames; weights are random.

    The log-mel is that of the preset "yamnet", in natural logarithms. `layers` has the first convolution and the 13
    separable ones, from input to output: what layer-wise learning rates and gradual unfreezing go by.

    Examples
    --------
    >>> import torch
    >>> body = YamnetBody().eval()
    >>> body(torch.zeros(2, 64, 144)).shape
    torch.Size([2, 1024])
    >>> body.embed_patches(torch.zeros(2, 64, 144)).shape
    torch.Size([2, 2, 1024])
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding_dim = EMBEDDING_DIM
        channels = (STEM_CHANNELS, *(c_out for c_out, _ in BLOCKS))
        strides = [stride for _, stride in BLOCKS]
        blocks = [SeparableConv(*pair, stride=stride) for pair, stride in zip(pairwise(channels), strides, strict=True)]
        self.layers = nn.Sequential(SameConv(1, STEM_CHANNELS, stride=2), *blocks)
        self.rounding_in: nn.Module = nn.Identity()
        self.rounding_out: nn.Module = nn.Identity()
        self.apply(_initialise)

    def forward(self, log_mel: Tensor) -> Tensor:
        """The mean over the patches."""
        patches = self.embed_patches(log_mel)
        return patches.squeeze(1) if patches.shape[1] == 1 else patches.mean(dim=1)

    def embed_patches(self, log_mel: Tensor) -> Tensor:
        """An embedding for each patch: `(batch, 64, frames) -> (batch, patches, 1024)`.

        Raises
        ------
        ValueError : for another number of bands or axes
        """
        if log_mel.ndim != 3 or log_mel.shape[1] != FEATURES.n_mels:
            raise ValueError(
                f"The 'log_mel' parameter of YamnetBody must have the axes (batch, {FEATURES.n_mels}, frames). "
                f"Got the shape {tuple(log_mel.shape)} instead; make it with the feature preset 'yamnet'."
            )
        return self.embed_cut(cut_patches(log_mel))

    def embed_cut(self, patches: Tensor) -> Tensor:
        """The same for patches that are cut already: `(batch, patches, 96, 64) -> (batch, patches, 1024)`."""
        pictures = patches.reshape(-1, 1, PATCH_FRAMES, FEATURES.n_mels)
        top = self.layers(self.rounding_in(pictures))
        embeddings: Tensor = self.rounding_out(top.mean(dim=(2, 3)))
        return embeddings.reshape(-1, patches.shape[1], self.embedding_dim)


def _initialise(module: nn.Module) -> None:
    """He's weights: with no norms, the default ones would let 27 layers fade to nothing."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # each convolution here has one


def load_yamnet(path: str | os.PathLike[str], *, rounded: bool = False) -> WaveformNet:
    """YAMNet with the weights of the published .tflite, in evaluation mode: windows at 16 kHz to logits and embedding.

    All of it can be trained, and `export.onnx.write_model_file` takes it. Windows should have 15600 + k * 7680 samples:
    then k + 1 patches hold all of them (see `padded_samples`).

    Parameters
    ----------
    path : the published .tflite, with metadata or without
    rounded : round log-mel, layers, embedding and logits to the 256 values that the file has for each. Then all of them
        are those of the file, but for sums that fall on the border of two values; without, they are what the file
        would give if it did not round. It is for comparing: on such borders two runtimes differ by a whole step.

    Raises
    ------
    ModelFileError : the file is no YAMNet, or `rounded` and it rounds nothing
    """
    stored = read_yamnet(path, stem_channels=STEM_CHANNELS, blocks=BLOCKS, kernel=KERNEL)
    net = WaveformNet(FEATURES, YamnetBody(), len(stored.weights["head.bias"]))
    net.load_state_dict({name: torch.from_numpy(values) for name, values in stored.weights.items()})
    if rounded:
        _round_as_stored(net, stored.require_grids())
    return net.eval()


def _round_as_stored(net: WaveformNet, grids: Mapping[str, Grid]) -> None:
    for name, grid in grids.items():
        rounding = Rounding(grid.scale, grid.zero_point)
        if name == "head":
            net.head = nn.Sequential(net.head, rounding)
        else:
            net.set_submodule(name, rounding)
