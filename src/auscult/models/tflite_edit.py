"""A .tflite with one more output, made in memory: so a classifier gives its embedding too.

The vector that a classifier's last layer starts from is inside the graph, and TensorFlow Lite promises
outputs alone: a delegate may join steps so that what lies between them is never made. It can be told to keep
all tensors (`experimental_preserve_all_tensors`), which is meant for debugging, says so in a warning each
time, and takes more memory (YAMNet: 6.9 MB an interpreter instead of 5.3, at the same speed). So the tensor
is made an output, by the smallest change that a FlatBuffer allows. A vector of a FlatBuffer may lie anywhere
after the field that points to it: the new list of outputs is appended to the file, and the subgraph's
distance to its list is set to it. Nothing moves, not a byte of the weights changes, and the old list remains
where it was, unread.

The file on disk is not touched: tools for phones take every output of a classifier for a head of it.
"""

from __future__ import annotations

import struct

from auscult.errors import ModelFileError
from auscult.models.tflite_file import TfliteFile

_MAX_DISTANCE = 2**31


def with_further_output(file: TfliteFile, tensor: int) -> bytes:
    """The bytes of the model with `tensor` as its last output.

    Parameters
    ----------
    file : the model
    tensor : number of a tensor of `file.main`

    Raises
    ------
    ModelFileError : where the file is too large for it, or its subgraph has no list of outputs
    """
    field = file.main.table.field_position(2)
    # FlatBuffers align numbers to their size, from the start of the file.
    content = file.content + bytes(-len(file.content) % 4)
    if field is None or len(content) - field >= _MAX_DISTANCE:
        raise ModelFileError("its list of outputs cannot be added to; export the model again, under 2 GiB")
    outputs = [*file.main.outputs, tensor]
    vector = struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs)
    distance = struct.pack("<I", len(content) - field)
    return b"".join([content[:field], distance, content[field + 4 :], vector])
