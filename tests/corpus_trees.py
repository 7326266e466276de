"""Every known corpus in small: its true layout, its archives as they are packed, sounds of a few samples."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from auscult.data.corpora.record import Corpus, Remote
from auscult.data.corpora.registry import CORPORA
from tests.split_zips import write_split_zip

Files = dict[str, bytes]


@dataclass(frozen=True)
class Small:
    """A corpus in small.

    `archives` are the files of each archive, by its name, as they are called in it; `files` those of the tree.
    """

    corpus: Corpus
    archives: Mapping[str, Files]
    files: Files

    def write_tree(self, root: Path) -> Path:
        for name, content in self.files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        return root

    def write_archives(self, folder: Path, url: str) -> Corpus:
        """Pack the archives; the corpus with where they are now, and their checksums."""
        folder.mkdir(parents=True, exist_ok=True)
        archives = []
        for archive in self.corpus.archives:
            last = archive.parts[-1]
            path = folder / last.name
            content = self.archives[last.name]
            if len(archive.parts) > 1:
                pieces = write_split_zip(path, content, n_pieces=len(archive.parts))
            else:
                path.write_bytes(packed_zip(content) if path.suffix == ".zip" else packed_tar(content))
                pieces = [path]
            parts = tuple(_remote(piece, url, old) for piece, old in zip(pieces, archive.parts, strict=True))
            archives.append(replace(archive, parts=parts))
        return replace(self.corpus, archives=tuple(archives))


def _remote(path: Path, url: str, old: Remote) -> Remote:
    assert path.name == old.name
    algorithm = old.checksum.partition(":")[0]
    data = path.read_bytes()
    checksum = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
    return Remote(url=f"{url}/{path.name}?download=1", checksum=checksum, size_bytes=len(data))


def packed_zip(content: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def packed_tar(content: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


def sound(number: int, *, form: str = "WAV") -> bytes:
    """A few samples, of another content for each number."""
    buffer = io.BytesIO()
    samples = np.random.default_rng(number).normal(0, 0.1, 2400 if form == "MP3" else 80)
    soundfile.write(buffer, samples, 16000, format=form)
    return buffer.getvalue()


def _prefixed(prefix: str, files: Files) -> Files:
    return {f"{prefix}{name}": data for name, data in files.items()}


def _sounds(names: list[str], *, form: str = "WAV") -> Files:
    return {name: sound(number, form=form) for number, name in enumerate(names)}


def _esc50(name: str) -> Small:
    rows = [("1-10-A-0.wav", 1, 0, "dog", True, 10, "A"), ("1-10-B-0.wav", 1, 0, "dog", True, 10, "B")]
    rows += [("2-20-A-0.wav", 2, 0, "dog", True, 20, "A"), ("1-30-A-5.wav", 1, 5, "cat", False, 30, "A")]
    rows += [("2-40-A-5.wav", 2, 5, "cat", False, 40, "A"), ("1-50-A-1.wav", 1, 1, "rooster", True, 50, "A")]
    rows += [("2-60-A-1.wav", 2, 1, "rooster", True, 60, "A")]
    header = "filename,fold,target,category,esc10,src_file,take"
    table = "\n".join([header, *(",".join(map(str, row)) for row in rows)]).encode()
    files = {"meta/esc50.csv": table, "README.md": b"ESC-50", **_sounds([f"audio/{row[0]}" for row in rows])}
    archive = CORPORA[name].archives[0].parts[0].name
    prefix = f"ESC-50-{archive.removesuffix('.zip')}/"
    return Small(CORPORA[name], {archive: _prefixed(prefix, files)}, files)


def _urbansound8k() -> Small:
    rows = [("7-0-0-0.wav", 7, 1, 0, "air_conditioner"), ("7-0-0-1.wav", 7, 1, 0, "air_conditioner")]
    rows += [("8-3-0-0.wav", 8, 1, 3, "dog_bark"), ("9-0-0-0.wav", 9, 2, 0, "air_conditioner")]
    rows += [("11-3-0-0.wav", 11, 2, 3, "dog_bark")]
    header = "slice_file_name,fsID,start,end,salience,fold,classID,class"
    lines = [f"{file},{recording},0.0,4.0,1,{fold},{number},{label}" for file, recording, fold, number, label in rows]
    files = {"metadata/UrbanSound8K.csv": "\n".join([header, *lines]).encode(), "UrbanSound8K_README.txt": b"readme"}
    files |= _sounds([f"audio/fold{row[2]}/{row[0]}" for row in rows])
    litter = {"UrbanSound8K/audio/.DS_Store": b"litter", "UrbanSound8K/._audio": b"litter"}
    return Small(
        CORPORA["urbansound8k"], {"UrbanSound8K.tar.gz": {**litter, **_prefixed("UrbanSound8K/", files)}}, files
    )


def _fsdd() -> Small:
    names = [
        f"recordings/{digit}_{who}_{take}.wav"
        for digit in (0, 7)
        for who in ("theo", "lucas")
        for take in (0, 4, 5, 49)
    ]
    files = {"metadata.py": b"metadata = {}", **_sounds(names)}
    return Small(CORPORA["fsdd"], {"v1.0.10.zip": _prefixed("free-spoken-digit-dataset-1.0.10/", files)}, files)


def _speech_commands() -> Small:
    names = [
        f"{word}/{who}_nohash_{take}.wav" for word in ("bed", "yes") for who in ("0a", "0b", "0c") for take in (0, 1)
    ]
    files = _sounds(names)
    files["_background_noise_/pink_noise.wav"] = sound(99)
    files["testing_list.txt"] = "".join(f"{name}\n" for name in names if "/0b_" in name).encode()
    files["validation_list.txt"] = "".join(f"{name}\n" for name in names if "/0c_" in name).encode()
    return Small(CORPORA["speech_commands"], {"speech_commands_v0.02.tar.gz": _prefixed("./", files)}, files)


def _yesno() -> Small:
    files = _sounds([f"waves_yesno/{name}.wav" for name in ("0_0_0_0_1_1_1_1", "1_1_1_1_1_1_1_1", "0_0_0_0_0_0_0_0")])
    files["waves_yesno/README"] = b"readme"
    return Small(CORPORA["yesno"], {"waves_yesno.tar.gz": files}, files)


def _fsd50k() -> Small:
    vocabulary = '0,Bark,/m/05tny_\n1,Dog,/m/0bt9lr\n2,"Rain",/m/06mb1\n'
    dev = 'fname,labels,mids,split\n100,"Bark,Dog","/m/05tny_,/m/0bt9lr",train\n101,Rain,/m/06mb1,train\n'
    dev += '102,"Bark,Dog","/m/05tny_,/m/0bt9lr",val\n103,Rain,/m/06mb1,train\n'
    evaluation = 'fname,labels,mids\n200,"Bark,Dog","/m/05tny_,/m/0bt9lr"\n201,"Dog,Rain","/m/0bt9lr,/m/06mb1"\n'
    uploaders = {"dev": {100: "ann", 101: "ann", 102: "bob", 103: "eve"}, "eval": {200: "eve", 201: "joe"}}
    archives: dict[str, Files] = {
        "FSD50K.ground_truth.zip": {
            "FSD50K.ground_truth/vocabulary.csv": vocabulary.encode(),
            "FSD50K.ground_truth/dev.csv": dev.encode(),
            "FSD50K.ground_truth/eval.csv": evaluation.encode(),
        },
        "FSD50K.metadata.zip": {
            f"FSD50K.metadata/{part}_clips_info_FSD50K.json": json.dumps(
                {str(clip): {"title": "x", "license": "http://cc0", "uploader": who} for clip, who in clips.items()}
            ).encode()
            for part, clips in uploaders.items()
        },
        "FSD50K.doc.zip": {"FSD50K.doc/README.md": b"readme"},
    }
    for part, clips in uploaders.items():
        archives[f"FSD50K.{part}_audio.zip"] = _sounds([f"FSD50K.{part}_audio/{clip}.wav" for clip in clips])
    for number, files in enumerate(archives.values()):
        for name in files:
            if name.endswith(".wav"):  # other sounds in dev than in eval
                files[name] = sound(1000 * number + int(name[-7:-4]))
    return Small(CORPORA["fsd50k"], archives, {k: v for files in archives.values() for k, v in files.items()})


def _fma_small() -> Small:
    columns = [
        ("", ""),
        ("album", "comments"),
        ("artist", "bio"),
        ("artist", "id"),
        ("set", "split"),
        ("set", "subset"),
    ]
    columns += [("track", "genre_top"), ("track", "license")]
    rows = [(2, 0, 'prose, "quoted"\nin two lines', 1, "training", "small", "Hip-Hop", "CC BY-NC-SA 3.0")]
    rows += [(5, 0, "", 1, "training", "small", "Hip-Hop", "CC BY 4.0"), (10, 0, "", 6, "test", "small", "Rock", "CC0")]
    rows += [(140, 0, "", 7, "validation", "small", "Rock", ""), (141, 0, "", 8, "training", "large", "", "")]
    rows += [
        (1000, 0, "x" * 200_000, 9, "training", "small", "Rock", ""),
        (1001, 0, "", 10, "test", "small", "Hip-Hop", ""),
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([topic for topic, _ in columns])
    writer.writerow([name for _, name in columns])
    writer.writerow(["track_id"] + [""] * (len(columns) - 1))
    writer.writerows(rows)
    names = [f"{number:06}" for number, *_, subset, _, _ in rows if subset == "small"]
    tracks = _sounds([f"{name[:3]}/{name}.mp3" for name in names], form="MP3")
    sums = "".join(f"{hashlib.sha1(data).hexdigest()}  {name}\n" for name, data in tracks.items())
    audio = _prefixed("fma_small/", {"checksums": sums.encode(), "README.txt": b"readme", **tracks})
    metadata = {"fma_metadata/tracks.csv": text.getvalue().encode(), "fma_metadata/README.txt": b"readme"}
    return Small(CORPORA["fma_small"], {"fma_metadata.zip": metadata, "fma_small.zip": audio}, {**metadata, **audio})


SMALL: dict[str, Callable[[], Small]] = {
    "esc10": lambda: _esc50("esc10"),
    "esc50": lambda: _esc50("esc50"),
    "urbansound8k": _urbansound8k,
    "fsdd": _fsdd,
    "speech_commands": _speech_commands,
    "yesno": _yesno,
    "fsd50k": _fsd50k,
    "fma_small": _fma_small,
}
