"""Write a trained network as a model file, and refuse to if the file does not do what the network does.

The graph takes a waveform and holds the front end, the network, the calibration and the activation, so that any ONNX
Runtime can run it. After writing, the file is opened alone in an empty folder and compared with the network on sounds
of every kind; only then does it take its place.
"""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import math
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from auscult.audio import plan_windows
from auscult.classifier import Classifier, load
from auscult.errors import AuscultError, InputError
from auscult.extras import require_extra
from auscult.files import atomic_path
from auscult.models.modelfile import METADATA_KEY, ModelSpec
from auscult.models.nets.waveform_net import WaveformNet, activate
from auscult.models.runners import OnnxRunner
from auscult.records import FloatArray, Sound, Waveform

OPSET = 18
OUTPUTS = ("scores", "logits", "embedding")
MAX_SCORE_DIFFERENCE = 1e-4
# What file and network are compared on: a sound, or for a model of pictures float32 (bands, frames).
Example: TypeAlias = "Waveform | FloatArray"


@dataclass(frozen=True)
class Parity:
    """Largest difference of scores between file and network, over `n_windows` windows of `n_sounds` sounds."""

    max_difference: float
    n_sounds: int
    n_windows: int


class ShippedNet(nn.Module):
    """The graph of a model file: waveform or picture in; scores, logits and embedding out, and those of a kept head.

    A log-mel front end is the matrix-product version of the one that training used. Calibration is an affine map of
    each logit before the activation, the identity until it is fitted.
    """

    def __init__(self, net: WaveformNet, task: str, kept_task: str = "multi_label") -> None:
        super().__init__()
        self.front_end = net.exported_front_end()
        self.body = net.body
        self.head = net.head
        self.kept_head = net.kept_head
        self.task = task
        self.kept_task = kept_task
        self.calibration_scale = nn.Parameter(torch.ones(net.n_classes), requires_grad=False)
        self.calibration_bias = nn.Parameter(torch.zeros(net.n_classes), requires_grad=False)

    def forward(self, waveform: Tensor) -> tuple[Tensor, ...]:
        features = self.front_end(waveform)
        kept: list[Tensor] = []
        if self.kept_head is None:
            embedding = self.body(features)
        else:
            embedding, own = self.body.with_own(features)  # type: ignore[operator]
            kept.append(activate(self.kept_head(own), self.kept_task))
        logits = self.head(embedding)
        scores = activate(logits * self.calibration_scale + self.calibration_bias, self.task)
        return scores, logits, embedding, *kept


def write_model_file(
    path: str | Path,
    net: WaveformNet,
    spec: ModelSpec,
    *,
    sounds: Sequence[Example] = (),
    graph: Path | None = None,
) -> Parity:
    """Write `net` to `path` as a model file.

    Parameters
    ----------
    net : in evaluation mode, its weights final
    spec : what the file says of itself
    sounds : real sounds at the model's rate to compare file and network on, beside silent, short and long ones
    graph : a model file of the same network with another head, as `export.graphs` keeps it: exporting is then a matter
        of two tensors. It was compared when it was made, so fewer windows will do

    Raises
    ------
    AuscultError : when the file's scores are more than `MAX_SCORE_DIFFERENCE` away from the network's
    """
    require_extra("onnx", extra="export", purpose="writing a model file")
    content = with_head(graph.read_bytes(), net.head, spec) if graph else None
    others = single_windows(spec) if content else [*single_windows(spec), *windows_in_a_row(spec, sounds)]
    return write_compared(path, content or to_onnx(net, spec), net, spec, [*sounds, *others])


def write_compared(
    path: str | Path, content: bytes, net: WaveformNet, spec: ModelSpec, sounds: Sequence[Example]
) -> Parity:
    """Write `content` to `path` if it does on `sounds` what `net` does; else an `AuscultError`, and no file."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
        parity = compare(temporary, net, spec, sounds)
        if not parity.max_difference <= MAX_SCORE_DIFFERENCE:
            raise AuscultError(
                f"{path}: not written, because its scores would differ from the trained network's by up to "
                f"{parity.max_difference:.2g} (at most {MAX_SCORE_DIFFERENCE:g} is allowed); the run's checkpoint is "
                "kept. Train with another --size or report this with your versions of torch and onnxruntime."
            )
    return parity


def compare(path: Path, net: WaveformNet, spec: ModelSpec, sounds: Sequence[Example]) -> Parity:
    """Scores of the file at `path`, copied alone into an empty folder, beside those of `net` in torch, head by head."""
    worst, n_windows = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "model.onnx"
        alone.write_bytes(path.read_bytes())
        models = [load(alone), *(load(alone, head=head.name) for head in spec.heads[1:])]
        for sound in sounds:
            if not isinstance(sound, Waveform):
                worst, n_windows = max(worst, _picture_difference(alone, net, spec, sound)), n_windows + 1
                continue
            of_net = _torch_scores(net, spec, sound.samples)
            differences = [_difference(model, sound, of_head) for model, of_head in zip(models, of_net, strict=True)]
            worst = max(worst, *differences)
            n_windows += len(of_net[0])
    return Parity(worst, len(sounds), n_windows)


@torch.no_grad()
def _picture_difference(path: Path, net: WaveformNet, spec: ModelSpec, picture: FloatArray) -> float:
    of_file = OnnxRunner(path).run_pictures(picture[None])["scores"]
    features = net.front_end(torch.from_numpy(np.ascontiguousarray(picture.T)).reshape(1, -1))
    of_net = activate(net.from_features(features)[0], spec.heads[0].task).numpy()
    difference = float(np.abs(of_file - of_net).max())
    return math.inf if math.isnan(difference) else difference


def _difference(model: Classifier, sound: Waveform, of_net: FloatArray) -> float:
    mono = model.spec.mono
    # A model that listens to one channel of several refuses a sound that has not so many.
    source = sound if mono == "mean" else Sound(np.tile(sound.samples, (mono + 1, 1)), sound.sample_rate)
    try:
        of_file = model.classify(source).scores.values
    except InputError:
        return math.inf  # scores of the file that are not numbers in [0, 1]
    if of_file.shape != of_net.shape or np.isnan(of_net).any():
        return math.inf
    return float(np.abs(of_file - of_net).max())


@torch.no_grad()
def _torch_scores(net: WaveformNet, spec: ModelSpec, samples: FloatArray) -> list[FloatArray]:
    """Of each head `(windows, classes)`."""
    windows = plan_windows(len(samples), length=spec.window_samples, hop=spec.hop_samples)
    rows = np.zeros((len(windows), spec.window_samples), np.float32)
    for row, window in zip(rows, windows, strict=True):
        row[: window.valid_samples] = samples[window.start : window.end]
    features = net.front_end(torch.from_numpy(rows))
    logits = [net.from_features(features)[0]]
    if net.kept_head is not None:
        logits.append(net.kept_logits(features)[1])
    return [activate(of_head, head.task).numpy() for of_head, head in zip(logits, spec.heads, strict=True)]


def single_windows(spec: ModelSpec) -> list[Example]:
    """Silence, a single sample, and less than a window; of pictures black, white, and noise."""
    if spec.picture is not None:
        shape = (spec.picture.bands, spec.picture.frames)
        noise = np.random.default_rng(0).random(shape, dtype=np.float32)
        return [np.zeros(shape, np.float32), np.ones(shape, np.float32), noise]
    noise = _noise(spec.window_samples)
    sounds = (np.zeros(spec.window_samples, np.float32), noise[:1], noise[: max(1, spec.window_samples // 3)])
    return [Waveform(samples, spec.sample_rate) for samples in sounds]


def windows_in_a_row(spec: ModelSpec, sounds: Sequence[Example] = ()) -> list[Example]:
    """Four lengths of a window, the last cut off: of `sounds` as far as they last, then of noise. None for pictures."""
    if spec.picture is not None:
        return []
    length = spec.window_samples
    noise = _noise(3 * length + length // 3)
    real = [sound.samples for sound in sounds if isinstance(sound, Waveform)]
    return [Waveform(np.concatenate([*real, noise])[: 4 * length], spec.sample_rate)]


def _noise(n_samples: int) -> FloatArray:
    return np.random.default_rng(0).normal(0, 0.1, n_samples).astype(np.float32)


def to_onnx(net: WaveformNet, spec: ModelSpec) -> bytes:
    """The graph of `net` with its description. Nothing is compared yet: `write_model_file` does."""
    further = [head.name for head in spec.heads[1:]]
    shipped = ShippedNet(net, *(head.task for head in spec.heads)).eval()
    picture = spec.picture
    example = torch.zeros(2, spec.window_samples) if picture is None else torch.zeros(2, picture.bands, picture.frames)
    with _quiet_exporter(), _garbage_left(), torch.no_grad():
        program: Any = torch.onnx.export(
            shipped,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["waveform" if picture is None else "picture"],
            output_names=[*OUTPUTS, *(f"scores_{name}" for name in further)],
            dynamic_shapes={"waveform": {0: torch.export.Dim("batch")}},
            verbose=False,
        )
    _keep_names_apart(program.model.graph)
    model = program.model_proto
    model.producer_name = "auscult"
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, spec.to_json()
    content: bytes = model.SerializeToString()
    return content


def _keep_names_apart(graph: Any) -> None:
    """Rename what is called like an output inside the graph: the exporter calls a table's look-up `embedding` too."""
    outputs = {id(value) for value in graph.outputs}
    # A look-up whose result is always the same has become a constant.
    inner = [*graph.initializers.values(), *(value for node in graph for value in node.outputs)]
    for value in inner:
        if value.name in OUTPUTS and id(value) not in outputs:
            value.name = f"inner_{value.name}"


def with_head(content: bytes, head: nn.Module, spec: ModelSpec) -> bytes | None:
    """The model file with the weights of `head` and another description.

    None where the exporter did not keep the head's tensors as they are: then the network must be exported anew.
    """
    onnx: Any = require_extra("onnx", extra="export", purpose="writing a model file")
    model = onnx.load_from_string(content)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for name, values in head.state_dict().items():
        tensor = stored.get(f"head.{name}")
        array: FloatArray = values.detach().cpu().numpy()
        if tensor is None or tuple(tensor.dims) != array.shape:
            return None
        tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(array), tensor.name))
    (entry,) = [entry for entry in model.metadata_props if entry.key == METADATA_KEY]
    entry.value = spec.to_json()
    replaced: bytes = model.SerializeToString()
    return replaced


@contextlib.contextmanager
def _garbage_left() -> Iterator[None]:
    """Looking for garbage among the exporter's many small objects takes a tenth of its time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """The exporter reports its steps on stdout, which is for results, and warns of what its next release changes."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
