"""The table of clips: its columns, what identifies a clip, and the words for the parts of a split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import Any, Literal

from auscult.audio import Source, probe
from auscult.data.sounds import Sounds
from auscult.extras import require_extra
from auscult.features import PICTURE_SUFFIXES

Task = Literal["single_label", "multi_label"]
Medium = Literal["sound", "picture"]
CorpusKind = Literal["esc50", "urbansound8k", "fsdd", "speech_commands", "yesno", "fsd50k", "fma_small"]
SourceKind = (
    CorpusKind
    | Literal["split_folders", "class_folders", "audiofolder", "csv", "annotations", "files", "arrays", "table"]
)

# In a table on disk: a clip that is in no part of the split.
LEFT_OUT = "left_out"

# Spellings of the split names, as Hugging Face's audiofolder reads them.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}

CONTENT_HASH_DIGITS = 32
# Of a dataset of pictures: the id of the clip that each is a picture of, where the picture says so.
PICTURE_OF = "picture_of"


def clip_schema() -> Any:
    """The columns every `Dataset` has, as a `pyarrow.Schema`; a table may hold more.

    ============  ==============================  ==========================================================
    clip_id       string                          `make_clip_id`: content and range
    uri           string                          path under the dataset's root, with ``/``, as on the disk
    start, end    int64 or null                   range in samples at the file's own rate; null: all of it
    labels        list of {id, weight} or null    weights in [0, 1]; null: not labelled
    split         string or null                  ``train``, ``validation`` or ``test`` where given
    fold          int32 or null                   official fold where there is one
    group         string or null                  clips of one recording share it
    sample_rate   int32 or null                   of the file, in Hz; null: a picture
    n_frames      int64 or null                   samples per channel in the whole file; null: a picture, or not known
    ============  ==============================  ==========================================================
    """
    pa = require_extra("pyarrow", extra="data", purpose="reading datasets")
    label = pa.struct([pa.field("id", pa.string()), pa.field("weight", pa.float32())])
    return pa.schema(
        [
            pa.field("clip_id", pa.string(), nullable=False),
            pa.field("uri", pa.string(), nullable=False),
            pa.field("start", pa.int64()),
            pa.field("end", pa.int64()),
            pa.field("labels", pa.list_(label)),
            pa.field("split", pa.string()),
            pa.field("fold", pa.int32()),
            pa.field("group", pa.string()),
            pa.field("sample_rate", pa.int32()),
            pa.field("n_frames", pa.int64()),
        ]
    )


def schema_names() -> frozenset[str]:
    """The names of `clip_schema`'s columns."""
    return frozenset(clip_schema().names)


def medium_of(uri: str | PurePath) -> Medium:
    """What a file holds, by its ending: a picture or array of a sound, or a sound.

    Examples
    --------
    >>> medium_of("dog/1.PNG"), medium_of("dog/1.npy"), medium_of("dog/1.wav"), medium_of("dog/1")
    ('picture', 'picture', 'sound', 'sound')
    """
    suffix = (uri if isinstance(uri, PurePath) else PurePosixPath(uri)).suffix
    return "picture" if suffix.lower() in PICTURE_SUFFIXES else "sound"


def make_clip_id(content_sha256: str, start: int | None = None, end: int | None = None) -> str:
    """Identity of a clip: what its file holds, and which samples of it; never what the file is called.

    Examples
    --------
    >>> make_clip_id("ab" * 32)
    'abababababababababababababababab'
    >>> make_clip_id("ab" * 32, 0, 16000)
    'abababababababababababababababab:0-16000'
    >>> make_clip_id("ab" * 32, 16000)
    'abababababababababababababababab:16000-'
    """
    content_hash = content_sha256[:CONTENT_HASH_DIGITS]
    if start is None and end is None:
        return content_hash
    return f"{content_hash}:{start or 0}-{'' if end is None else end}"


@dataclass(frozen=True)
class Clip:
    """One row of a dataset. `labels` are the ids with a weight above zero, None for a clip without labels."""

    clip_id: str
    uri: str
    sounds: Sounds
    start: int | None
    end: int | None
    labels: tuple[str, ...] | None
    split: str | None
    fold: int | None
    group: str | None
    sample_rate: int | None
    n_frames: int | None

    @property
    def source(self) -> Source:
        """The sound that the clip is, or is a part of: a path, where it is a file; new at each call."""
        return self.sounds.source(self.uri, self.content_hash)

    @property
    def name(self) -> str:
        """What messages call the clip: where it lies, and which part of that it is.

        Examples
        --------
        >>> from pathlib import Path
        >>> from auscult.data.sounds import FolderSounds
        >>> folder = FolderSounds(Path("sounds"))
        >>> Clip("0a:8000-", "a.wav", folder, 8000, None, ("dog",), None, None, None, 16000, None).name
        'a.wav (0.5 s to its end)'
        """
        if self.start is None and self.end is None:
            return self.uri
        start_s, end_s = self.range_s()
        return f"{self.uri} ({start_s:g} s to {'its end' if end_s is None else f'{end_s:g} s'})"

    @property
    def content_hash(self) -> str:
        """Hash of the whole file, whatever the range."""
        return content_hash_of(self.clip_id)

    def range_s(self) -> tuple[float, float | None]:
        """The clip's part of its file in seconds; (0, None) for all of it.

        Raises
        ------
        InputError : where the rate has to be read from the file, and cannot be

        Examples
        --------
        >>> from pathlib import Path
        >>> from auscult.data.sounds import FolderSounds
        >>> folder = FolderSounds(Path("sounds"))
        >>> Clip("0a:8000-", "a.wav", folder, 8000, None, ("dog",), None, None, None, 16000, None).range_s()
        (0.5, None)
        """
        if self.start is None and self.end is None:
            return 0.0, None
        rate = self.sample_rate or probe(self.source).sample_rate
        return (self.start or 0) / rate, None if self.end is None else self.end / rate


def content_hash_of(clip_id: str) -> str:
    """The part of a clip's id that names the content of its file."""
    return clip_id.partition(":")[0]
