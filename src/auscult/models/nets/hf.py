"""Networks of transformers as backbones: encoders of sound, and image networks that are shown the log-mel.

`open_backbone` says what a checkpoint asks for, from its configuration alone; `HfBackbone.build` loads it and gives the
two parts of a `WaveformNet`: the front end, if the checkpoint has one of its own, and the body, which ends with one
embedding a window. A window may be shorter than the checkpoint's own; AST's and Whisper's positions are then cut to it,
so no time is spent on silence behind it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from auscult.errors import ModelFileError, UsageError
from auscult.extras import require_extra
from auscult.features import FeatureSpec
from auscult.models.hf_checkpoint import EXTRA, PURPOSE, Checkpoint, find_checkpoint, first_line
from auscult.models.hf_loading import load_extractor, load_network
from auscult.models.modelspec import MAX_SAMPLE_RATE
from auscult.models.nets.hf_front_ends import (
    AST_FRAME,
    AST_HOP,
    ClapLogMel,
    FrontEnd,
    KaldiLogMel,
    LogMelPicture,
    Standardised,
    WhisperLogMel,
    whisper_frames,
)

Kind = Literal["ast", "clap", "whisper", "waveform", "image"]

# Networks without a length of their own hear at most this much at once: longer windows cost memory, and time squared.
WAVEFORM_WINDOW_S = 10.0
# Beginnings of weights that a checkpoint may lack because nothing here uses them: SpecAugment's mask, the half of
# Whisper that writes text, a layer between an image network and its head.
_UNUSED = ("masked_spec_embed", "decoder.", "pooler.", "embeddings.mask_token")
# What is random in these networks in training beside dropout, and not repeatable: layers left out, masks from numpy.
_PLAIN = {
    "apply_spec_augment": False,
    "mask_time_prob": 0.0,
    "mask_feature_prob": 0.0,
    "layerdrop": 0.0,
    "encoder_layerdrop": 0.0,
}
_MAX_FILE_BYTES = 2**31 - 2**24  # an ONNX file ends at 2 GiB; some is needed beside the weights
_PICTURE = 224
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class HfBackbone:
    """What a checkpoint asks for as a backbone.

    Attributes
    ----------
    checkpoint : where it is
    kind : "ast", "clap", "whisper" and "waveform" (wav2vec 2.0 and kin) hear sound through a front end of their own;
        "image" is shown our log-mel
    sample_rate : Hz; None: any
    max_window_s : longest window that it can hear; None: any
    """

    checkpoint: Checkpoint
    kind: Kind
    sample_rate: int | None
    max_window_s: float | None

    def build(self, window_samples: int, features: FeatureSpec | None) -> tuple[FrontEnd | None, HfBody]:
        """Front end (None: the log-mel of `features`) and body for windows of `window_samples`, in evaluation mode.

        The body has `embedding_dim`, and `layers` from the sound upwards.

        Raises
        ------
        ModelFileError : where the checkpoint cannot be loaded, or its network is of no use here
        UsageError : for a window that is too long for it
        """
        rate = self.sample_rate
        if rate and self.max_window_s and window_samples > round(self.max_window_s * rate):
            raise UsageError(
                f"The 'window_s' option of training must be at most {self.max_window_s:g} for the backbone "
                f"{self.checkpoint.origin}. Got {window_samples / rate:g} instead."
            )
        built: tuple[FrontEnd | None, HfBody]
        if self.kind == "image":
            if features is None:
                raise ValueError("An image network needs the 'features' of the log-mel that it is shown. Got None.")
            shape = features.n_mels, features.n_frames(window_samples)
            built = None, _image_body(self.checkpoint, shape, levels(features))
        else:
            built = _BUILD[self.kind](self.checkpoint, window_samples)
        self._check_size(built[1])
        return built

    def build_for_pictures(self, shape: tuple[int, int]) -> HfBody:
        """The body of an image network for pictures `(bands, frames)` in [0, 1], in evaluation mode.

        Raises
        ------
        ModelFileError : where the checkpoint cannot be loaded, or its network is of no use here
        """
        body = _image_body(self.checkpoint, shape, (0.0, 1.0))
        self._check_size(body)
        return body

    def _check_size(self, body: HfBody) -> None:
        n_bytes = 4 * sum(parameter.numel() for parameter in body.parameters())
        if n_bytes > _MAX_FILE_BYTES:
            raise ModelFileError(
                f"{self.checkpoint.origin}: its {n_bytes / 1e9:.1f} GB of weights are more than a model file holds "
                "(2 GB); take a smaller member of the family"
            )


def open_backbone(asked: str, *, revision: str | None = None, quiet: bool = False) -> HfBackbone:
    """A checkpoint as a backbone, looked at but not loaded.

    Parameters
    ----------
    asked, revision, quiet : see `find_checkpoint`

    Raises
    ------
    ModelFileError : no such checkpoint, one that is not safe to open, or of a family that is no backbone
    MissingExtraError : without the extra `hf`
    """
    auto = require_extra("transformers.models.auto.modeling_auto", extra=EXTRA, purpose=PURPOSE)
    checkpoint = find_checkpoint(asked, revision=revision, quiet=quiet)
    family = checkpoint.model_type
    extractor = checkpoint.read_json("preprocessor_config.json")
    rate = int(
        _positive(checkpoint, extractor, "sampling_rate", 48000 if family == "clap" else 16000, most=MAX_SAMPLE_RATE)
    )
    if family == "audio-spectrogram-transformer":
        return HfBackbone(
            checkpoint, "ast", rate, _positive(checkpoint, extractor, "max_length", 1024) * AST_HOP / rate
        )
    if family == "whisper":
        return HfBackbone(checkpoint, "whisper", rate, _positive(checkpoint, extractor, "chunk_length", 30))
    if family == "clap" and not checkpoint.config.get("audio_config", {}).get("enable_fusion"):
        return HfBackbone(checkpoint, "clap", rate, _positive(checkpoint, extractor, "max_length_s", 10))
    # Families whose convolutions read the waveform itself have this one.
    if family in auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES and family != "wav2vec2-bert":
        return HfBackbone(checkpoint, "waveform", rate, None)
    if family in auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES:
        return HfBackbone(checkpoint, "image", None, None)
    raise ModelFileError(
        f"{checkpoint.origin}: networks of the family {family!r} cannot be a backbone here; take an audio encoder "
        "(AST, CLAP without fusion, Whisper, wav2vec 2.0, HuBERT, WavLM, ...) or an image classifier (ResNet, ViT, ...)"
    )


def _positive(
    checkpoint: Checkpoint, extractor: Mapping[str, Any], name: str, default: float, most: float = 1e6
) -> float:
    """A number of a front end's description, which anybody may have written."""
    value = extractor.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise ModelFileError(
            f"{checkpoint.origin}: {name!r} of its preprocessor_config.json must be a number above 0 and at most "
            f"{most:g}. Got {value!r} instead; fetch or save the checkpoint again."
        )
    return value


class HfBody(nn.Module):
    """A network of transformers that ends with one embedding: `forward` is the one of each kind below.

    `layers` are its blocks from the sound upwards, for strategies that train some of them.
    """

    def __init__(self, network: Any, embedding_dim: int) -> None:
        super().__init__()
        self.network = network
        self.embedding_dim = embedding_dim

    @property
    def layers(self) -> nn.ModuleList:
        return nn.ModuleList(_blocks(self.network))


class AstBody(HfBody):
    """Normalised log-mel `(batch, mels, frames)` to the mean of AST's two summary tokens."""

    def forward(self, log_mel: Tensor) -> Tensor:
        embedding: Tensor = self.network(input_values=log_mel.transpose(1, 2)).pooler_output
        return embedding


class ClapBody(HfBody):
    """Log-mel in dB `(batch, mels, frames)` to what CLAP pools of a sound, before it is brought beside texts."""

    def forward(self, log_mel: Tensor) -> Tensor:
        embedding: Tensor = self.network(input_features=log_mel.transpose(1, 2).unsqueeze(1)).pooler_output
        return embedding


class WhisperBody(HfBody):
    """Log-mel `(batch, mels, frames)` to the mean over time of Whisper's encoder."""

    def forward(self, log_mel: Tensor) -> Tensor:
        embedding: Tensor = self.network(input_features=log_mel).last_hidden_state.mean(dim=1)
        return embedding


class WaveformBody(HfBody):
    """Waveform `(batch, samples)` to the mean over time of the last hidden states."""

    def forward(self, waveform: Tensor) -> Tensor:
        embedding: Tensor = self.network(input_values=waveform).last_hidden_state.mean(dim=1)
        return embedding


class ImageBody(HfBody):
    """Log-mel `(batch, mels, frames)`, as a picture, to what an image network pools."""

    def __init__(self, network: Any, embedding_dim: int, picture: LogMelPicture) -> None:
        super().__init__(network, embedding_dim)
        self.picture = picture

    def forward(self, log_mel: Tensor) -> Tensor:
        return pooled(self.network, self.picture(log_mel))


def _ast(checkpoint: Checkpoint, window_samples: int) -> tuple[FrontEnd, HfBody]:
    network = load_network(checkpoint, "AutoModel", may_miss=_UNUSED)
    config = network.config
    size, stride = config.patch_size, config.time_stride
    # Patches that hold all frames; the positions of later ones are cut off.
    most = (config.max_length - size) // stride + 1
    n_frames = 1 + max(0, window_samples - AST_FRAME) // AST_HOP
    n_patches = min(most, 1 + max(0, math.ceil((n_frames - size) / stride)))
    positions = network.embeddings.position_embeddings
    summary, grid = positions[:, : -most_patches(config)], positions[:, -most_patches(config) :]
    kept = grid.reshape(1, -1, most, grid.shape[2])[:, :, :n_patches].flatten(1, 2)
    network.embeddings.position_embeddings = nn.Parameter(torch.cat([summary, kept], dim=1).detach().clone())
    front_end = KaldiLogMel(load_extractor(checkpoint), (n_patches - 1) * stride + size)
    return front_end, AstBody(network, config.hidden_size)


def most_patches(config: Any) -> int:
    """Patches of AST's whole window: bands times moments."""
    bands: int = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
    moments: int = (config.max_length - config.patch_size) // config.time_stride + 1
    return bands * moments


def _whisper(checkpoint: Checkpoint, window_samples: int) -> tuple[FrontEnd, HfBody]:
    extractor = load_extractor(checkpoint)
    encoder = load_network(checkpoint, "AutoModel", may_miss=_UNUSED, **_known(checkpoint)).encoder
    n_positions = whisper_frames(window_samples, int(extractor.hop_length)) // 2
    weights = encoder.embed_positions.weight.detach()[:n_positions].clone()
    encoder.embed_positions = nn.Embedding(n_positions, weights.shape[1], _weight=weights, _freeze=True)
    encoder.config.max_source_positions = encoder.max_source_positions = n_positions
    return WhisperLogMel(extractor, window_samples), WhisperBody(encoder, encoder.config.d_model)


def _waveform(checkpoint: Checkpoint, window_samples: int) -> tuple[FrontEnd, HfBody]:
    extractor = load_extractor(checkpoint)
    network = load_network(checkpoint, "AutoModel", may_miss=_UNUSED, **_known(checkpoint))
    network.masked_spec_embed = None  # of SpecAugment, which is off
    return Standardised(on=bool(extractor.do_normalize)), WaveformBody(network, network.config.hidden_size)


def _clap(checkpoint: Checkpoint, window_samples: int) -> tuple[FrontEnd, HfBody]:
    network = load_network(checkpoint, "AutoModel").audio_model
    return ClapLogMel(load_extractor(checkpoint), window_samples), ClapBody(network, network.config.hidden_size)


_BUILD = {"ast": _ast, "clap": _clap, "whisper": _whisper, "waveform": _waveform}


def _known(checkpoint: Checkpoint) -> dict[str, Any]:
    """Those of `_PLAIN` that the family has."""
    auto = require_extra("transformers", extra=EXTRA, purpose=PURPOSE).AutoConfig
    config = auto.for_model(checkpoint.model_type)
    return {name: value for name, value in _PLAIN.items() if hasattr(config, name)}


# Images --------------------------------------------------------------------------------------------------------------


def _image_body(checkpoint: Checkpoint, shape: tuple[int, int], range_: tuple[float, float]) -> ImageBody:
    """For log-mels or pictures `(bands, frames)` of which the ends of `range_` are black and white."""
    network = load_network(checkpoint, "AutoModel", may_miss=_UNUSED)
    # Networks trained on pictures and words have one for each.
    network = getattr(network, "vision_model", network)
    pooler = getattr(network, "pooler", None)
    if pooler is not None and any(isinstance(one, nn.Linear) for one in pooler.modules()):
        # Trained for another task, if at all: the head of such a network does not read it.
        network.pooler = None
    described = checkpoint.read_json("preprocessor_config.json")
    n_channels = int(getattr(network.config, "num_channels", 3))
    picture = LogMelPicture(
        shape,
        _picture_size(network.config, described),
        levels=range_,
        mean=_per_channel(described.get("image_mean"), _IMAGENET_MEAN, n_channels),
        std=_per_channel(described.get("image_std"), _IMAGENET_STD, n_channels),
    )
    try:
        with torch.no_grad():
            _, dim = pooled(network, picture(torch.zeros(1, *picture_shape(picture)))).shape
    # A network that cannot be called with a picture alone says so in a way of its own.
    except Exception as error:
        raise ModelFileError(
            f"{checkpoint.origin}: networks of the family {checkpoint.model_type!r} cannot be shown a picture alone "
            f"({first_line(error)}); take a ResNet, ConvNeXt, ViT, Swin or MobileNet"
        ) from error
    return ImageBody(network, int(dim), picture)


def picture_shape(picture: LogMelPicture) -> tuple[int, int]:
    """Bands and frames of the log-mel that a picture is made of."""
    return picture.rows.shape[1], picture.columns.shape[0]


def pooled(network: Any, pixels: Tensor) -> Tensor:
    """What an image network's own head would read, `(batch, dim)`."""
    output = network(pixel_values=pixels)
    summary = getattr(output, "pooler_output", None)
    if summary is None:
        hidden: Tensor = output.last_hidden_state
        # Of a picture, the mean; of tokens, the first, which stands for all.
        return hidden.mean(dim=(2, 3)) if hidden.ndim == 4 else hidden[:, 0]
    return torch.flatten(summary, 1)


def levels(features: FeatureSpec) -> tuple[float, float]:
    """Log-mel of silence, and of a sine of full scale in a band of one bin: black and white of the picture."""
    amplitude = features.frame_samples / 4  # half of the sum of a Hann window
    loudest = amplitude if features.spectrum == "magnitude" else amplitude**2
    silence = max(0.0, features.log_floor) + features.log_offset
    black, white = (features.log_scale * math.log(value / features.log_reference) for value in (silence, loudest))
    return black, white


def _picture_size(config: Any, described: dict[str, Any]) -> tuple[int, int]:
    """Height and width that the network was trained on."""
    sizes: tuple[Any, ...] = (getattr(config, "image_size", None), described.get("crop_size"), described.get("size"))
    for size in sizes:
        if isinstance(size, dict):
            edge = int(size.get("shortest_edge", _PICTURE))
            return int(size.get("height", edge)), int(size.get("width", edge))
        if isinstance(size, list | tuple) and len(size) == 2:
            return int(size[0]), int(size[1])
        if isinstance(size, int):
            return size, size
    return _PICTURE, _PICTURE


def _per_channel(given: Any, otherwise: Sequence[float], n_channels: int) -> list[float]:
    values = [float(value) for value in given or otherwise]
    return values if len(values) == n_channels else [sum(values) / len(values)] * n_channels


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    """The blocks of a network in the order in which it names them; a list of blocks counts one by one."""
    for child in module.children():
        # Not what derives from it: a weight norm is one.
        if type(child) is nn.ModuleList:
            yield from child
        elif any(type(one) is nn.ModuleList for one in child.modules()):
            yield from _blocks(child)
        else:
            yield child
