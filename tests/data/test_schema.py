"""The room is light to import, and says what to install where pyarrow is absent."""

from __future__ import annotations

import subprocess
import sys

import pytest

from auscult.data import clip_schema
from auscult.errors import MissingExtraError


def test_importing_the_room_loads_no_pyarrow():
    heavy = "{'pyarrow', 'pandas', 'sklearn', 'torch'}"
    code = f"import sys, auscult.data; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r'pip install "auscult\[data\]"'):
        clip_schema()
