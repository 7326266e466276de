"""YESNO: one speaker, eight words a recording, each "yes" or "no" in Hebrew, 8 kHz.

https://www.openslr.org/1/. Tree: ``waves_yesno/1_0_0_1_0_1_1_1.wav``, where the name is the words, 1 for yes.
No times of the words are given, and a clip is a whole recording. So the task is multi-label: which of the two words are
heard. The words in their order are in the column ``words``, for whoever works on sequences. There is no official split,
and one speaker.
"""

from __future__ import annotations

import re
from pathlib import Path

from auscult.data.corpora.official import sounds_in
from auscult.data.corpora.record import Archive, Corpus, Remote
from auscult.data.listing import ListedClip, Listing
from auscult.data.unpacking import Limits

FOLDER = "waves_yesno"
WORDS = ("no", "yes")
_NAME = re.compile(r"[01](_[01]){7}")


def find_table(root: Path) -> Path | None:
    """The folder of recordings of such a tree, None for any other folder."""
    for folder in (root / FOLDER, root):
        files = sounds_in(folder)
        if files and all(_NAME.fullmatch(file.stem) for file in files):
            return folder
    return None


def read(root: Path, table: Path) -> Listing:
    """List the recordings with the words that are heard in them."""
    clips = []
    for file in sounds_in(table):
        if _NAME.fullmatch(file.stem):
            words = [WORDS[int(digit)] for digit in file.stem.split("_")]
            labels = tuple(word for word in WORDS if word in words)
            clips.append(ListedClip(file, labels, extra={"words": " ".join(words)}))
    return Listing(root, tuple(clips), source_kind="yesno", task="multi_label", label_order=WORDS)


YESNO = Corpus(
    name="yesno",
    title="YESNO",
    summary="eight words a recording, each yes or no in Hebrew, one speaker, 8 kHz; small, to try things with",
    n_clips=60,
    n_classes=2,
    hours=None,
    task="multi_label",
    splits="",
    groups="",
    licence="NOASSERTION",
    terms="What licence it has could not be confirmed when this was written; its page says.",
    commercial=True,
    citation="YESNO, OpenSLR 1, https://www.openslr.org/1/",
    homepage="https://www.openslr.org/1/",
    archives=(
        Archive(
            parts=(
                Remote(
                    url="https://www.openslr.org/resources/1/waves_yesno.tar.gz",
                    checksum="sha256:c3f49e0cca421f96b75b41640749167b52118f232498667ca7a5f9416aef8e73",
                    size_bytes=4_703_754,
                ),
            ),
        ),
    ),
    limits=Limits(n_bytes=100_000_000, n_files=1000),
    find_table=find_table,
    read=read,
)
