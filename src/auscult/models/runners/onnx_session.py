"""A session of ONNX Runtime: one thread on the processor, or a graphics card.

ONNX Runtime reaches graphics cards through *providers*, which come in packages that stand in the place of
`onnxruntime`. What a provider cannot compute falls to the processor; a provider that cannot start at all is passed over
without an error, so it is looked whether it did.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from auscult.errors import MissingExtraError, ModelFileError, UsageError

if TYPE_CHECKING:
    import onnxruntime

CPU_PROVIDER = "CPUExecutionProvider"
# Provider -> its options, in the order in which they are tried. TF32 would round what goes into products to 10 bits.
GPU_PROVIDERS: dict[str, dict[str, str]] = {
    "CUDAExecutionProvider": {"use_tf32": "0"},
    "ROCMExecutionProvider": {},
    "MIGraphXExecutionProvider": {},
    "DmlExecutionProvider": {},
}
ANOTHER = "export the model again, or fetch another copy"
_FATAL_ONLY = 4


def open_session(path: Path, content: bytes, device: str | None) -> tuple[onnxruntime.InferenceSession, str]:
    """A session, and the provider that it runs on.

    Parameters
    ----------
    path : of the model file, for messages
    content : its bytes
    device : see `OpenOptions.device`

    Raises
    ------
    ModelFileError : ONNX Runtime cannot open the model
    MissingExtraError : a graphics card is asked for, and the installed ONNX Runtime knows none
    UsageError : a graphics card is asked for, and none could be started
    """
    import onnxruntime

    if device in ("gpu", "auto"):
        known = [name for name in GPU_PROVIDERS if name in onnxruntime.get_available_providers()]
        for name in known:
            session = _session(path, content, name)
            if session is not None and session.get_providers()[0] == name:
                return session, name
        if device == "gpu":
            if known:
                _on_the_processor(path, content)  # which says so where it is the model that cannot be opened
            raise _no_gpu(known)
    return _on_the_processor(path, content), CPU_PROVIDER


def _session(path: Path, content: bytes, provider: str) -> onnxruntime.InferenceSession | None:
    """A session on a graphics card; None where it cannot be started."""
    import onnxruntime

    options = _options(onnxruntime)
    # DirectML asks for it.
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(
            content, options, providers=[(provider, GPU_PROVIDERS[provider]), CPU_PROVIDER]
        )
    except Exception:  # noqa: BLE001 - whatever a driver says; the processor says what is wrong with a model
        return None


def _on_the_processor(path: Path, content: bytes) -> onnxruntime.InferenceSession:
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(content, _options(onnxruntime), providers=[CPU_PROVIDER])
    except Exception as error:
        raise ModelFileError(
            f"{path}: ONNX Runtime {onnxruntime.__version__} cannot open it ({first_line(error)}); "
            f"{ANOTHER}, or upgrade with: pip install -U onnxruntime"
        ) from error


def _options(onnxruntime: Any) -> Any:
    options = onnxruntime.SessionOptions()
    # With more threads in one call, sums are added in another order: scores would depend on the machine's
    # load.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # Its messages reach the user as exceptions; stderr is the command line's.
    options.log_severity_level = _FATAL_ONLY
    return options


def _no_gpu(known: list[str]) -> Exception:
    if known:
        return UsageError(
            f"A graphics card was asked for, and ONNX Runtime could not start {' or '.join(known)}; see whether the "
            "card's driver and libraries (for NVIDIA, CUDA and cuDNN) are those that this ONNX Runtime asks for, or "
            "do not ask for one."
        )
    return MissingExtraError(
        "running a model on a graphics card needs a package 'onnxruntime-gpu' (NVIDIA) or 'onnxruntime-directml' "
        "(Windows), which is not installed; install it in the place of onnxruntime with: pip uninstall -y onnxruntime "
        "&& pip install onnxruntime-gpu"
    )


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
