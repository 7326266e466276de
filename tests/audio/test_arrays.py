from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.audio import decode, iter_blocks, load_waveform, probe, sound_from_array
from auscult.errors import InputError
from auscult.records import Sound


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        (np.int16, [-(2**15), 0, 2**14, 2**15 - 1], [-1, 0, 0.5, 1 - 2**-15]),
        (np.int32, [-(2**31), 0, 2**30], [-1, 0, 0.5]),
        (np.uint8, [0, 128, 192, 255], [-1, 0, 0.5, 1 - 2**-7]),
        (np.float32, [-1, 0.25, 1.5], [-1, 0.25, 1.5]),
        (np.float64, [-1, 0.25], [-1, 0.25]),
        (np.float16, [-1, 0.25], [-1, 0.25]),
    ],
)
def test_scales(dtype: Any, values: list[float], expected: list[float]) -> None:
    sound = sound_from_array(np.array(values, dtype), 8000)
    assert sound.samples.dtype == np.float32
    assert sound.samples.tolist() == [expected]


def test_the_channel_axis_is_as_said() -> None:
    square = np.arange(4, dtype=np.float32).reshape(2, 2)
    assert sound_from_array(square, 8000, channel_axis=0).samples.tolist() == [[0, 1], [2, 3]]
    assert sound_from_array(square, 8000, channel_axis=1).samples.tolist() == [[0, 2], [1, 3]]
    assert sound_from_array(square, 8000, channel_axis=-1).samples.tolist() == [[0, 2], [1, 3]]


@pytest.mark.parametrize(
    ("array", "rate", "axis", "kind", "match"),
    [
        (np.zeros((2, 100)), 8000, None, "invalid", r"its shape is \(2, 100\) and channel_axis is None; give"),
        (np.zeros(100), 8000, 0, "invalid", "1-D, or 2-D with its channel axis named"),
        (np.zeros((2, 100)), 8000, 2, "invalid", "channel_axis is 2"),
        (np.zeros((1, 2, 3)), 8000, 0, "invalid", r"its shape is \(1, 2, 3\)"),
        (np.float32(1), 8000, None, "invalid", r"its shape is \(\)"),
        (np.zeros(100, np.int64), 8000, None, "invalid", "it holds int64; convert it to float32"),
        (np.zeros(100, bool), 8000, None, "invalid", "it holds bool"),
        (np.zeros(100, complex), 8000, None, "invalid", "it holds complex128"),
        (["a"], 8000, None, "invalid", "it holds <U1"),
        (np.zeros(0), 8000, None, "empty", "it holds no samples"),
        (np.zeros((0, 5)), 8000, 0, "empty", "it holds no samples"),
        (np.array([0, np.nan]), 8000, None, "not_finite", "NaN or infinity"),
        (np.array([0, np.inf]), 8000, None, "not_finite", "NaN or infinity"),
        (np.array([1e300]), 8000, None, "not_finite", "NaN or infinity"),
        (np.zeros(10), 0, None, "invalid", "positive whole number of Hz; it is 0"),
        (np.zeros(10), 44100.5, None, "invalid", "it is 44100.5"),
        (np.zeros(10), float("nan"), None, "invalid", "it is nan"),
        (np.zeros(10), "8000", None, "invalid", "it is '8000'"),
        (np.zeros(10), True, None, "invalid", "it is True"),
        (np.zeros(10), np.float64("inf"), None, "invalid", "it is np.float64"),
        ([[1], [2, 3]], 8000, None, "invalid", "it cannot be taken as an array .*inhomogeneous.*; give a 1-D array"),
    ],
)
def test_refused(array: Any, rate: Any, axis: int | None, kind: str, match: str) -> None:
    with pytest.raises(InputError, match=match) as error:
        sound_from_array(array, rate, channel_axis=axis)
    assert error.value.kind == kind
    assert str(error.value).startswith("<array>: ")


def test_rates_of_numpy_and_whole_floats_are_rates() -> None:
    assert sound_from_array(np.zeros(1), 44100.0).sample_rate == 44100  # type: ignore[arg-type]
    assert type(sound_from_array(np.zeros(1), np.int64(8000)).sample_rate) is int  # type: ignore[arg-type]


@pytest.mark.parametrize("mapping", [{}, {"sampling_rate": 8000}, {"array": [0.0]}, {"rate": 8000, "array": [0.0]}])
def test_mappings_need_both_keys(mapping: dict[str, Any]) -> None:
    with pytest.raises(InputError, match='a mapping needs "sampling_rate" and "raw" or "array"; its keys are'):
        decode(mapping)


def test_a_mapping_is_1d() -> None:
    with pytest.raises(InputError, match=r"its shape is \(2, 100\)"):
        decode({"sampling_rate": 8000, "array": np.zeros((2, 100))})


def test_records_are_checked_when_they_are_read() -> None:
    bad = Sound(np.full((1, 5), np.nan, np.float32), 8000)
    for read in (decode, probe, lambda source: list(iter_blocks(source))):
        with pytest.raises(InputError, match="<sound>: NaN or infinity"):
            read(bad)
    with pytest.raises(InputError, match="<sound>: it holds no samples"):
        load_waveform(Sound(np.zeros((1, 0), np.float32), 8000), sample_rate=8000)


def test_what_is_read_is_not_what_was_given() -> None:
    given = np.zeros((1, 100), np.float32)
    decode(Sound(given, 8000)).samples[:] = 1
    assert not given.any()
