"""Everything offline in minutes: sounds made by small physical models, and a model that learns them."""

from __future__ import annotations

from auscult.demo.corpus import NewSound, make_corpus, make_new_sounds

__all__ = ["NewSound", "make_corpus", "make_new_sounds"]
