"""The spectrum that a .tflite computes of each frame, computed here: faster, and once for windows that overlap.

TensorFlow Lite has one Fourier transform for all processors, which takes no use of vectors: in YAMNet it is half of the
time of a window. So where a graph begins with

    waveform -> frames -> times a window function -> filled up with zeros -> Fourier transform -> magnitude

those steps are done here, with numpy's transform, and the graph begins behind them (`tflite_edit.beginning_behind`).
What follows, mel bands, logarithm and network, is LiteRT's as before.

Both transforms compute in float64, and both results are rounded to float32 where the graph has float32, so that the
magnitudes are the same but where a value lies between two float32 by the last bits of a float64: seen for 6 in a
million, each by one unit in the last place.

A magnitude depends on its frame alone. Of a window that repeats the end of the one before it, as windows do that
overlap by whole frames, the frames of that part are taken over, to the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.models.tflite_file import TfliteFile, TfliteOperator, TfliteSubgraph, TfliteTensor
from auscult.records import FloatArray

# Frames computed at once: enough that threads seldom wait for each other to call the next step, and few enough for a
# core's own cache. Two threads did 1.6 times as much as one with 96 frames, 1.9 times with 192, 1.8 with 384.
ROWS = 192
# YAMNet has 512; so a file of lies cannot take all memory.
_MAX_FFT_SAMPLES = 2**15
# The steps from a waveform to magnitudes, as converters write tf.signal.stft and tf.abs.
_STEPS = (
    "STRIDED_SLICE",
    "RESHAPE",
    "GATHER",
    "RESHAPE",
    "MUL",
    "PAD",
    "RESHAPE",
    "RFFT2D",
    "RESHAPE",
    "COMPLEX_ABS",
)


@dataclass(frozen=True)
class SpectrumSteps:
    """The first steps of a graph, as far as they make a spectrum.

    Attributes
    ----------
    n_steps : how many they are
    tensor : number of the tensor that they give, float32 (frames, bins)
    n_frames, hop_samples : frames of a window of the model, and from the start of one to the next
    window : float32 (frame_samples,), by which a frame is multiplied
    fft_samples : to which it is filled up with zeros
    """

    n_steps: int
    tensor: int
    n_frames: int
    hop_samples: int
    window: FloatArray
    fft_samples: int


def find_spectrum(file: TfliteFile) -> SpectrumSteps | None:
    """The spectrum that the graph begins with; None where it begins otherwise."""
    steps = file.main.operators[: len(_STEPS)]
    if tuple(one.name for one in steps) != _STEPS or not _is_chain(file.main, steps):
        return None
    cut, split, gather, _, times, fill, _, transform, _, magnitude = steps
    given = _tensors(file, [cut.inputs[0], cut.outputs[0], split.outputs[0], magnitude.outputs[0]])
    whole, kept, parts, spectrum = (one.shape for one in given)
    begin, strides = _constant(file, cut, 1), _constant(file, cut, 3)
    places, window = _constant(file, gather, 1), _constant(file, times, 1)
    filled, sizes = _constant(file, fill, 1), _constant(file, transform, 1)
    constants = (begin, strides, places, window, filled, sizes)
    if any(one is None or not one.ndim or not one.size for one in constants) or len(parts) != 2:
        return None
    hop_parts = _regular_hop(places)
    frame, fft = window.size, int(sizes[-1])
    if (
        any(begin)
        or any(strides != 1)
        or kept != whole
        or parts[0] * parts[1] != max(whole)
        or hop_parts < 1
        or places.shape[1] * parts[1] != frame
        or int(places.max()) >= parts[0]
        or window.dtype != np.float32
        or times.options is None
        or times.options.integer(0, "i1") != 0  # an activation behind the product
        or not frame <= fft <= _MAX_FFT_SAMPLES
        or filled.tolist() != [[0, 0], [0, fft - frame]]
        or sizes.tolist() != [1, fft]
        or spectrum != (len(places), fft // 2 + 1)
        or given[-1].dtype != np.float32
    ):
        return None
    return SpectrumSteps(
        n_steps=len(steps),
        tensor=magnitude.outputs[0],
        n_frames=len(places),
        hop_samples=hop_parts * parts[1],
        window=window.reshape(-1),
        fft_samples=fft,
    )


class Spectra:
    """The magnitudes of windows; for one thread at a time.

    Parameters
    ----------
    steps : what to compute
    window_samples, hop_samples : of the model's windows; where the hop is a whole number of frames, those that a
        window has in common with the one before it are not computed again
    """

    def __init__(self, steps: SpectrumSteps, *, window_samples: int, hop_samples: int) -> None:
        self.steps = steps
        hop_frames, rest = divmod(hop_samples, steps.hop_samples)
        self.n_common = max(0, steps.n_frames - hop_frames) if rest == 0 else 0
        self._window_samples, self._hop_samples = window_samples, hop_samples
        # How many windows are computed at once, of those that repeat nothing and of those that do.
        self._at_once = tuple(max(1, ROWS // (steps.n_frames - kept)) for kept in (0, self.n_common))
        n_fresh = max(self._at_once[0] * steps.n_frames, self._at_once[1] * (steps.n_frames - self.n_common))
        bins = steps.fft_samples // 2 + 1
        self._framed = np.empty((n_fresh, len(steps.window)), np.float32)
        self._filled = np.zeros((n_fresh, steps.fft_samples))
        self._parts = np.empty((n_fresh, 2 * bins), np.float32)
        self._squares = np.empty((n_fresh, 2 * bins))
        self._roots = np.empty((n_fresh, bins))
        self._magnitudes = np.zeros((self.n_common + n_fresh, bins), np.float32)

    def of(self, windows: FloatArray) -> Iterator[FloatArray]:
        """float32 (frames, bins) of each of float32 (windows, samples), valid until the next is asked for."""
        windows = np.ascontiguousarray(windows)
        n_frames = self.steps.n_frames
        repeats = self._repeats(windows)
        position, end = 0, 0
        while position < len(windows):
            is_repeat = repeats[position]
            last = min(position + self._at_once[is_repeat], len(windows))
            n = next((i for i in range(position, last) if repeats[i] != is_repeat), last) - position
            kept = self.n_common if is_repeat else 0
            # The frames in common stand before the fresh ones, so that each window's follow each other.
            self._magnitudes[:kept] = self._magnitudes[end - kept : end]
            self._compute(windows[position : position + n], kept)
            hop = n_frames - kept
            for i in range(n):
                yield self._magnitudes[i * hop : i * hop + n_frames]
            position, end = position + n, (n - 1) * hop + n_frames

    def _repeats(self, windows: FloatArray) -> list[bool]:
        """Of each window, whether it begins with the end of the one before it."""
        if not self.n_common or len(windows) < 2:
            return [False] * len(windows)
        same = windows[1:, : -self._hop_samples] == windows[:-1, self._hop_samples :]
        return [False, *same.all(axis=1).tolist()]

    def _compute(self, windows: FloatArray, first: int) -> None:
        """Put the magnitudes of the frames from `first` on behind row `first`, rounded where the graph rounds them."""
        steps = self.steps
        shape = (len(windows), steps.n_frames - first, len(steps.window))
        n_rows = shape[0] * shape[1]
        # A view, in which neighbouring frames share samples.
        frames: FloatArray = np.ndarray(
            shape,
            np.float32,
            windows,
            offset=4 * first * steps.hop_samples,
            strides=(4 * self._window_samples, 4 * steps.hop_samples, 4),
        )
        framed, filled, parts = self._framed[:n_rows], self._filled[:n_rows], self._parts[:n_rows]
        squares, roots = self._squares[:n_rows], self._roots[:n_rows]
        np.multiply(frames, steps.window, out=framed.reshape(shape))
        filled[:, : framed.shape[1]] = framed
        parts[:] = np.fft.rfft(filled, axis=1).view(np.float64)
        # The square of a float32 and its root are exact enough in float64 that rounding gives the nearest float32.
        squares[:] = parts
        np.multiply(squares, squares, out=squares)
        np.add(squares[:, ::2], squares[:, 1::2], out=roots)
        np.sqrt(roots, out=roots)
        self._magnitudes[first : first + n_rows] = roots


def _is_chain(main: TfliteSubgraph, steps: Sequence[TfliteOperator]) -> bool:
    """Whether each step takes what the one before it gives, which nobody else takes, and the first the waveform."""
    made = main.inputs[0] if len(main.inputs) == 1 else -1
    for i, step in enumerate(steps):
        takers = [one for one in main.operators if made in one.inputs]
        if not step.inputs or step.inputs[0] != made or takers != [step] or len(step.outputs) != 1:
            return False
        if i and made in main.outputs:
            return False
        made = step.outputs[0]
    return made not in main.outputs


def _constant(file: TfliteFile, step: TfliteOperator, position: int) -> NDArray[Any] | Any:
    """What stands in the file for an input of a step; None where it is computed, or left out."""
    if position >= len(step.inputs) or step.inputs[position] < 0:
        return None
    return file.values(file.main.tensors[step.inputs[position]])


def _tensors(file: TfliteFile, numbers: Sequence[int]) -> list[TfliteTensor]:
    return [file.main.tensors[one] for one in numbers]


def _regular_hop(places: NDArray[Any]) -> int:
    """From row to row of what is gathered, each row being parts that follow each other; 0 where it is not so."""
    if places.ndim != 2 or len(places) < 2 or places[0, 0] != 0:
        return 0
    hop = int(places[1, 0])
    expected = hop * np.arange(len(places))[:, None] + np.arange(places.shape[1])
    return hop if np.array_equal(places, expected) else 0
