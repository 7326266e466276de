"""Checksums of Ogg pages: every turned bit is found."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.audio.ogg import damaged_ogg_page


def vorbis() -> bytes:
    buffer = io.BytesIO()
    samples = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    soundfile.write(buffer, samples, 16000, format="OGG", subtype="VORBIS")
    return buffer.getvalue()


OGG = vorbis()


def test_a_whole_file_has_no_damaged_page() -> None:
    assert damaged_ogg_page(OGG) is None


@settings(max_examples=200, deadline=None)
@given(st.integers(4, len(OGG) - 1), st.integers(0, 7))
def test_any_turned_bit_is_found(place: int, bit: int) -> None:
    content = bytearray(OGG)
    content[place] ^= 1 << bit
    page = damaged_ogg_page(bytes(content))
    assert page is not None
    assert page <= place


@pytest.mark.parametrize("missing", [1, 30, 1000])
def test_a_file_that_is_cut_off_is_found(missing: int) -> None:
    assert damaged_ogg_page(OGG[:-missing]) is not None


def test_a_tag_for_mp3_players_at_the_end_is_no_damage() -> None:
    assert damaged_ogg_page(OGG + b"TAG" + bytes(125)) is None


def test_other_formats_have_no_pages() -> None:
    assert damaged_ogg_page(b"RIFF" + bytes(100)) is None
