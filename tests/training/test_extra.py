"""Without the extra `train`, training says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

from auscult.training import PACKAGES

COMMAND = """
import sys
sys.modules[{package!r}] = None  # as if it were not installed
from auscult.cli.app import run
sys.exit(run(["train", "sounds", "-o", "run"]))
"""


@pytest.mark.parametrize("package", [PACKAGES[0], PACKAGES[-1]])
def test_a_missing_package_is_named_with_the_command_that_installs_it(package, tmp_path):
    command = [sys.executable, "-c", COMMAND.format(package=package)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert package in done.stderr
    assert 'pip install "auscult[train]"' in done.stderr
    assert "Traceback" not in done.stderr
