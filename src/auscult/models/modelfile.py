"""Reading a model file: an ONNX file with a description of itself, `ModelSpec`, among its metadata."""

from __future__ import annotations

import os
from pathlib import Path

from auscult.errors import ModelFileError
from auscult.models.modelspec import FORMAT_VERSION, HeadSpec, ModelSpec, PictureSpec, Provenance, UnknownSpec
from auscult.models.onnxfile import NotOnnxError, OnnxFile, read_onnx

__all__ = [
    "FORMAT_VERSION",
    "METADATA_KEY",
    "HeadSpec",
    "ModelSpec",
    "PictureSpec",
    "Provenance",
    "UnknownSpec",
    "read_bytes",
    "read_model_file",
    "require_model_file",
]

METADATA_KEY = "auscult"
# A protobuf message, which an ONNX file is, ends here.
_MAX_FILE_BYTES = 2**31 - 1


def read_model_file(path: str | os.PathLike[str]) -> tuple[bytes, ModelSpec]:
    """The bytes of a model file and the description inside.

    No code of the file runs and no other file is opened: a model that points to other files is refused here,
    before a runtime sees it.

    Raises
    ------
    ModelFileError : where the file is missing, unreadable, damaged, of a newer format, or not one of ours
    """
    path = Path(path)
    content = read_bytes(path)
    try:
        onnx = read_onnx(content)
    except NotOnnxError as error:
        raise ModelFileError(f"{path}: {error}; name a model file that auscult wrote, or fetch another copy") from None
    if METADATA_KEY not in onnx.metadata:
        raise ModelFileError(_foreign(path, onnx))
    if onnx.external:
        raise ModelFileError(
            f"{path}: a model file holds its weights itself, this one keeps {len(onnx.external)} of them in "
            f"other files (the first is {onnx.external[0]!r}); export it again as one file"
        )
    try:
        return content, ModelSpec.from_json(onnx.metadata[METADATA_KEY])
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error


def require_model_file(path: Path) -> None:
    """Say what is wrong with a path that names no file of a size that a model may have.

    Raises
    ------
    ModelFileError : for an absent file, a folder, a device, an empty file, or one over 2 GiB
    """
    try:
        problem = _path_problem(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        problem = f"cannot be looked at ({error}); check the path and its permissions"
    if problem:
        raise ModelFileError(f"{path}: {problem}")


def _path_problem(path: Path) -> str | None:
    if path.is_dir():
        return f"is a folder; name the model file inside, as in {path / 'model.onnx'}"
    if not path.is_file():
        problem = "is not a regular file" if path.exists() else "there is no such file"
        return f"{problem}; name a model file that auscult wrote"
    size = path.stat().st_size
    if size > _MAX_FILE_BYTES:
        return "is over 2 GiB, which no model file can be; name another one"
    if size == 0:
        return "the file holds no bytes; train, export or fetch the model again"
    return None


def read_bytes(path: Path) -> bytes:
    """All bytes of a model file.

    Raises
    ------
    ModelFileError : as for `require_model_file`, or where it may not be read
    """
    require_model_file(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _foreign(path: Path, onnx: OnnxFile) -> str:
    return (
        f"{path}: is an ONNX model without auscult's description (metadata key {METADATA_KEY!r}); it takes "
        f"{onnx.inputs} and gives {onnx.outputs}; name a model file that auscult wrote"
    )
