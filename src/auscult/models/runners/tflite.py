""".tflite files through LiteRT, on the processor: any classifier of sounds with TFLite metadata, YAMNet among them.

From the file come sample rate and length of the sound, labels and their names in other languages, one head
for each output, thresholds and calibration of scores (see `tflite_metadata`). What a file does not say, the
options `labels` and `sample_rate` do.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auscult.errors import ModelFileError, UsageError
from auscult.models.modelfile import read_bytes
from auscult.models.modelspec import HeadSpec, ModelSpec, Task
from auscult.models.runners.options import NO_OPTIONS, OpenOptions, with_hop
from auscult.models.runners.windows import check_windows
from auscult.models.tflite_calibration import ScoreCalibration
from auscult.models.tflite_edit import beginning_behind, with_further_output
from auscult.models.tflite_file import Quantization, TfliteFile, TfliteSubgraph, TfliteTensor, read_tflite
from auscult.models.tflite_metadata import OutputMetadata, TfliteMetadata, read_metadata
from auscult.models.tflite_spectrum import Spectra, find_spectrum
from auscult.records import FloatArray, Label

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

    from auscult.models.registry import NamedModel

# Locale of the display names where none is asked for: that of the TFLite Task Library.
DEFAULT_LOCALE = "en"
EMBEDDING = "embedding"
# Steps that change no more than how values are written, or each value by itself: what stands before them is
# looked for through them.
_ELEMENTWISE = frozenset({"LOGISTIC", "SOFTMAX", "LOG", "LOG_SOFTMAX", "DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE"})
_TASKS: dict[str, Task] = {"LOGISTIC": "multi_label", "SOFTMAX": "single_label"}
# Whether LiteRT has made an interpreter in this process: with the first, it says so on stderr.
_has_spoken = threading.Event()


@dataclass(frozen=True)
class _Output:
    """An output as it is read: the number of its tensor, and how the tensor's values become scores."""

    tensor: int
    n_columns: int
    quantization: Quantization | None
    calibration: ScoreCalibration | None = None

    def row(self, stored: Any) -> Any:
        """A window's values as they are stored, (1, columns).

        Raises
        ------
        ValueError : where the graph gives another size than it says
        """
        return stored.reshape(1, self.n_columns)

    def read(self, rows: list[Any]) -> FloatArray:
        """float32 (windows, columns) of what `row` gave for each window."""
        if not rows:
            return np.zeros((0, self.n_columns), np.float32)
        values = np.concatenate(rows)
        if self.quantization is not None:
            zero_point = self.quantization.zero_points[0]
            values = (values.astype(np.int64) - zero_point).astype(np.float32) * self.quantization.scales[0]
        values = values.astype(np.float32, copy=False)
        if self.calibration is None:
            return values
        # A row at a time: what an exponential gives may depend on its place in what is computed at once.
        return np.concatenate([self.calibration.apply(row[np.newaxis]) for row in values])


@dataclass(frozen=True)
class _Worker:
    """What computes one window at a time: an interpreter, and what it is given the spectrum of a window by, if any."""

    interpreter: Interpreter
    spectra: Spectra | None


class TfliteRunner:
    """A .tflite in LiteRT. See `Runner`.

    An interpreter computes one window at a time, on one thread, in memory of its own; there are as many
    interpreters as threads that have been computing at once. So a window's scores depend on no other window
    and on no other thread.

    The embedding is what the last dense layer of the first head takes: for YAMNet, the mean over the last map.
    See `tflite_edit` for how it gets out.

    A graph that begins with a spectrum is given it ready made, see `tflite_spectrum`: YAMNet takes half of the time so.

    Of the options it takes `labels` (in place of the file's), `sample_rate` (where the file does not say),
    `hop_s` (a whole window where nothing is said) and `locale`.
    """

    def __init__(self, path: Path, options: OpenOptions = NO_OPTIONS) -> None:
        options.refuse("revision", why=f"{path} is a file, of which there is one")
        options.refuse_gpu(why=f"{path} runs in LiteRT, on the processor")
        content = read_bytes(path)
        self._path = path
        self._digest = hashlib.sha256(content).hexdigest()
        try:
            file = read_tflite(content)
            metadata = read_metadata(file)
            heads, self._outputs = _heads(file, metadata, options)
            self._spec = _spec(file, metadata, heads, options, name=path.stem, digest=self._digest)
            embedding = _embedding(file.main, self._outputs["scores"])
            if embedding is not None:
                content = with_further_output(file, embedding)
                self._outputs[EMBEDDING] = _output(file.main, embedding)
            self._spectrum = find_spectrum(file)
            if self._spectrum is not None:
                steps = self._spectrum
                content = beginning_behind(content, file.main, n_steps=steps.n_steps, tensor=steps.tensor)
        except (ModelFileError, UsageError) as error:
            raise type(error)(f"{path}: {error}") from error
        except ValueError as error:
            raise ModelFileError(f"{path}: {error} Export the model again, or fetch another copy.") from error
        self._content = content
        # An interpreter counts tensors as the file does.
        self._source = file.main.inputs[0] if self._spectrum is None else self._spectrum.tensor
        self._input_shape = file.main.tensors[self._source].shape
        self._idle: list[_Worker] = []
        self._idle.append(self._worker())

    @property
    def spec(self) -> ModelSpec:
        return self._spec

    @property
    def digest(self) -> str:
        return self._digest

    @property
    def path(self) -> Path:
        return self._path

    @property
    def batch_windows(self) -> int:
        return 1

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(self._outputs)

    def run(self, windows: FloatArray, valid_samples: Sequence[int] | None = None) -> dict[str, FloatArray]:
        check_windows(windows, self._spec.window_samples)
        rows: dict[str, list[Any]] = {name: [] for name in self._outputs}
        with self._borrowed() as worker:
            for values_in in windows if worker.spectra is None else worker.spectra.of(windows):
                for name, values in self._run_one(worker.interpreter, values_in).items():
                    rows[name].append(values)
        return {name: output.read(rows[name]) for name, output in self._outputs.items()}

    def _run_one(self, interpreter: Interpreter, values_in: FloatArray) -> dict[str, Any]:
        try:
            interpreter.set_tensor(self._source, np.ascontiguousarray(values_in).reshape(self._input_shape))
            interpreter.invoke()
            return {name: one.row(interpreter.get_tensor(one.tensor)) for name, one in self._outputs.items()}
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(f"{self._path}: the model failed ({_first_line(error)}); {_ANOTHER}") from error

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[_Worker]:
        """A worker that no other thread uses meanwhile; taking from a list's end is one step to Python."""
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = self._worker()
        yield worker
        # Not after an error, which may leave it in any state.
        self._idle.append(worker)

    def _worker(self) -> _Worker:
        if self._spectrum is None:
            return _Worker(self._interpreter(), None)
        spec = self._spec
        spectra = Spectra(self._spectrum, window_samples=spec.window_samples, hop_samples=spec.hop_samples)
        return _Worker(self._interpreter(), spectra)

    def _interpreter(self) -> Interpreter:
        from ai_edge_litert.interpreter import Interpreter

        try:
            with _quiet_start():
                interpreter = Interpreter(model_content=self._content, num_threads=1)
                interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(
                f"{self._path}: LiteRT cannot open it ({_first_line(error)}); {_ANOTHER}, or upgrade with: "
                "pip install -U ai-edge-litert"
            ) from error
        return interpreter


_ANOTHER = "export the model again, or fetch another copy"
_SAMPLE_RATE = "sample_rate= (--sample-rate), in Hz"


def _spec(
    file: TfliteFile,
    metadata: TfliteMetadata | None,
    heads: tuple[HeadSpec, ...],
    options: OpenOptions,
    *,
    name: str,
    digest: str,
) -> ModelSpec:
    """The description; `name` is for a file that has none."""
    length = _input_samples(file, metadata)
    known = _known(digest)
    spec = ModelSpec(
        name=known.name if known else (metadata and metadata.name) or name,
        heads=heads,
        sample_rate=_sample_rate(metadata, options),
        window_samples=length,
        hop_samples=length,
        features=_features(known),
        license=known.licence if known else (metadata and metadata.license) or "not stated",
    )
    return with_hop(spec, options.hop_s)


def _known(digest: str) -> NamedModel | None:
    """The model of the registry that this is, by its bytes."""
    from auscult.models.registry import MODELS

    return next((one for one in MODELS.values() if one.sha256 == digest), None)


def _features(known: NamedModel | None) -> dict[str, Any] | None:
    """A .tflite does not say how it looks at sound; of YAMNet it is known."""
    from auscult.features import preset

    return preset("yamnet").to_dict() if known is not None and known.name == "yamnet" else None


def _input_samples(file: TfliteFile, metadata: TfliteMetadata | None) -> int:
    main = file.main
    if len(main.inputs) != 1:
        raise ModelFileError(f"a classifier of sounds takes one input, this model takes {len(main.inputs)}")
    tensor = main.tensors[main.inputs[0]]
    channels = metadata.channels if metadata is not None else None
    if channels is not None and channels > 1:
        raise ModelFileError(f"takes sound of {channels} channels, and auscult gives models mono; use a mono model")
    n_samples = max(tensor.shape, default=0)
    if tensor.dtype != np.float32 or n_samples < 1 or np.prod(tensor.shape, dtype=object) != n_samples:
        raise ModelFileError(
            "a classifier of sounds takes a waveform, float32 of shape [samples] or [1, samples]; this model takes "
            f"{_type_name(tensor)} of shape {list(tensor.shape)}"
        )
    if n_samples == 1:
        raise ModelFileError(
            "takes sound of any length, and auscult runs models of a fixed one; export it with a fixed length"
        )
    return n_samples


def _sample_rate(metadata: TfliteMetadata | None, options: OpenOptions) -> int:
    stated = metadata.sample_rate if metadata is not None else None
    if stated is None and options.sample_rate is None:
        raise ModelFileError(f"does not say its sample rate; name it with {_SAMPLE_RATE}")
    if stated is not None and options.sample_rate not in (None, stated):
        raise UsageError(
            f"The option 'sample_rate' must be the model's own, {stated}, or left out. Got {options.sample_rate} "
            "instead; sounds of any rate are resampled to the model's."
        )
    return stated or options.sample_rate or 0


def _heads(
    file: TfliteFile, metadata: TfliteMetadata | None, options: OpenOptions
) -> tuple[tuple[HeadSpec, ...], dict[str, _Output]]:
    """The questions that a model answers, and the outputs that `run` gives for them by name."""
    described = _described(file, metadata, options)
    if not described:
        raise _unlabelled(file.main, metadata, options)
    heads: list[HeadSpec] = []
    outputs: dict[str, _Output] = {}
    for position, about in described:
        output = replace(_output(file.main, file.main.outputs[position]), calibration=about.calibration)
        if len(about.labels) != output.n_columns:
            if about.labels is options.labels:
                raise UsageError(
                    f"The option 'labels' must have a name for each of the model's {output.n_columns} classes, in "
                    f"their order. Got {len(about.labels)} instead; to see some only, use allow= (--allow)."
                )
            raise ModelFileError(f"has {output.n_columns} classes, and {len(about.labels)} labels for them")
        name = _head_name(about.name, position, [head.name for head in heads])
        heads.append(
            HeadSpec(
                name=name,
                task=_task(file.main, file.main.outputs[position], about),
                labels=_labels(about, options.locale),
                thresholds=None if about.threshold is None else (about.threshold,) * output.n_columns,
            )
        )
        outputs["scores" if not outputs else f"scores_{name}"] = output
    return tuple(heads), outputs


def _described(
    file: TfliteFile, metadata: TfliteMetadata | None, options: OpenOptions
) -> list[tuple[int, OutputMetadata]]:
    """The outputs that have labels, by number; those of the option stand for the first head's."""
    said = [] if metadata is None else list(enumerate(metadata.outputs[: len(file.main.outputs)]))
    labelled = [(position, about) for position, about in said if about.labels]
    if options.labels is None:
        return labelled
    if labelled:
        position, about = labelled[0]
        return [(position, replace(about, labels=options.labels, display_names={})), *labelled[1:]]
    widths = [_width(file.main.tensors[one]) for one in file.main.outputs]
    fitting = [position for position, width in enumerate(widths) if width == len(options.labels)]
    if len(fitting) != 1:
        raise UsageError(
            f"The option 'labels' must have as many labels as one output of the model has columns "
            f"({' or '.join(map(str, widths))}). Got {len(options.labels)} instead."
        )
    return [(fitting[0], OutputMetadata("", options.labels, {}, None, None))]


def _unlabelled(main: TfliteSubgraph, metadata: TfliteMetadata | None, options: OpenOptions) -> ModelFileError:
    widths = " or ".join(str(_width(main.tensors[one])) for one in main.outputs)
    missing = [f"labels= (--labels), {widths} names in the order of its output"]
    if options.sample_rate is None and (metadata is None or metadata.sample_rate is None):
        missing.append(_SAMPLE_RATE)
    has = "no TFLite metadata" if metadata is None else "TFLite metadata without labels"
    return ModelFileError(f"has {has}: what it does not say must be named with {' and '.join(missing)}")


def _output(main: TfliteSubgraph, number: int) -> _Output:
    tensor = main.tensors[number]
    quantized = tensor.dtype in (np.uint8, np.int8, np.int16)
    width = _width(tensor)
    if width < 1 or not (tensor.dtype == np.float32 or (quantized and tensor.quantization is not None)):
        raise ModelFileError(
            "an output must have a row of columns, float32 or quantized; "
            f"{tensor.name!r} is {_type_name(tensor)} of shape {list(tensor.shape)}"
        )
    return _Output(number, width, tensor.quantization if quantized else None)


def _width(tensor: TfliteTensor) -> int:
    """Columns of an output; 0 for one that has several rows."""
    width = tensor.shape[-1] if tensor.shape else 0
    return width if np.prod(tensor.shape, dtype=object) == width else 0


def _type_name(tensor: TfliteTensor) -> str:
    return "another type" if tensor.dtype is None else tensor.dtype.name


def _head_name(said: str, position: int, taken: list[str]) -> str:
    name = re.sub(r"\W", "_", said) or "scores"
    name = name if name.isidentifier() else f"head_{name}"
    return name if name not in taken and name.isidentifier() else f"head_{position}"


def _task(main: TfliteSubgraph, number: int, about: OutputMetadata) -> Task:
    """From the last activation; calibrated scores, and those of which nothing is known, stand each by itself."""
    if about.calibration is not None:
        return "multi_label"
    for step in _back(main, number):
        if step.name in _TASKS:
            return _TASKS[step.name]
    return "multi_label"


def _labels(about: OutputMetadata, locale: str | None) -> tuple[Label, ...]:
    names = about.display_names.get(locale or DEFAULT_LOCALE)
    if names is None and locale is not None:
        have = ", ".join(map(repr, about.display_names)) or "none"
        raise UsageError(
            f"The option 'locale' must be one in which the model names its labels ({have}). Got {locale!r} instead."
        )
    return tuple(Label(one, name) for one, name in zip(about.labels, names or about.labels, strict=True))


def _embedding(main: TfliteSubgraph, scores: _Output) -> int | None:
    """The tensor that the last dense layer before the scores takes, where it is one row that the graph computes."""
    for step in _back(main, scores.tensor):
        if step.name == "FULLY_CONNECTED":
            number = step.inputs[0] if step.inputs else -1
            if number < 0 or number in main.outputs or main.producer(number) is None:
                return None
            tensor = main.tensors[number]
            readable = tensor.dtype == np.float32 or (
                tensor.dtype in (np.uint8, np.int8, np.int16) and tensor.quantization is not None
            )
            return number if readable and _width(tensor) > 1 else None
    return None


def _back(main: TfliteSubgraph, number: int) -> Iterator[Any]:
    """The steps that lead to a tensor, last first, as far as each value goes its own way, and the one before them."""
    # No longer than the graph, so that a file whose steps go in a circle ends too.
    for _ in main.operators:
        step = main.producer(number)
        if step is None:
            return
        yield step
        if step.name not in _ELEMENTWISE or not step.inputs or step.inputs[0] < 0:
            return
        number = step.inputs[0]


@contextlib.contextmanager
def _quiet_start() -> Iterator[None]:
    """LiteRT's first words go nowhere: stderr is the command line's, and no option of LiteRT silences them.

    Only the first time, when a model is opened: whatever else is written to stderr meanwhile is lost.
    """
    if _has_spoken.is_set():
        yield
        return
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
        _has_spoken.set()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
