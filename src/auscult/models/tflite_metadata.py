"""What the TFLite metadata in a .tflite says: rate and channels of the sound, and labels of each output.

The metadata is a FlatBuffer of its own inside the file, under the name TFLITE_METADATA, whose schema is
`metadata_schema.fbs` of the TFLite Support library (https://github.com/tensorflow/tflite-support). Fields
stand here by their number in that schema, as `flatbuffer` explains. Lists of labels are files that are packed
beside the model.
"""

from __future__ import annotations

from dataclasses import dataclass

from auscult.errors import ModelFileError
from auscult.models.flatbuffer import FlatBufferError, Table, read_root
from auscult.models.tflite_calibration import ScoreCalibration, read_calibration
from auscult.models.tflite_file import TfliteFile

METADATA_NAME = "TFLITE_METADATA"
IDENTIFIER = b"M001"
# Members of the unions ContentProperties and ProcessUnitOptions, and of the enum AssociatedFileType.
_AUDIO_PROPERTIES = 4
_CALIBRATION_OPTIONS, _THRESHOLDING_OPTIONS = 2, 3
_AXIS_LABELS, _AXIS_CALIBRATION = 2, 4
# Far above real models, whose outputs are counted in ones.
_MAX_TENSORS = 1000


@dataclass(frozen=True)
class OutputMetadata:
    """What is said of one output.

    Attributes
    ----------
    name : of the output, or ""
    labels : one a class, as in the first file of labels; empty where there is none
    display_names : locale, such as "en" -> one name a class
    threshold : score from which a label is worth naming; None: not said
    calibration : how scores become comparable between classes; None: they stay as they are
    """

    name: str
    labels: tuple[str, ...]
    display_names: dict[str, tuple[str, ...]]
    threshold: float | None
    calibration: ScoreCalibration | None


@dataclass(frozen=True)
class TfliteMetadata:
    """What is said of a model; "" and None where it is not said.

    `outputs` are in the order of the model's outputs, and may be fewer.
    """

    name: str
    license: str
    sample_rate: int | None
    channels: int | None
    outputs: tuple[OutputMetadata, ...]


def read_metadata(file: TfliteFile) -> TfliteMetadata | None:
    """The metadata of a model; None where it has none.

    Raises
    ------
    ModelFileError : where the metadata is damaged, or names a file that is not packed beside it
    """
    content = file.metadata(METADATA_NAME)
    if content is None:
        return None
    try:
        return _model(read_root(content, identifier=IDENTIFIER), file)
    except FlatBufferError as error:
        raise ModelFileError(f"its metadata is damaged ({error}); fetch another copy") from None


def _model(root: Table, file: TfliteFile) -> TfliteMetadata:
    graphs = root.tables(3) if root.count(3) <= _MAX_TENSORS else []
    audio, outputs = None, []
    if graphs:
        if max(graphs[0].count(2), graphs[0].count(3)) > _MAX_TENSORS:
            raise FlatBufferError("it says it has more inputs or outputs than any model")
        audio = next((found for one in graphs[0].tables(2) if (found := _audio(one)) is not None), None)
        outputs = graphs[0].tables(3)
    return TfliteMetadata(
        name=root.text(0).strip(),
        license=root.text(5).strip(),
        sample_rate=None if audio is None else audio.integer(0, "<u4") or None,
        channels=None if audio is None else audio.integer(1, "<u4") or None,
        outputs=tuple(_output(one, file) for one in outputs),
    )


def _audio(tensor: Table) -> Table | None:
    """AudioProperties of an input."""
    content = tensor.table(3)
    if content is None or content.integer(0, "u1") != _AUDIO_PROPERTIES:
        return None
    return content.table(1)


def _output(tensor: Table, file: TfliteFile) -> OutputMetadata:
    if max(tensor.count(4), tensor.count(6)) > _MAX_TENSORS:
        raise FlatBufferError("an output has more files than any")
    units = {unit.integer(0, "u1"): unit.table(1) for unit in tensor.tables(4)}
    files = [(one.text(0), one.integer(2, "i1"), one.text(3)) for one in tensor.tables(6)]
    lists = [(locale, _lines(file.packed_file(name))) for name, kind, locale in files if kind == _AXIS_LABELS]
    labels = _named(lists[0][1]) if lists else ()
    threshold = units.get(_THRESHOLDING_OPTIONS)
    options = units.get(_CALIBRATION_OPTIONS)
    calibration = None
    if options is not None:
        packed = next((name for name, kind, _ in files if kind == _AXIS_CALIBRATION), None)
        if packed is None:
            raise ModelFileError("its metadata asks for calibrated scores and names no file of parameters for it")
        calibration = read_calibration(
            _text(file.packed_file(packed)),
            n_classes=len(labels),
            transformation=options.integer(0, "i1"),
            default_score=options.number(1),
        )
    return OutputMetadata(
        name=tensor.text(0).strip(),
        labels=labels,
        display_names={locale: names for locale, names in lists if locale and len(names) == len(labels)},
        threshold=None if threshold is None else min(max(threshold.number(0), 0.0), 1.0),
        calibration=calibration,
    )


def _text(content: bytes) -> str:
    return content.decode("utf-8-sig", "replace")


def _lines(content: bytes) -> tuple[str, ...]:
    """The lines of a list of labels. One empty line at the end is the end of the last label's."""
    lines = [line.strip() for line in _text(content).split("\n")]
    return tuple(lines[:-1] if not lines[-1] else lines)


def _named(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines, each made different from those before it: some models name several classes alike, or not at all.

    >>> _named(("dog", "", "dog"))
    ('dog', 'class 1', 'dog (2)')
    """
    found: dict[str, None] = {}
    for i, line in enumerate(lines):
        name = line or f"class {i}"
        found[name if name not in found else f"{name} ({i})"] = None
    return tuple(found)
