"""Live sound in: a microphone, PCM from a pipe, an address; captured on a thread of its own.

Read `capture.py` first: it takes blocks from an input and keeps the newest of them for whoever listens.
"""

from auscult.audio.live.blocks import ALWAYS_LIVE_S, NEVER_LIVE_S, Lapse, LiveBlock, LiveInput
from auscult.audio.live.capture import BACKLOG_S, Capture
from auscult.audio.live.levels import Levels

__all__ = ["ALWAYS_LIVE_S", "BACKLOG_S", "NEVER_LIVE_S", "Capture", "Lapse", "Levels", "LiveBlock", "LiveInput"]
