"""Sound out: a small file that browsers play, for reports."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from auscult.records import Waveform

BLOCK_S = 1.0


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
