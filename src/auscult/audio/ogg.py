"""Checksums of Ogg pages (RFC 3533, section 6): whether the bytes of a file are those that were written.

Decoders skip a damaged page in silence. Where it is the last one, the sound only ends a little early.
"""

from __future__ import annotations

import io
import zlib
from typing import BinaryIO

from auscult.audio.sources import Source, open_source

_HEADER_BYTES = 27
_CRC = slice(22, 26)
# zlib's CRC runs through bits in the other order than Ogg's, by the same polynomial: so the bits of each byte are
# reversed on the way in, and those of the sum on the way out.
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def damaged_ogg_page(source: Source) -> int | None:
    """Where the first page begins that is not as it was written, in bytes; None for whole files and other formats.

    Raises
    ------
    InputError : the source cannot be opened
    """
    with io.BufferedReader(open_source(source).file) as file:
        return _first_damaged(file) if file.peek(4).startswith(b"OggS") else None


def _first_damaged(file: BinaryIO) -> int | None:
    position = 0
    while header := file.read(_HEADER_BYTES):
        # Some programs append a tag for MP3 players, which harms nobody.
        if header.startswith(b"TAG"):
            return None
        n_segments = header[-1]
        lengths = file.read(n_segments)
        body = file.read(sum(lengths))
        cut_off = len(header) < _HEADER_BYTES or len(lengths) < n_segments or len(body) < sum(lengths)
        if cut_off or not header.startswith(b"OggS"):
            return position
        without_sum = header[: _CRC.start] + bytes(4) + header[_CRC.stop :]
        if _ogg_crc(without_sum + lengths + body) != int.from_bytes(header[_CRC], "little"):
            return position
        position += len(header) + len(lengths) + len(body)
    return None


def _ogg_crc(page: bytes) -> int:
    """
    >>> hex(_ogg_crc(b"123456789"))  # CRC-32 without reflection, beginning at zero
    '0x89a1897f'
    """
    # zlib inverts the register before and after; all ones in, inverted once more, are a register of zeros.
    register = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{register:032b}"[::-1], 2)
