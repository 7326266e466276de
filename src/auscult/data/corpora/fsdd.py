"""Free Spoken Digit Dataset: English digits of six speakers, 50 takes of each, 8 kHz.

Z. Jackson and others, https://github.com/Jakobovski/free-spoken-digit-dataset, version 1.0.10. Tree:
``recordings/{digit}_{speaker}_{take}.wav``. Those who made it test on takes 0 to 4 and train on the others. Each
speaker is then on both sides: the figure is for voices that the model knows. The speaker is the group, so that every
other split is by speaker.
"""

from __future__ import annotations

import re
from pathlib import Path

from auscult.data.corpora.official import sounds_in
from auscult.data.corpora.record import Archive, Corpus, Remote
from auscult.data.listing import ListedClip, Listing
from auscult.data.unpacking import Limits

FOLDER = "recordings"
N_TEST_TAKES = 5
_NAME = re.compile(r"([0-9])_([^_]+)_([0-9]+)")


def find_table(root: Path) -> Path | None:
    """The folder of recordings of such a tree, None for any other folder."""
    folder = root / FOLDER
    files = sounds_in(folder)
    return folder if files and all(_NAME.fullmatch(file.stem) for file in files) else None


def read(root: Path, table: Path) -> Listing:
    """List the recordings with speaker and part."""
    clips = []
    for file in sounds_in(table):
        if (found := _NAME.fullmatch(file.stem)) is None:
            continue
        digit, speaker, take = found.groups()
        split = "test" if int(take) < N_TEST_TAKES else "train"
        clips.append(ListedClip(file, (digit,), split=split, group=speaker, extra={"take": int(take)}))
    return Listing(root, tuple(clips), source_kind="fsdd")


FSDD = Corpus(
    name="fsdd",
    title="Free Spoken Digit Dataset",
    summary="the digits 0 to 9 in English, six speakers, 50 takes each, 8 kHz",
    n_clips=3000,
    n_classes=10,
    hours=None,
    task="single_label",
    splits="train, test (takes 0 to 4; the same speakers as in training)",
    groups="speaker",
    licence="CC-BY-SA-4.0",
    commercial=True,
    citation="Jackson and others 2020, Free Spoken Digit Dataset, version 1.0.10, "
    "https://github.com/Jakobovski/free-spoken-digit-dataset",
    homepage="https://github.com/Jakobovski/free-spoken-digit-dataset",
    archives=(
        Archive(
            parts=(
                Remote(
                    url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
                    checksum="sha256:c680098f5d2355ba7cc4bd8b0ca9e0a24c00ebe3b4c552208889a4d28d4fbc2b",
                    size_bytes=16_419_872,
                ),
            ),
            inside="*",
        ),
    ),
    limits=Limits(n_bytes=200_000_000, n_files=10_000),
    find_table=find_table,
    read=read,
)
