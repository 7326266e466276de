"""Zips in several pieces, as PKWARE's APPNOTE lays them out, of any size: the program zip makes none below 64 kB."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path


def write_split_zip(path: Path, content: Mapping[str, bytes], *, n_pieces: int) -> list[Path]:
    """Write `path` and, beside it, ``.z01`` and so on; all pieces in order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data)
        entries = [entry.header_offset for entry in archive.infolist()]
        index_at = archive.start_dir
    whole = buffer.getvalue()
    index = bytearray(whole[index_at:])
    # Four bytes at the beginning say that more pieces follow. Content may be cut anywhere; headers and index may not.
    body = b"PK\x07\x08" + whole[:index_at]
    headers = [(at + 4, at + 4 + 30 + len(name.encode())) for at, name in zip(entries, content, strict=True)]
    cuts = [_cut(len(body) * i // n_pieces, headers) for i in range(1, n_pieces)]
    begins = [0, *cuts]
    position = 0
    for at, _ in headers:
        piece = max(i for i, begin in enumerate(begins) if begin <= at)
        struct.pack_into("<H", index, position + 34, piece)
        struct.pack_into("<L", index, position + 42, at - begins[piece])
        position += 46 + sum(struct.unpack_from("<3H", index, position + 28))
    last = n_pieces - 1
    struct.pack_into("<2H", index, position + 4, last, last)
    struct.pack_into("<H", index, position + 8, len(entries))
    struct.pack_into("<L", index, position + 16, len(body) - begins[last])
    blocks = [body[begin:end] for begin, end in zip(begins, [*cuts, len(body)], strict=True)]
    blocks[-1] += bytes(index)
    paths = [path.with_suffix(f".z{i:02}") for i in range(1, n_pieces)] + [path]
    for piece_path, block in zip(paths, blocks, strict=True):
        piece_path.write_bytes(block)
    return paths


def _cut(at: int, headers: list[tuple[int, int]]) -> int:
    """The nearest place not before `at` that is in no header."""
    return next((end for begin, end in headers if begin < at < end), at)
