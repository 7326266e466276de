"""Tiny checkpoints of transformers with random weights, written by `save_pretrained` as a trained one would be."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

# Read when the hub's library is imported: nothing here may ask a network.
os.environ["HF_HUB_OFFLINE"] = "1"

LABELS = ("dog", "rain", "sea waves", "clock, tick", "saw")
_TRANSFORMER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
}
# The convolutions of wav2vec 2.0 with few channels: 400 samples in, one frame out, the next one 320 later.
_CONVOLUTIONS = {
    "conv_dim": (8, 8, 8, 8, 8, 8, 8),
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 16,
}


def _head(multi_label: bool) -> dict[str, Any]:
    return {
        "id2label": dict(enumerate(LABELS)),
        "label2id": {label: index for index, label in enumerate(LABELS)},
        "problem_type": "multi_label_classification" if multi_label else None,
    }


def _seeded(build: Callable[[], Any]) -> Any:
    """A network with weights large enough that its answers differ from sound to sound."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build().eval()
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.ndim > 1:
                    parameter.normal_(0, 1.5 / max(1, parameter[0].numel()) ** 0.5)
    return network


def write_ast(folder: Path, *, multi_label: bool = False, max_length: int = 1024) -> Path:
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    config = ASTConfig(**_TRANSFORMER, max_length=max_length, **_head(multi_label))
    _seeded(lambda: ASTForAudioClassification(config)).save_pretrained(folder)
    with warnings.catch_warnings():
        # Of its 128 bands over 512 points some are empty.
        warnings.simplefilter("ignore")
        ASTFeatureExtractor(max_length=max_length).save_pretrained(folder)
    return folder


def write_whisper(folder: Path, *, multi_label: bool = False) -> Path:
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForAudioClassification

    config = WhisperConfig(
        d_model=32,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        num_mel_bins=80,
        vocab_size=60,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        classifier_proj_size=16,
        **_head(multi_label),
    )
    _seeded(lambda: WhisperForAudioClassification(config)).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder


# SEW has more convolutions of its own.
_SEVEN = {"conv_kernel": (10, 3, 3, 3, 3, 2, 2), "conv_stride": (5, 2, 2, 2, 2, 2, 2)}

# Families that hear the waveform: their name in transformers, and what is special about their configuration.
WAVEFORM_FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "wav2vec2": ("Wav2Vec2", {}),
    "hubert": ("Hubert", {}),
    "wavlm": ("WavLM", {}),
    "data2vec-audio": ("Data2VecAudio", {"conv_pos_kernel_size": 5}),
    "unispeech": ("UniSpeech", {}),
    "unispeech-sat": ("UniSpeechSat", {}),
    "sew": ("SEW", _SEVEN),
    "sew-d": ("SEWD", {**_SEVEN, "position_buckets": 8, "max_position_embeddings": 64}),
    "wav2vec2-conformer": ("Wav2Vec2Conformer", {}),
}


def write_waveform(
    folder: Path, family: str = "wav2vec2", *, multi_label: bool = False, head: str = "ForSequenceClassification"
) -> Path:
    import transformers

    name, special = WAVEFORM_FAMILIES[family]
    config = getattr(transformers, f"{name}Config")(
        **{**_TRANSFORMER, **_CONVOLUTIONS, **special}, vocab_size=30, **_head(multi_label)
    )
    _seeded(lambda: getattr(transformers, f"{name}{head}")(config)).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(
        feature_size=1, sampling_rate=16000, do_normalize=True, return_attention_mask=False
    ).save_pretrained(folder)
    return folder


def write_wav2vec2_bert(folder: Path, *, multi_label: bool = False) -> Path:
    """Of that name only: it reads a log-mel."""
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertForSequenceClassification

    config = Wav2Vec2BertConfig(
        **_TRANSFORMER, classifier_proj_size=16, feature_projection_input_dim=160, **_head(multi_label)
    )
    _seeded(lambda: Wav2Vec2BertForSequenceClassification(config)).save_pretrained(folder)
    SeamlessM4TFeatureExtractor().save_pretrained(folder)
    return folder


def write_clap(folder: Path, *, fusion: bool = False) -> Path:
    from transformers import ClapAudioConfig, ClapConfig, ClapFeatureExtractor, ClapModel, ClapTextConfig

    text = ClapTextConfig(vocab_size=400, max_position_embeddings=64, projection_dim=16, **_TRANSFORMER)
    audio = ClapAudioConfig(
        patch_embeds_hidden_size=8,
        hidden_size=64,
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 2, 2],
        projection_dim=16,
        enable_fusion=fusion,
    )
    config = ClapConfig(text_config=text.to_dict(), audio_config=audio.to_dict(), projection_dim=16)
    _seeded(lambda: ClapModel(config)).save_pretrained(folder)
    ClapFeatureExtractor(truncation="fusion" if fusion else "rand_trunc").save_pretrained(folder)
    _write_tokenizer(folder)
    return folder


def _write_tokenizer(folder: Path) -> None:
    """Bytes as tokens, as many as there are; sentences of different lengths are filled up."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*special, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    ).save_pretrained(folder)


IMAGE_FAMILIES = ("resnet", "convnext", "vit", "mobilenet_v2", "swin")


def write_image(folder: Path, family: str = "resnet") -> Path:
    """An image classifier of three channels and small pictures."""
    import transformers

    configs: dict[str, tuple[str, dict[str, Any]]] = {
        "resnet": ("ResNet", {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}),
        "convnext": ("ConvNext", {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2, "image_size": 64}),
        "vit": ("ViT", {**_TRANSFORMER, "image_size": 64, "patch_size": 16}),
        "mobilenet_v2": ("MobileNetV2", {"depth_multiplier": 0.25, "image_size": 64}),
        "swin": (
            "Swin",
            {"image_size": 64, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4},
        ),
    }
    name, special = configs[family]
    config = getattr(transformers, f"{name}Config")(**special, id2label=dict(enumerate(LABELS)))
    _seeded(lambda: getattr(transformers, f"{name}ForImageClassification")(config)).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        '{"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3], "size": {"height": 64, "width": 64}}'
    )
    return folder


FAMILIES: dict[str, Callable[..., Path]] = {
    "ast": write_ast,
    "whisper": write_whisper,
    "wav2vec2-bert": write_wav2vec2_bert,
    **{
        family: lambda folder, family=family, **options: write_waveform(folder, family, **options)
        for family in WAVEFORM_FAMILIES
    },
}


def some_sound(seconds: float, sample_rate: int = 16000, *, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Noise with a rising tone in it, float32 in [-1, 1]."""
    generator = np.random.default_rng(seed)
    time_s = np.arange(max(1, round(seconds * sample_rate))) / sample_rate
    tone = 0.3 * np.sin(2 * np.pi * (200 + 100 * time_s) * time_s)
    return (tone + generator.normal(0, 0.05, len(time_s))).astype(np.float32)
