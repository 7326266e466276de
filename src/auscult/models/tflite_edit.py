"""A .tflite changed in memory: with one more output, so that a classifier gives its embedding too; without first steps.

The vector that a classifier's last layer starts from is inside the graph, and TensorFlow Lite promises
outputs alone: a delegate may join steps so that what lies between them is never made. It can be told to keep
all tensors (`experimental_preserve_all_tensors`), which is meant for debugging, says so in a warning each
time, and takes more memory (YAMNet: 6.9 MB an interpreter instead of 5.3, at the same speed). So the tensor
is made an output, by the smallest change that a FlatBuffer allows. A vector of a FlatBuffer may lie anywhere
after the field that points to it: the new list of outputs is appended to the file, and the subgraph's
distance to its list is set to it. Nothing moves, not a byte of the weights changes, and the old list remains
where it was, unread.

A graph that begins behind some of its steps (see `tflite_spectrum`) is made alike: the list of steps is
shortened where it lies, by writing the new count over the last entry that goes, and the list of inputs is
a new one.

The file on disk is not touched: tools for phones take every output of a classifier for a head of it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from auscult.errors import ModelFileError
from auscult.models.tflite_file import TfliteFile, TfliteSubgraph

_MAX_DISTANCE = 2**31
# Fields of a subgraph, by their number in the schema.
_INPUTS, _OUTPUTS, _OPERATORS = 1, 2, 3


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
    return _with_list(file.content, file.main.table.field_position(_OUTPUTS), [*file.main.outputs, tensor])


def beginning_behind(content: bytes, main: TfliteSubgraph, *, n_steps: int, tensor: int) -> bytes:
    """The bytes of the model without its first steps, `tensor` being its only input.

    Parameters
    ----------
    content : the model, perhaps changed already by `with_further_output`
    main : its subgraph that runs, as it was read
    n_steps : how many steps go, at least 1 and fewer than there are
    tensor : number of the tensor that the next step takes

    Raises
    ------
    ModelFileError : where the file is too large for it
    """
    field = main.table.field_position(_OPERATORS)
    if field is None or not 1 <= n_steps < len(main.operators):
        raise ValueError(
            f"The 'n_steps' parameter must be 1 to less than {len(main.operators)}. Got {n_steps} instead."
        )
    (to_list,) = struct.unpack_from("<I", content, field)
    # A list is a count, then for each entry its distance from here: entry k of them stands at 4 + 4 * k.
    count_at = field + to_list + 4 * n_steps
    changed = bytearray(content)
    struct.pack_into("<I", changed, count_at, len(main.operators) - n_steps)
    struct.pack_into("<I", changed, field, count_at - field)
    return _with_list(bytes(changed), main.table.field_position(_INPUTS), [tensor])


def _with_list(content: bytes, field: int | None, numbers: Sequence[int]) -> bytes:
    """The bytes with another list of tensors in a field of the subgraph."""
    # FlatBuffers align numbers to their size, from the start of the file.
    content += bytes(-len(content) % 4)
    if field is None or len(content) - field >= _MAX_DISTANCE:
        raise ModelFileError("its lists of inputs and outputs cannot be changed; export the model again, under 2 GiB")
    vector = struct.pack(f"<I{len(numbers)}i", len(numbers), *numbers)
    distance = struct.pack("<I", len(content) - field)
    return b"".join([content[:field], distance, content[field + 4 :], vector])
