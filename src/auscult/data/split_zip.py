"""A zip in several pieces (``.z01``, ``.z02``, ..., ``.zip``), read as if it were one.

`zipfile` reads one file whose index counts from its beginning. In a split zip each place is a piece and an offset in
it. So the pieces are read as one long file, and behind its end, in memory, stands the index once more with the places
counted from the beginning: what ``zip -s 0`` writes to the disk, without the disk. The layout is that of PKWARE's
APPNOTE.TXT, sections 4.3.12 to 4.3.16 and 4.5.3; names in capitals there are given here in words.
"""

from __future__ import annotations

import io
import struct
import zipfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s4B4H3L5H2L")
_EXTRA = struct.Struct("<2H")
_MAX_COMMENT = (1 << 16) - 1
_ZIP64_EXTRA = 1
_IN_EXTRA_16, _IN_EXTRA_32 = 0xFFFF, 0xFFFFFFFF


@contextmanager
def open_split_zip(parts: Sequence[Path]) -> Iterator[zipfile.ZipFile]:
    """Open the pieces of a split zip.

    Parameters
    ----------
    parts : all pieces, in order; the one that ends with ``.zip`` is the last

    Raises
    ------
    zipfile.BadZipFile : where these are not all the pieces of one archive
    OSError : where one cannot be read
    """
    with ExitStack() as stack:
        files = [stack.enter_context(open(part, "rb")) for part in parts]
        sizes = [part.stat().st_size for part in parts]
        begins = list(accumulate(sizes, initial=0))
        pieces = _Joined(files, begins)
        index = _whole_index(pieces, begins)
        tail = io.BytesIO(index)
        yield stack.enter_context(zipfile.ZipFile(_Joined([*files, tail], [*begins, begins[-1] + len(index)])))


class _Joined(io.RawIOBase, BinaryIO):
    """Files one behind the other, to read from. `begins` says where each begins, and last where all end."""

    def __init__(self, files: Sequence[BinaryIO], begins: Sequence[int]) -> None:
        super().__init__()
        self._files = files
        self._begins = begins
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._begins[-1]}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        end = self._begins[-1] if size is None or size < 0 else min(self._begins[-1], self._position + size)
        blocks = []
        while self._position < end:
            which = bisect_right(self._begins, self._position) - 1
            file, begin = self._files[which], self._begins[which]
            file.seek(self._position - begin)
            block = file.read(min(end, self._begins[which + 1]) - self._position)
            if not block:
                raise EOFError("a piece has become shorter while it was read")
            blocks.append(block)
            self._position += len(block)
        return b"".join(blocks)


def _whole_index(pieces: _Joined, begins: Sequence[int]) -> bytes:
    """The index of the pieces, with places that count from the beginning of the first."""
    n_entries, begin, n_bytes = _find_index(pieces, begins)
    pieces.seek(begin)
    old = pieces.read(n_bytes)
    if len(old) != n_bytes:
        raise zipfile.BadZipFile("the index of the split archive is cut off")
    new, position = bytearray(), 0
    for _ in range(n_entries):
        entry, position = _with_place_from_the_beginning(old, position, begins)
        new += entry
    size, place = len(new), begins[-1]
    new += _END_64.pack(b"PK\x06\x06", _END_64.size - 12, 45, 45, 0, 0, n_entries, n_entries, size, place)
    new += _LOCATOR_64.pack(b"PK\x06\x07", 0, place + size, 1)
    new += _END.pack(b"PK\x05\x06", 0, 0, _IN_EXTRA_16, _IN_EXTRA_16, _IN_EXTRA_32, _IN_EXTRA_32, 0)
    return bytes(new)


def _find_index(pieces: _Joined, begins: Sequence[int]) -> tuple[int, int, int]:
    """How many entries the index has, where it begins, and its size."""
    total = begins[-1]
    tail_begin = max(0, total - _END.size - _MAX_COMMENT - _LOCATOR_64.size)
    pieces.seek(tail_begin)
    tail = pieces.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise zipfile.BadZipFile("the last piece of the split archive has no index")
    _, last_piece, piece, _, n_entries, n_bytes, offset, _ = _END.unpack_from(tail, at)
    locator_at = at - _LOCATOR_64.size
    if locator_at >= 0 and tail[locator_at : locator_at + 4] == b"PK\x06\x07":
        _, end_piece, end_offset, n_pieces = _LOCATOR_64.unpack_from(tail, locator_at)
        last_piece = n_pieces - 1
        _check_pieces(last_piece, begins)
        pieces.seek(_place(begins, end_piece, end_offset))
        record = pieces.read(_END_64.size)
        if len(record) != _END_64.size or record[:4] != b"PK\x06\x06":
            raise zipfile.BadZipFile("the index of the split archive is not where it should be")
        *_, piece, _, n_entries, n_bytes, offset = _END_64.unpack(record)
    _check_pieces(last_piece, begins)
    return n_entries, _place(begins, piece, offset), n_bytes


def _check_pieces(last_piece: int, begins: Sequence[int]) -> None:
    if last_piece + 1 != len(begins) - 1:
        raise zipfile.BadZipFile(f"the split archive has {last_piece + 1} pieces, and {len(begins) - 1} are here")


def _place(begins: Sequence[int], piece: int, offset: int) -> int:
    if not 0 <= piece < len(begins) - 1 or not 0 <= offset <= begins[piece + 1] - begins[piece]:
        raise zipfile.BadZipFile("the split archive speaks of a piece that is not here, or of a place beyond its end")
    return begins[piece] + offset


def _with_place_from_the_beginning(old: bytes, position: int, begins: Sequence[int]) -> tuple[bytes, int]:
    """An entry of the index with its place as one number, in 64 bits; and where the next entry begins."""
    if position + _ENTRY.size > len(old) or old[position : position + 4] != b"PK\x01\x02":
        raise zipfile.BadZipFile("the index of the split archive is damaged")
    fields = list(_ENTRY.unpack_from(old, position))
    compressed, size, name_bytes, extra_bytes, comment_bytes, piece = fields[10:16]
    offset = fields[18]
    begin = position + _ENTRY.size
    name = old[begin : begin + name_bytes]
    extra = old[begin + name_bytes : begin + name_bytes + extra_bytes]
    end = begin + name_bytes + extra_bytes + comment_bytes
    if end > len(old):
        raise zipfile.BadZipFile("the index of the split archive is damaged")
    wide, rest = _split_extra(extra)
    size, wide = _from_extra(size, _IN_EXTRA_32, wide, 8)
    compressed, wide = _from_extra(compressed, _IN_EXTRA_32, wide, 8)
    offset, wide = _from_extra(offset, _IN_EXTRA_32, wide, 8)
    piece, wide = _from_extra(piece, _IN_EXTRA_16, wide, 4)
    content = struct.pack("<3Q", size, compressed, _place(begins, piece, offset))
    new_extra = _EXTRA.pack(_ZIP64_EXTRA, len(content)) + content + rest
    if len(new_extra) > _MAX_COMMENT:
        raise zipfile.BadZipFile("the index of the split archive is damaged")
    fields[10:16] = [_IN_EXTRA_32, _IN_EXTRA_32, name_bytes, len(new_extra), 0, 0]
    fields[18] = _IN_EXTRA_32
    return _ENTRY.pack(*fields) + name + new_extra, end


def _split_extra(extra: bytes) -> tuple[bytes, bytes]:
    """The content of the field for 64-bit numbers, and all other fields as they are."""
    wide, rest, position = b"", b"", 0
    while position + _EXTRA.size <= len(extra):
        kind, n_bytes = _EXTRA.unpack_from(extra, position)
        end = position + _EXTRA.size + n_bytes
        if kind == _ZIP64_EXTRA:
            wide = extra[position + _EXTRA.size : end]
        else:
            rest += extra[position:end]
        position = end
    return wide, rest


def _from_extra(value: int, marker: int, wide: bytes, n_bytes: int) -> tuple[int, bytes]:
    """A number, or, where the entry has a marker in its place, the next one of the field for 64-bit numbers."""
    if value != marker or len(wide) < n_bytes:
        return value, wide
    return int.from_bytes(wide[:n_bytes], "little"), wide[n_bytes:]
