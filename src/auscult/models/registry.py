"""Named models: what they are, where they come from, and their files.

A name is a word in a table. `load("yamnet")` fetches the file once, into the models' folder of `auscult.home`, and
checks it against the table each time, so a name always means the same bytes. A further model is a row in `MODELS`, and
nothing else: the tests run over the table.
"""

from __future__ import annotations

import difflib
import os
import shutil
import urllib.parse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from auscult.errors import DownloadError, ModelFileError, UsageError
from auscult.files import Expected, atomic_path
from auscult.home import home_folder

# What `auscult classify` uses where no model is named, and what serves people where that cannot be had.
DEFAULT_MODEL = "yamnet"
STARTER_MODEL = "starter"


@dataclass(frozen=True, kw_only=True)
class NamedModel:
    """A row of the table.

    Attributes
    ----------
    name : a word, without a dot or a slash, which files have
    summary : what it is, in a line
    n_classes : how many labels it knows
    sample_rate : Hz, of the sound it takes
    window_s, hop_s : seconds that it hears at once, and from the start of a window to the next
    licence : of the weights, as an SPDX name
    origin : page of those who made it
    paper : what to cite
    url : of the file, https; "" where it is in the package
    sha256 : of the file, 64 hexadecimal digits in lower case
    size_bytes : of the file
    packaged : path of the file inside the package `auscult`, with slashes; None: it is fetched
    """

    name: str
    summary: str
    n_classes: int
    sample_rate: int
    window_s: float
    hop_s: float
    licence: str
    origin: str
    paper: str
    url: str
    sha256: str
    size_bytes: int
    packaged: str | None = None

    @property
    def expected(self) -> Expected:
        """What its file must be."""
        return Expected(f"sha256:{self.sha256}", self.size_bytes)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


_YAMNET = NamedModel(
    name="yamnet",
    summary="521 kinds of sound, from speech and music to alarms and animals (AudioSet's ontology)",
    n_classes=521,
    sample_rate=16000,
    window_s=0.975,
    # Half of the 0.96 s that are between the starts of non-overlapping patches of frames, as in the original.
    hop_s=0.48,
    licence="Apache-2.0",
    origin="https://github.com/tensorflow/models/tree/master/research/audioset/yamnet",
    paper="Network: Howard et al. 2017, MobileNets, arXiv:1704.04861. Data: Gemmeke et al. 2017, Audio Set: An "
    "ontology and human-labeled dataset for audio events, ICASSP, doi:10.1109/ICASSP.2017.7952261",
    url="https://storage.googleapis.com/mediapipe-assets/tasks/testdata/audio/"
    "yamnet_audio_classifier_with_metadata.tflite",
    sha256="10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de",
    size_bytes=4_126_810,
)

# Built by `python -m tools.starter`, which prints its hash and size.
_STARTER = NamedModel(
    name=STARTER_MODEL,
    summary="ten everyday sounds (ESC-10), and unknown for all others; small, in the package, to try things with",
    n_classes=11,
    sample_rate=32000,
    window_s=5.01,
    hop_s=2.505,
    licence="CC-BY-3.0",
    origin="https://github.com/karolpiczak/ESC-50",
    paper="Data: Piczak 2015, ESC: Dataset for Environmental Sound Classification, ACM Multimedia, "
    "doi:10.1145/2733373.2806390",
    url="",
    sha256="4aca9d927c74832253788400f009b7f422fa6c84d08c307aba58e3a78934b8e0",
    size_bytes=2_494_540,
    packaged="models/starter/starter.onnx",
)

MODELS: dict[str, NamedModel] = {model.name: model for model in (_YAMNET, _STARTER)}


def named_model(name: str) -> NamedModel:
    """The row of `name`.

    Raises
    ------
    UsageError : where the table has no such name
    """
    if name in MODELS:
        return MODELS[name]
    close = difflib.get_close_matches(name.lower(), MODELS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"they are {', '.join(sorted(MODELS))}."
    raise UsageError(f"{name!r} is not the name of a model, nor a model file; {hint}")


def model_file(name: str, *, quiet: bool = False) -> Path:
    """The file of a named model, fetched if it is not here yet.

    Raises
    ------
    UsageError : where there is no model of that name
    DownloadError : where it has to be fetched and cannot be
    OutputError : where it has to be fetched and cannot be kept
    """
    model = named_model(name)
    if model.packaged is not None:
        return _packaged_file(model)
    if (kept := _kept_where_right(model)) is not None:
        return kept
    # Imported here: what speaks to servers takes longer to import than the file to be looked at.
    from auscult.downloads import download

    try:
        return download(
            model.url, _kept_file(model), sha256=model.sha256, size_bytes=model.size_bytes, name=name, quiet=quiet
        )
    except DownloadError as error:
        problem = f"this model is not here yet, and could not be fetched from {model.url}: {error.problem}"
        raise DownloadError(name, error.kind, problem, f"{error.next_step}, {_other_ways(name)}") from error


def cached_file(name: str) -> Path | None:
    """The file of a named model where it is here, whole and right, else None.

    Raises
    ------
    UsageError : where there is no model of that name
    """
    model = named_model(name)
    if model.packaged is not None:
        return _packaged_file(model)
    return _kept_where_right(model)


def import_file(name: str, path: str | os.PathLike[str]) -> Path:
    """Take a copy of a named model's file that came some other way; where it is then kept.

    Raises
    ------
    UsageError : where there is no model of that name
    ModelFileError : where `path` cannot be read, or is not that file
    OutputError : where it cannot be kept
    """
    model = named_model(name)
    path = Path(path)
    try:
        # That it cannot be read, or is a folder, is another mistake than that it is another file.
        path.open("rb").close()
        difference = model.expected.difference(path)
    except OSError as error:
        raise ModelFileError(
            f"{path}: cannot be read ({error.strerror or error}); give the file of the model {name!r}"
        ) from error
    if difference:
        place = f"it is at {model.url}" if model.url else "it is in the package"
        raise ModelFileError(f"{path}: is not the file of the model {name!r}: {difference}; {place}")
    if model.packaged is not None:
        return _packaged_file(model)
    kept = _kept_file(model)
    with atomic_path(kept, remedy="set AUSCULT_HOME to a folder that can be") as temporary:
        shutil.copyfile(path, temporary)
    return kept


def _kept_where_right(model: NamedModel) -> Path | None:
    path = _kept_file(model)
    return path if path.is_file() and not model.expected.difference(path) else None


def _other_ways(name: str) -> str:
    ways = f"or bring the file from elsewhere: auscult models get {name} --from FILE"
    if STARTER_MODEL in MODELS:
        ways += f", or choose another model, such as {STARTER_MODEL!r}, which is in the package"
    return ways


def _kept_file(model: NamedModel) -> Path:
    # Another auscult may know other bytes by the same name: both are kept.
    ending = Path(urllib.parse.urlsplit(model.url).path).suffix
    return home_folder("models") / f"{model.name}-{model.sha256[:12]}{ending}"


def _packaged_file(model: NamedModel) -> Path:
    return Path(__file__).parents[1] / str(model.packaged)
