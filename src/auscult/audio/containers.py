"""What the first and last bytes of a file say: which kind of container it is, and whether all of it is there.

libsndfile shortens a sound without a word when its file was cut, so the sizes that containers promise are
compared with the file here, before anything is decoded. FLAC and MP3 promise a number of samples instead;
there decoding tells.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

HEAD_BYTES = 4096

#: Some writers count the header's own bytes into the size of the sound, or leave the padding byte away. What
#: is missing by so little is their sloppiness, not a cut file.
_SLOPPY_BYTES = 64

#: No Ogg page is longer: 27 bytes, 255 lacing values, 255 segments of 255 bytes.
_MAX_OGG_PAGE = 27 + 255 + 255 * 255

#: More chunks than a program writes into a sound; only fragmented MP4, with some each second, may have more.
#: To follow empty chunks of 8 bytes to the end of 60 MB takes half a minute, and libsndfile 10 s more.
MAX_CHUNKS = 1 << 16

#: What 32 bits say of more bytes than they can count.
_TOO_LONG = 0xFFFFFFFF

_MEDIA_STARTS = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMA
    b"FLV\x01",
    b"#!AMR",
    b"wvpk",  # WavPack
    b"MAC ",  # Monkey's Audio
    b"TTA1",
    b"\x0bw",  # AC-3
    b"\x00\x00\x01\xba",  # MPEG program stream
)
_QUICKTIME_BOXES = (b"ftyp", b"moov", b"mdat", b"wide")
#: Containers that libsndfile opens, and that may hold codecs which it does not know.
CARRIERS = (b"RIFF", b"RF64", b"OggS", b"FORM", b"caff", b"ID3")
_SOUND_STARTS = (
    b"RIFF",
    b"RIFX",
    b"RF64",
    b"riff",
    b"OggS",
    b"fLaC",
    b"FORM",
    b"caff",
    b".snd",
    b"dns.",
    b"ID3",
)


class TooManyChunksError(ValueError):
    """A container that goes on and on without coming to its sound."""


def is_media(head: bytes) -> bool:
    """Whether this begins like a container that PyAV reads and libsndfile does not."""
    if head.startswith(_MEDIA_STARTS) or head[4:8] in _QUICKTIME_BOXES:
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    if head[:1] == b"\x47" and head[188:189] == b"\x47":  # MPEG transport stream: a sync byte each 188
        return True
    return _is_adts(head)


def is_sound(head: bytes) -> bool:
    """Whether this begins like any sound, so that failing to read on means damage."""
    return head.startswith(_SOUND_STARTS) or is_media(head) or _is_mpeg_audio(head)


def missing_bytes(file: BinaryIO, head: bytes, size: int) -> int:
    """How many bytes the container promises beyond the end of the file; 0 where none, or unsaid.

    Raises
    ------
    TooManyChunksError : it has over `MAX_CHUNKS`, and is no MP4
    """
    promised = 0
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
        promised = _riff_end(file, head[:4], size)
    elif head[:4] == b"riff":
        promised = _w64_end(file, size)
    elif head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        promised = _chunk_end(file, size, ">", b"SSND")
    elif head[:4] == b"caff":
        promised = _caf_end(file, size)
    elif head[:4] == b".snd" and len(head) >= 12:
        promised = _au_end(head)
    elif head[:4] == b"OggS":
        promised = _ogg_end(file, size)
    elif head[4:8] in _QUICKTIME_BOXES:
        promised = _quicktime_end(file, size)
    elif head[:4] == b"\x1aE\xdf\xa3":
        promised = _matroska_end(head)
    missing = promised - size
    return missing if missing > _SLOPPY_BYTES else 0


def ogg_end_frames(file: BinaryIO, size: int) -> int | None:
    """How many samples lie in the last page of an Ogg file, by its count of them; None where it is the only page."""
    start = max(0, size - 2 * _MAX_OGG_PAGE)
    tail = _read_at(file, start, size - start)
    last = tail.rfind(b"OggS")
    before = tail.rfind(b"OggS", 0, max(0, last))
    if before < 0:
        return None
    counts = [struct.unpack("<q", tail[at + 6 : at + 14])[0] for at in (before, last)]
    return int(counts[1] - counts[0]) if counts[0] > 0 else None


def _is_adts(head: bytes) -> bool:
    # AAC in ADTS frames has MPEG's sync word with layer 0, which MPEG audio never has.
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def _is_mpeg_audio(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0


def _read_at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _riff_end(file: BinaryIO, magic: bytes, size: int) -> int:
    if magic == b"RF64":
        data_size = rf64_data_size(file)
        return 0 if data_size is None else _chunk_end(file, size, "<", b"data", long_size=data_size)
    return _chunk_end(file, size, ">" if magic == b"RIFX" else "<", b"data")


def chunks(file: BinaryIO, size: int, order: str, *, long_size: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a WAV or AIFF file: name, where the content begins, how long it says it is.

    Parameters
    ----------
    size : of the file; the last chunk may promise more
    order : "<" or ">", of the bytes of numbers
    long_size : of the chunk "data", where its own 32 bits say that it is too long for them

    Raises
    ------
    TooManyChunksError : there are over `MAX_CHUNKS`
    """
    position = 12
    for _ in range(MAX_CHUNKS):
        if position + 8 > size:
            return
        header = _read_at(file, position, 8)
        name, length = header[:4], int(struct.unpack(order + "I", header[4:])[0])
        if name == b"data" and length == _TOO_LONG and long_size is not None:
            length = long_size
        yield name, position + 8, length
        position += 8 + length + length % 2
    raise TooManyChunksError


def rf64_data_size(file: BinaryIO) -> int | None:
    """How long the sound of an RF64 file is, in bytes; None where the file does not say."""
    # The 32-bit sizes are all ones; the chunk "ds64", always first, has the real ones.
    ds64 = _read_at(file, 12, 24)
    if len(ds64) < 24 or ds64[:4] != b"ds64":
        return None
    return int(struct.unpack("<q", ds64[16:24])[0])


def _chunk_end(file: BinaryIO, size: int, order: str, wanted: bytes, *, long_size: int | None = None) -> int:
    end = 12
    for name, start, length in chunks(file, size, order):
        if name == wanted:
            if length == _TOO_LONG and long_size is not None:
                length = long_size
            # Programs that write into a pipe cannot come back to fill in the size, and leave nearly all ones.
            elif length >= 0x7FFF0000 and length > size:
                return 0
            return start + length
        end = start + length + length % 2
    return end


def _w64_end(file: BinaryIO, size: int) -> int:
    position = 40
    for _ in range(MAX_CHUNKS):
        if position + 24 > size:
            return position
        header = _read_at(file, position, 24)
        (length,) = struct.unpack("<q", header[16:])
        if header[:4] == b"data" or length < 24:
            return position + int(length)
        position += (length + 7) // 8 * 8
    raise TooManyChunksError


def _caf_end(file: BinaryIO, size: int) -> int:
    position = 8
    for _ in range(MAX_CHUNKS):
        if position + 12 > size:
            return position
        header = _read_at(file, position, 12)
        (length,) = struct.unpack(">q", header[4:])
        if length < 0:  # -1: the sound, to the end of the file
            return 0
        position += 12 + int(length)
    raise TooManyChunksError


def _au_end(head: bytes) -> int:
    offset, length = struct.unpack(">II", head[4:12])
    return 0 if length == 0xFFFFFFFF else int(offset + length)


def _ogg_end(file: BinaryIO, size: int) -> int:
    start = max(0, size - _MAX_OGG_PAGE - 27)
    tail = _read_at(file, start, size - start)
    at = tail.rfind(b"OggS")
    if at < 0:
        return 0
    # A page says how many segments it has, then how long each is. A header that is cut itself lacks a page at
    # least.
    n_segments = tail[at + 26] if at + 26 < len(tail) else 255
    lengths = tail[at + 27 : at + 27 + n_segments]
    if len(lengths) < n_segments:
        return size + _MAX_OGG_PAGE
    return start + at + 27 + n_segments + sum(lengths)


def _quicktime_end(file: BinaryIO, size: int) -> int:
    position = 0
    for _ in range(MAX_CHUNKS):
        if position + 8 > size:
            return position
        header = _read_at(file, position, 16)
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8:  # 0: the last box, to the end of the file
            return 0
        position += length
    return 0


def _matroska_end(head: bytes) -> int:
    position = 4
    header_length, width = _vint(head, position)
    position += width + header_length
    if head[position : position + 4] != b"\x18\x53\x80\x67":
        return 0
    length, width = _vint(head, position + 4)
    return 0 if length == (1 << (7 * width)) - 1 else position + 4 + width + length


def _vint(head: bytes, position: int) -> tuple[int, int]:
    """EBML's integer of variable width: the zero bits that lead count the bytes that follow."""
    first = head[position] if position < len(head) else 0xFF
    width = 9 - first.bit_length()
    value = int.from_bytes(head[position : position + width], "big")
    return value & ((1 << (7 * width)) - 1), width
