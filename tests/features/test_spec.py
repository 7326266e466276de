"""The gate of FeatureSpec: every field, every key, no empty band; frames counted as YAMNet counts them."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.errors import UsageError
from auscult.features import PRESETS, FeatureSpec, mel_filter_bank, preset

BROKEN: list[tuple[str, Any, str]] = [
    ("sample_rate", 0, "positive number of Hz"),
    ("sample_rate", 22050.0, "whole number"),
    ("sample_rate", True, "whole number"),
    ("n_fft", 1, "between 2 and 65536"),
    ("n_fft", 65537, "between 2 and 65536"),
    ("frame_samples", 1, "n_fft = 1024"),
    ("frame_samples", 1025, "n_fft = 1024"),
    ("hop_samples", 0, "frame_samples = 1024"),
    ("hop_samples", 1025, "frames leave no gap"),
    ("centered", 1, "true or false"),
    ("spectrum", "energy", "'magnitude', 'power'"),
    ("n_mels", 0, "between 1 and 512"),
    ("n_mels", 513, "between 1 and 512"),
    ("n_mels", "64", "whole number"),
    ("f_min_hz", -1.0, "0 Hz or more"),
    ("f_min_hz", float("nan"), "finite number"),
    ("f_max_hz", 50.0, "above f_min_hz = 50 Hz"),
    ("f_max_hz", 11026.0, "half the sample rate, 11025 Hz"),
    ("f_max_hz", "11025", "finite number"),
    ("mel_scale", "bark", "'htk', 'slaney'"),
    ("triangles_linear_in", "octaves", "'hz', 'mel'"),
    ("mel_norm", None, "'peak', 'area', 'sum'"),
    ("log", "log10", "'natural', 'db'"),
    ("log_floor", -1e-9, "0 or more"),
    ("log_offset", -1e-9, "0 or more"),
    ("log_offset", 0.0, "silence has no logarithm"),
    ("log_reference", 0.0, "more than 0"),
    ("log_reference", float("inf"), "finite number"),
]


@pytest.mark.parametrize(("field", "value", "rule"), BROKEN, ids=str)
def test_a_broken_field_is_refused_by_name(field: str, value: Any, rule: str) -> None:
    values = preset("auscult").to_dict() | {field: value}
    with pytest.raises(UsageError, match=f"'{field}' field.*{rule}.*Got"):
        FeatureSpec.from_dict(values)


def test_every_field_has_a_broken_example() -> None:
    assert {name for name, _, _ in BROKEN} == {field.name for field in fields(FeatureSpec)}


@pytest.mark.parametrize("name", PRESETS)
def test_a_spec_survives_json(name: str) -> None:
    spec = preset(name)
    assert FeatureSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_numbers_of_other_kinds_become_plain_ones() -> None:
    spec = replace(preset("auscult"), sample_rate=np.int64(22050), f_min_hz=50, log_offset=np.float32(0.5))
    assert (type(spec.sample_rate), type(spec.f_min_hz), type(spec.log_offset)) == (int, float, float)
    json.dumps(spec.to_dict())


def test_an_unknown_and_a_missing_key_are_both_named() -> None:
    values = preset("auscult").to_dict()
    del values["n_mels"]
    with pytest.raises(UsageError, match=r"unknown: n_mel; missing: n_mels.*update auscult"):
        FeatureSpec.from_dict(values | {"n_mel": 64})


def test_something_other_than_an_object_is_refused() -> None:
    with pytest.raises(UsageError, match=r"JSON object. Got list"):
        FeatureSpec.from_dict([1, 2])  # type: ignore[arg-type]


def test_torchaudios_transform_leaves_seven_bands_empty() -> None:
    with pytest.raises(UsageError, match=r"7 of 128 hold none, namely 0 \(0-31 Hz\).*n_fft of 1024 \(now 400\)"):
        replace(preset("clearml"), n_fft=400)


@given(
    sample_rate=st.integers(4000, 96000),
    n_mels=st.integers(8, 256),
    log2_n_fft=st.integers(6, 11),
    scale=st.sampled_from(["htk", "slaney"]),
    axis=st.sampled_from(["hz", "mel"]),
)
@settings(deadline=None, max_examples=60)
def test_the_advice_about_empty_bands_works(
    sample_rate: int, n_mels: int, log2_n_fft: int, scale: Any, axis: Any
) -> None:
    base = replace(preset("clearml"), sample_rate=4000, f_max_hz=2000.0, n_mels=8, frame_samples=64, hop_samples=32)
    wanted: dict[str, Any] = {
        "sample_rate": sample_rate,
        "f_max_hz": sample_rate / 2,
        "n_mels": n_mels,
        "mel_scale": scale,
        "triangles_linear_in": axis,
    }
    try:
        spec = replace(base, n_fft=2**log2_n_fft, **wanted)
    except UsageError as error:
        advised = int(str(error).split("take an n_fft of ")[1].split(" ")[0])
        spec = replace(base, n_fft=advised, **wanted)
    assert mel_filter_bank(spec).any(axis=1).all()


@pytest.mark.parametrize(
    ("n_samples", "n_frames"),
    [(15600, 96), (15601, 96), (15600 + 7680, 144), (48000 - 720, 294), (400, 1), (559, 1), (560, 2)],
)
def test_frames_are_counted_as_in_yamnet(n_samples: int, n_frames: int) -> None:
    assert preset("yamnet").n_frames(n_samples) == n_frames


def test_a_sound_shorter_than_a_frame_is_one_frame() -> None:
    assert preset("yamnet").n_frames(1) == 1
    assert preset("auscult").n_frames(1) == 1


def test_no_samples_make_no_frame() -> None:
    with pytest.raises(ValueError, match=r"'n_samples' parameter must be at least 1. Got 0"):
        preset("auscult").n_frames(0)
