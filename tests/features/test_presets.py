"""Presets: the numbers the documentation names, and a front end without empty bands for every rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.errors import UsageError
from auscult.features import PRESETS, mel_filter_bank, preset

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "features.md"
COMMON_RATES = (
    4000,
    5512,
    6000,
    7800,
    7803,
    8000,
    11025,
    12000,
    15605,
    16000,
    22050,
    24000,
    32000,
    44100,
    48000,
    96000,
)


def tables() -> list[list[list[str]]]:
    """The cells of each table of the page, without the rule under the head."""
    blocks = [block.splitlines() for block in PAGE.read_text(encoding="utf-8").split("\n\n") if block.startswith("|")]
    return [[[cell.strip() for cell in row.strip("|").split("|")] for row in [rows[0], *rows[2:]]] for rows in blocks]


def written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def test_the_page_names_every_preset_with_its_numbers() -> None:
    head, *rows = tables()[0]
    assert head[1:] == list(PRESETS)
    on_page = {row[0].split("`")[1]: row[1:] for row in rows}
    expected = {
        field: [written(PRESETS[name].to_dict()[field]) for name in PRESETS] for field in PRESETS["auscult"].to_dict()
    }
    assert on_page == expected


def test_the_page_names_what_the_adaptive_preset_becomes() -> None:
    head, *rows = tables()[1]
    names = [cell.strip("`") for cell in head[1:]]
    for rate, *values in rows:
        spec = preset("auscult", sample_rate=int(rate)).to_dict()
        assert values == [written(spec[name]) for name in names]


@pytest.mark.parametrize("sample_rate", COMMON_RATES)
def test_no_band_is_empty_at_a_common_rate(sample_rate: int) -> None:
    assert mel_filter_bank(preset("auscult", sample_rate=sample_rate)).any(axis=1).all()


@given(st.integers(4000, 96000))
@settings(deadline=None, max_examples=150)
def test_the_adaptive_preset_serves_any_rate(sample_rate: int) -> None:
    spec = preset("auscult", sample_rate=sample_rate)
    assert mel_filter_bank(spec).any(axis=1).all()
    # Nearest power of two to 46.4 ms: at most a factor of sqrt(2) away.
    assert 0.0464 / np.sqrt(2) * 0.999 <= spec.n_fft / sample_rate <= 0.0465 * np.sqrt(2)
    assert spec.hop_samples / sample_rate == pytest.approx(0.02, abs=0.501 / sample_rate)
    assert (spec.f_min_hz, spec.f_max_hz, spec.n_mels) == (50.0, sample_rate / 2, 64)


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100])
def test_a_full_scale_sine_stands_equally_far_above_the_offset(sample_rate: int) -> None:
    # Power of a sine under a Hann window at its own bin: (n_fft / 4) squared.
    spec = preset("auscult", sample_rate=sample_rate)
    assert (spec.n_fft / 4) ** 2 / spec.log_offset == pytest.approx(256**2 / 1e-5)


def test_the_hop_can_be_chosen() -> None:
    assert preset("auscult", sample_rate=8000, hop_s=0.01).hop_samples == 80


@pytest.mark.parametrize("hop_s", [0.0, -0.01, float("nan"), float("inf")])
def test_a_hop_that_is_no_time_is_refused(hop_s: float) -> None:
    with pytest.raises(UsageError, match="'hop_s' of a feature preset must be a positive"):
        preset("auscult", hop_s=hop_s)


def test_a_hop_longer_than_the_frame_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'hop_samples' field.*Got 2205"):
        preset("auscult", hop_s=0.1)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"one of auscult, clearml, yamnet. Got 'vggish'"):
        preset("vggish")


@pytest.mark.parametrize("name", ["clearml", "yamnet"])
def test_a_fixed_preset_does_not_adapt(name: str) -> None:
    spec = preset(name)
    assert preset(name, sample_rate=spec.sample_rate, hop_s=spec.hop_samples / spec.sample_rate) is spec
    with pytest.raises(UsageError, match=r"fixed at.*'auscult' adapts"):
        preset(name, sample_rate=8000)
    with pytest.raises(UsageError, match=r"fixed at.*'auscult' adapts"):
        preset(name, hop_s=0.5)
