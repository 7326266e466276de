"""`auscult data spectrograms`."""

from __future__ import annotations

from pathlib import Path

import PIL.Image

from .conftest import Auscult, write_tones


def test_pictures_of_a_folder_and_what_their_pixels_mean(auscult: Auscult, tmp_path: Path) -> None:
    source, out = write_tones(tmp_path / "sounds", clips=2), tmp_path / "pictures"
    (source / "low" / "bad.wav").write_bytes(b"no sound at all")
    done = auscult("data", "spectrograms", source, out, "--json")
    (record,) = done.records
    assert (done.code, record["written"], record["kept"], record["failed"]) == (1, 4, 0, 1)
    assert record["features"]["n_mels"] == 128
    assert (record["low_db"], record["high_db"]) == (-100.0, 46.0)
    assert "bad.wav" in done.err
    assert "4 pictures written, 1 failed; black -100 dB, white 46 dB, 0.573 dB a step" in done.err
    with PIL.Image.open(out / "low" / "0.png") as image:
        assert (image.mode, image.height) == ("L", 128)
        assert "auscult" in image.info
    (source / "low" / "bad.wav").unlink()
    again = auscult("data", "spectrograms", source, out)
    assert (again.code, again.out) == (0, "")
    assert "0 pictures written, 4 kept" in again.err


def test_a_source_that_is_none_and_a_wrong_range_are_wrong_usage(auscult: Auscult, tmp_path: Path) -> None:
    assert auscult("data", "spectrograms", tmp_path / "gone", tmp_path / "out").code == 2
    source = write_tones(tmp_path / "sounds", clips=1)
    done = auscult("data", "spectrograms", source, tmp_path / "out", "--low", "-300")
    assert done.code == 2
    assert "level of silence, -100 dB" in done.err
    assert not (tmp_path / "out").exists()
