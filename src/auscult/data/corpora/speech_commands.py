"""Speech Commands, version 2: a second of one of 35 spoken words a clip, 16 kHz.

P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv:1804.03209. Tree:
``{word}/{speaker}_nohash_{take}.wav``; ``validation_list.txt`` and ``testing_list.txt`` name the clips of those parts,
and all others are for training. The speaker, a hash, is the group; the parts keep speakers apart. The long recordings
in ``_background_noise_/`` are none of the words and are left out: they stay in the tree, to mix with.
"""

from __future__ import annotations

from pathlib import Path

from auscult.data.corpora.official import absent_files, read_lines, sounds_in
from auscult.data.corpora.record import Archive, Corpus, Remote
from auscult.data.listing import ListedClip, Listing, nfc
from auscult.data.unpacking import Limits

LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
BACKGROUND = "_background_noise_"
_MARK = "_nohash_"


def find_table(root: Path) -> Path | None:
    """The list of test clips of such a tree, None for any other folder."""
    return root / LISTS["test"] if all((root / name).is_file() for name in LISTS.values()) else None


def read(root: Path, table: Path) -> Listing:
    """List the clips with word, part and speaker."""
    part_of = {name: part for part, file in LISTS.items() for name in read_lines(root / file)}
    clips = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if folder.name.startswith((BACKGROUND, ".")):
            continue
        for file in sounds_in(folder):
            # The lists name .wav files; a re-encoded corpus is the same corpus.
            split = part_of.pop(f"{folder.name}/{file.stem}.wav", "train")
            speaker, mark, _ = file.stem.partition(_MARK)
            clips.append(ListedClip(file, (folder.name,), split=split, group=nfc(speaker) if mark else None))
    n_listed = len(clips) + len(part_of)
    problems = absent_files(table, sorted(part_of), n_listed)
    return Listing(root, tuple(clips), source_kind="speech_commands", problems=problems)


SPEECH_COMMANDS = Corpus(
    name="speech_commands",
    title="Speech Commands",
    summary="35 English words, at most a second each, many speakers, 16 kHz; version 2",
    n_clips=105_829,
    n_classes=35,
    hours=None,
    task="single_label",
    splits="train, validation, test",
    groups="speaker (a hash)",
    licence="CC-BY-4.0",
    commercial=True,
    citation="Warden 2018, Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition, arXiv:1804.03209",
    homepage="https://arxiv.org/abs/1804.03209",
    archives=(
        Archive(
            parts=(
                Remote(
                    url="https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
                    checksum="sha256:af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
                    size_bytes=2_428_923_189,
                ),
            ),
        ),
    ),
    limits=Limits(n_bytes=10_000_000_000, n_files=200_000),
    find_table=find_table,
    read=read,
)
