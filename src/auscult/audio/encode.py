"""Sound out: a small file that browsers play, for reports; a WAV that keeps every bit."""

from __future__ import annotations

import io
import struct

import numpy as np
import soundfile

from auscult.records import Sound, Waveform

BLOCK_S = 1.0
WAVE_FORMAT_IEEE_FLOAT = 3


def encode_ogg(waveform: Waveform) -> bytes:
    """An Ogg Vorbis file of `waveform`, as bytes. What lies outside [-1, 1] is clipped.

    Examples
    --------
    >>> import numpy as np
    >>> encode_ogg(Waveform(np.zeros(8000, np.float32), 8000))[:4]
    b'OggS'
    """
    content = io.BytesIO()
    samples = np.clip(waveform.samples, -1.0, 1.0)
    block = round(BLOCK_S * waveform.sample_rate)
    with soundfile.SoundFile(
        content, "w", samplerate=waveform.sample_rate, channels=1, format="OGG", subtype="VORBIS"
    ) as file:
        # In blocks: libsndfile's Vorbis encoder keeps a write on the stack, and a minute at once overflows it.
        for start in range(0, len(samples), block):
            file.write(samples[start : start + block])
    return content.getvalue()


def encode_wav(sound: Sound) -> bytes:
    """A WAV file of float32 samples, all channels; equal sounds give equal bytes.

    libsndfile writes the time of day into such files, hence these lines. The layout is that of Microsoft's "Multiple
    Channel Audio Data and WAVE Files": a ``fmt `` chunk with an empty extension, a ``fact`` chunk, the samples.

    Examples
    --------
    >>> import numpy as np
    >>> wav = encode_wav(Sound(np.zeros((2, 10), np.float32), 8000))
    >>> wav[:4], len(wav)
    (b'RIFF', 138)
    """
    n_channels, n_frames = sound.samples.shape
    content = np.ascontiguousarray(sound.samples.T, dtype="<f4").tobytes()
    frame_bytes = 4 * n_channels
    chunks = [
        (
            b"fmt ",
            struct.pack(
                "<HHIIHHH",
                WAVE_FORMAT_IEEE_FLOAT,
                n_channels,
                sound.sample_rate,
                sound.sample_rate * frame_bytes,
                frame_bytes,
                32,
                0,
            ),
        ),
        (b"fact", struct.pack("<I", n_frames)),
        (b"data", content),
    ]
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(data)) + data for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body
