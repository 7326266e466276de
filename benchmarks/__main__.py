"""`make bench`: every benchmark on sounds made here, or on the folder of sounds given.

python -m benchmarks [FOLDER] [--model MODEL]
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from auscult.audio import find_audio_files
from auscult.demo import make_corpus
from benchmarks.cold_start import measure_cold_start
from benchmarks.machine import describe_machine
from benchmarks.stages import ROUNDS, Bench, measure


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("folder", nargs="?", type=Path, help="sounds to classify; default: made here")
    parser.add_argument("--model", type=Path, help="model file; default: trained here for one epoch")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or make_corpus(Path(temporary) / "sounds").parent
        model = arguments.model or _train(folder, Path(temporary) / "run")
        files = find_audio_files(folder)
        print(f"{datetime.now(UTC):%Y-%m-%d}  {describe_machine()}  Python {platform.python_version()}")
        print(f"{len(files)} files of {folder.name}, model of {model.stat().st_size / 1e6:.1f} MB\n")
        for line in measure_cold_start(str(files[0]), model):
            print(line, flush=True)
        measure(Bench(files, model, None), "as they are", ROUNDS, peers=False)


def _train(folder: Path, run: Path) -> Path:
    table = folder / "clips.csv"
    source = table if table.exists() else folder
    command = [
        sys.executable,
        "-m",
        "auscult",
        "train",
        str(source),
        "-o",
        str(run),
        "--backbone",
        "scratch",
        "--epochs",
        "1",
        "--quiet",
    ]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return run / "model.onnx"


if __name__ == "__main__":
    main()
