"""A network's graph, exported once for many heads.

To trace a network into a graph takes seconds; another head on the same body is two other tensors. So the graph is kept,
under a digest of everything in it but the head, and each head goes into a copy of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from auscult.export.onnx import OPSET, single_windows, to_onnx, windows_in_a_row, write_compared
from auscult.models.modelfile import ModelSpec
from auscult.models.nets.waveform_net import WaveformNet

# What of this package a graph is made by, under its folder: files, and folders of them.
GRAPH_CODE = ("export/onnx.py", "features", "models/nets")


@dataclass(frozen=True)
class Graph:
    """A model file with an untrained head at `path`; `digest` names its front end, body and window."""

    path: Path
    digest: str


def exported_graph(net: WaveformNet, spec: ModelSpec, folder: Path) -> Graph:
    """The graph of `net`, exported unless `folder` has it.

    Parameters
    ----------
    net : in evaluation mode; the weights of its head do not matter
    spec : with the net's window and number of classes
    folder : made when it is needed; may be deleted whenever nothing uses it

    Raises
    ------
    AuscultError : where the graph does not do what the network does, see `export.onnx.write_model_file`
    """
    digest = graph_digest(net, spec)
    path = folder / f"{digest}.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_compared(path, to_onnx(net, spec), net, spec, [*single_windows(spec), *windows_in_a_row(spec)])
    return Graph(path, digest)


def graph_digest(net: WaveformNet, spec: ModelSpec) -> str:
    """Of all that the graph depends on but the head's weights: 32 hexadecimal digits.

    The code that builds it counts too: a version may be installed over itself, and in a working copy code changes from
    one training to the next.
    """
    from importlib.metadata import version

    digest = hashlib.sha256()
    head = [tuple(values.shape) for values in net.head.state_dict().values()]
    packages = [version(name) for name in ("auscult", "torch", "onnx", "onnxscript")]
    if any(type(module).__module__.startswith("transformers.") for module in net.modules()):
        packages.append(version("transformers"))
    parts = [repr(net), net.features, head, spec.window_samples, spec.heads[0].task, OPSET, packages, code_digest()]
    digest.update(repr(parts).encode())
    for name, values in net.state_dict().items():
        if not name.startswith("head."):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(values.detach().cpu().numpy()).data)
    return digest.hexdigest()[:32]


@cache
def code_digest(package: Path = Path(__file__).parents[1]) -> str:
    """Of the source of `GRAPH_CODE` in the folder of the package; read once in a process."""
    digest = hashlib.sha256()
    for path in _sources(package):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _sources(package: Path) -> Iterator[Path]:
    for place in GRAPH_CODE:
        yield from [package / place] if place.endswith(".py") else sorted((package / place).rglob("*.py"))
