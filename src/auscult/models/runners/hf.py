"""Checkpoints of transformers as models: ``hf:NAME_OR_FOLDER``, on the processor.

A window goes in as the pipelines of transformers put a clip in: at its own length, through the checkpoint's own feature
extractor, by itself. So a clip that fits into one window gets the pipeline's scores. A longer one is cut into windows,
where the pipeline would drop what is beyond the model's reach or run out of memory.

Two kinds: a network with a classification head, whose classes are those of its `config.json`; and CLAP, which compares
the sound with sentences about the labels that the user names.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from auscult.errors import AuscultError, ModelFileError, UsageError
from auscult.extras import require_extra
from auscult.models.hf_checkpoint import EXTRA, HF, PURPOSE, Checkpoint, find_checkpoint, first_line, not_together
from auscult.models.hf_loading import load_extractor, load_network, load_tokenizer
from auscult.models.modelspec import HeadSpec, ModelSpec, Provenance, Task
from auscult.models.runners.options import NO_OPTIONS, OpenOptions, with_hop
from auscult.models.runners.windows import check_windows
from auscult.records import FloatArray, Label

if TYPE_CHECKING:
    from torch import Tensor

# Families that take a sound of any length get windows of this one: most clips whole, and memory within bounds.
ANY_LENGTH_S = 30.0
# AST's front end: frames of 25 ms, one every 10 ms, at any rate 400 and 160 samples.
AST_FRAME_SAMPLES, AST_HOP_SAMPLES = 400, 160
# The sentence into which the zero-shot pipeline puts a label, unless told otherwise.
HYPOTHESIS = "This is a sound of {}."
_PACKAGES = ("auscult", "transformers", "torch", "numpy")


class HfRunner:
    """A checkpoint of transformers. See `Runner`; windows are cut to what is sound in them.

    One window at a time is in the network, which torch computes with all its threads; feature extraction of others goes
    on beside it.

    Parameters
    ----------
    asked : what follows "hf:", see `find_checkpoint`
    options : `labels` are what CLAP listens for, or new names for a classifier's classes, in their order; `hop_s` is
        from a window to the next (half a window if not given); `revision` is the hub's
    quiet : show no progress where it is fetched

    Raises
    ------
    ModelFileError : no such checkpoint, or one that is no classifier of sounds, or not safe to open
    UsageError : an option that does not fit the checkpoint
    MissingExtraError : without the extra `hf`
    """

    def __init__(self, asked: str, options: OpenOptions = NO_OPTIONS, *, quiet: bool = False) -> None:
        options.refuse("locale", why="the labels of a transformers checkpoint are in one language")
        options.refuse_gpu(why="auscult runs transformers checkpoints on the processor")
        for module in ("torch", "transformers", "safetensors"):
            require_extra(module, extra=EXTRA, purpose=PURPOSE)
        checkpoint = find_checkpoint(asked.removeprefix(HF), revision=options.revision, quiet=quiet)
        kind = _kind(checkpoint)
        try:
            self._model = kind(checkpoint, options)
            self._spec = _spec(checkpoint, self._model, options)
        except AuscultError:
            raise
        except Exception as error:
            raise not_together(checkpoint, error) from error
        self._checkpoint = checkpoint
        self._lock = threading.Lock()
        self._digest = self._model.digest(checkpoint)

    @property
    def spec(self) -> ModelSpec:
        return self._spec

    @property
    def digest(self) -> str:
        return self._digest

    @property
    def path(self) -> Path:
        return self._checkpoint.folder

    @property
    def batch_windows(self) -> int:
        return 1

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(self._model.widths)

    def run(self, windows: FloatArray, valid_samples: Sequence[int] | None = None) -> dict[str, FloatArray]:
        length = self._spec.window_samples
        check_windows(windows, length)
        counts = [length] * len(windows) if valid_samples is None else list(valid_samples)
        if len(counts) != len(windows) or not all(1 <= count <= length for count in counts):
            raise ValueError(
                f"The 'valid_samples' parameter of run must hold a number from 1 to {length} for each of "
                f"{len(windows)} windows. Got {counts} instead."
            )
        rows = [self._row(window[:count]) for window, count in zip(windows, counts, strict=True)]
        if not rows:
            return {name: np.zeros((0, width), np.float32) for name, width in self._model.widths.items()}
        return {name: np.stack([row[name] for row in rows]) for name in self._model.widths}

    def _row(self, samples: FloatArray) -> dict[str, FloatArray]:
        missing = self._model.min_samples - len(samples)
        try:
            inputs = self._model.features(np.pad(samples, (0, missing)) if missing > 0 else samples)
            with self._lock:
                return self._model.compute(inputs)
        except Exception as error:
            raise ModelFileError(
                f"{self._checkpoint.origin}: the model failed ({first_line(error)}); fetch or save it again, or try "
                "another version of transformers"
            ) from error


class _Model(Protocol):
    """A network with its feature extractor.

    `widths` has the columns of each output; `min_samples` is the shortest sound that the network takes.
    """

    labels: tuple[Label, ...]
    task: Task
    sample_rate: int
    window_samples: int
    min_samples: int
    widths: dict[str, int]

    def features(self, samples: FloatArray) -> Any: ...

    def compute(self, inputs: Any) -> dict[str, FloatArray]: ...

    def digest(self, checkpoint: Checkpoint) -> str: ...


class _Classifier:
    """A network with a classification head: what the pipeline "audio-classification" runs."""

    def __init__(self, checkpoint: Checkpoint, options: OpenOptions) -> None:
        self._torch = require_extra("torch", extra=EXTRA, purpose=PURPOSE)
        self._network = load_network(checkpoint, "AutoModelForAudioClassification")
        self._extractor = load_extractor(checkpoint)
        config = self._network.config
        problem = config.problem_type
        if problem == "regression":
            raise ModelFileError(
                f"{checkpoint.origin}: it estimates numbers (problem_type 'regression'), not classes; take a "
                f"classifier, or train one on it: auscult train SOURCE --backbone {checkpoint.origin}"
            )
        self.task: Task = "multi_label" if problem == "multi_label_classification" else "single_label"
        self.labels = _labels(checkpoint, config.id2label, options)
        self.sample_rate = int(self._extractor.sampling_rate)
        self.window_samples = window_samples(self._extractor, config)
        self.min_samples = min_samples(config)
        # What the last linear layer reads is the embedding, as in the model files that auscult writes.
        last = [one for one in self._network.classifier.modules() if isinstance(one, self._torch.nn.Linear)][-1]
        self._seen: list[Tensor] = []
        last.register_forward_pre_hook(lambda _, inputs: self._seen.append(inputs[0]))
        self.widths = {"scores": len(self.labels), "logits": len(self.labels), "embedding": int(last.in_features)}

    def features(self, samples: FloatArray) -> Any:
        return self._extractor(samples, sampling_rate=self.sample_rate, return_tensors="pt")

    def compute(self, inputs: Any) -> dict[str, FloatArray]:
        self._seen.clear()
        with self._torch.inference_mode():
            logits = self._network(**inputs).logits[0]
            scores = logits.softmax(-1) if self.task == "single_label" else logits.sigmoid()
        return {"scores": scores.numpy(), "logits": logits.numpy(), "embedding": self._seen.pop()[0].numpy()}

    def digest(self, checkpoint: Checkpoint) -> str:
        return checkpoint.digest


class _Clap:
    """CLAP with the labels that the user names: what the pipeline "zero-shot-audio-classification" runs."""

    task: Task = "single_label"
    min_samples = 1

    def __init__(self, checkpoint: Checkpoint, options: OpenOptions) -> None:
        if not options.labels:
            raise UsageError(
                f"{checkpoint.origin}: it has no classes of its own, it listens for those that you name; give them as "
                f'labels, such as auscult.load("{HF}{checkpoint.name}", labels=["a dog", "rain"]), '
                'or on the command line as --labels "a dog, rain".'
            )
        self._torch = require_extra("torch", extra=EXTRA, purpose=PURPOSE)
        self._network = load_network(checkpoint, "AutoModel")
        self._extractor = load_extractor(checkpoint)
        self.labels = _distinct(checkpoint, [Label(name) for name in options.labels])
        self.sample_rate = int(self._extractor.sampling_rate)
        self.window_samples = int(self._extractor.nb_max_samples)
        self._sentences = [HYPOTHESIS.format(name) for name in options.labels]
        self._text = self._embed_text(checkpoint, load_tokenizer(checkpoint))
        n_classes, dim = self._text.shape
        self.widths = {"scores": n_classes, "logits": n_classes, "embedding": dim}

    def _embed_text(self, checkpoint: Checkpoint, tokenizer: Any) -> Tensor:
        """Unit vectors of the sentences, `(classes, dim)`: they are the same for every sound."""
        inputs = tokenizer(self._sentences, return_tensors="pt", padding=True)
        text_config = self._network.config.text_config
        # Positions are counted from behind that of the padding.
        most = int(text_config.max_position_embeddings) - int(text_config.pad_token_id) - 1
        if inputs["input_ids"].shape[1] > most:
            longest = max((label.name for label in self.labels), key=len)
            raise UsageError(
                f"{checkpoint.origin}: the 'labels' parameter must hold names of which it can read the whole, at most "
                f"{most} parts of words with the sentence round them. Got {longest[:60]!r}... instead."
            )
        with self._torch.inference_mode():
            text: Tensor = _vectors(self._network.get_text_features(**inputs))
        return text

    def features(self, samples: FloatArray) -> Any:
        return self._extractor([samples], sampling_rate=self.sample_rate, return_tensors="pt")

    def compute(self, inputs: Any) -> dict[str, FloatArray]:
        # The extractor computes in double precision; the pipeline goes on in that of the weights.
        inputs = inputs.to(self._torch.float32)
        with self._torch.inference_mode():
            audio = _vectors(self._network.get_audio_features(**inputs))[0]
            logits = self._text @ audio * self._network.logit_scale_a.exp()
            scores = logits.softmax(0)
        return {"scores": scores.numpy(), "logits": logits.numpy(), "embedding": audio.numpy()}

    def digest(self, checkpoint: Checkpoint) -> str:
        import hashlib

        # Other labels are another classifier.
        return hashlib.sha256("\n".join([checkpoint.digest, *self._sentences]).encode()).hexdigest()


def _vectors(output: Any) -> Tensor:
    """Of CLAP's features: the first versions 5 of transformers give them alone, later ones among others."""
    vectors: Tensor = getattr(output, "pooler_output", output)
    return vectors


# What a checkpoint is ------------------------------------------------------------------------------------------------


def _kind(checkpoint: Checkpoint) -> Callable[[Checkpoint, OpenOptions], _Model]:
    """Which of the two a checkpoint is, by its configuration; what is neither is refused."""
    auto = require_extra("transformers.models.auto.modeling_auto", extra=EXTRA, purpose=PURPOSE)
    where, kind = checkpoint.origin, checkpoint.model_type
    if kind == "clap" and set(checkpoint.architectures) <= {"ClapModel"}:
        return _Clap
    wanted = auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES.get(kind)
    if wanted is not None and wanted in checkpoint.architectures:
        return _Classifier
    what = " and ".join(checkpoint.architectures) or "no class"
    if wanted is None and kind not in auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES and kind != "clap":
        raise ModelFileError(
            f"{where}: its network is of the family {kind!r}, which does not classify sounds; take an audio classifier "
            f"({', '.join(sorted(auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES))}) or clap"
        )
    raise ModelFileError(
        f"{where}: it is no audio classifier: its config.json names {what}, which has no head that tells classes of "
        f"sounds. Train one on it: auscult train SOURCE --backbone {where} -o RUN; or name one with such a head"
    )


def _labels(checkpoint: Checkpoint, names: Mapping[int, str], options: OpenOptions) -> tuple[Label, ...]:
    """The classes in the order of the columns, under the user's names if there are any."""
    own = [str(names[index]) for index in range(len(names))]
    if options.labels is not None and len(options.labels) != len(own):
        raise UsageError(
            f"{checkpoint.origin}: the 'labels' parameter must name all its {len(own)} classes in their order "
            f"({', '.join(own[:3])}, ...). Got {len(options.labels)} instead; to see some only, use allow= instead."
        )
    return _distinct(checkpoint, [Label(name) for name in options.labels or own])


def _distinct(checkpoint: Checkpoint, labels: Sequence[Label]) -> tuple[Label, ...]:
    ids = [label.id for label in labels]
    twice = sorted({one for one in ids if ids.count(one) > 1}) if len(set(ids)) < len(ids) else []
    if twice or not all(one.strip() for one in ids):
        raise UsageError(
            f"{checkpoint.origin}: its labels must be different and not empty. Got {twice or ids} instead; give "
            "labels= with a name of its own for each class."
        )
    return tuple(labels)


def window_samples(extractor: Any, config: Any) -> int:
    """How much the network hears at once: what its extractor would cut longer sounds to, or `ANY_LENGTH_S`."""
    if config.model_type == "audio-spectrogram-transformer":
        return int(extractor.max_length) * AST_HOP_SAMPLES
    if hasattr(extractor, "n_samples"):  # Whisper, which fills up shorter sounds to this
        return int(extractor.n_samples)
    return int(ANY_LENGTH_S * extractor.sampling_rate)


def min_samples(config: Any) -> int:
    """The shortest sound that gives the network a frame to work on; shorter ones are filled up with zeros.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> min_samples(SimpleNamespace(conv_kernel=(10, 3, 3, 3, 3, 2, 2), conv_stride=(5, 2, 2, 2, 2, 2, 2)))
    400
    """
    if not hasattr(config, "conv_kernel"):
        # Two frames where the extractor normalises each band by its deviation over time.
        return AST_FRAME_SAMPLES + (AST_HOP_SAMPLES if config.model_type == "wav2vec2-bert" else 0)
    # From the frames at the top of the convolutions down to samples; SEW joins several frames once more.
    frames = int(getattr(config, "squeeze_factor", 1))
    for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        frames = (frames - 1) * stride + kernel
    return frames


def _spec(checkpoint: Checkpoint, model: _Model, options: OpenOptions) -> ModelSpec:
    rate, length = model.sample_rate, model.window_samples
    if options.sample_rate not in (None, rate):
        raise UsageError(
            f"{checkpoint.origin}: the 'sample_rate' parameter must be the model's own {rate} Hz, or left out: sounds "
            f"of any rate are resampled to it. Got {options.sample_rate} instead."
        )
    from importlib.metadata import version

    name = checkpoint.name if checkpoint.revision else checkpoint.folder.resolve().name
    spec = ModelSpec(
        name=name,
        heads=(HeadSpec(name="main", task=model.task, labels=model.labels),),
        sample_rate=rate,
        window_samples=length,
        # With hops of half a window, the last window of a long sound is always more than half full.
        hop_samples=length // 2,
        features=None,
        license=checkpoint.license,
        provenance=Provenance(origin=checkpoint.origin, packages={package: version(package) for package in _PACKAGES}),
    )
    return with_hop(spec, options.hop_s)
