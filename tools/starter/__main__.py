"""Rebuild the starter model that is in the package, with its card and its list of attributions.

    python -m tools.starter ESC-10 --work FOLDER [--urbansound8k US8K] [--into src/auscult/models/starter]

ESC-10 is the folder of the corpus: `audio/`, `meta/esc10.csv` and its LICENSE file. What is trained goes to FOLDER and
is kept: a second call goes on where the first was stopped, and trains nothing twice. Some two hours on two cores.

1. The recipe is fixed: `nets.RECIPE`, the defaults of training from scratch, which were chosen on other data.
2. Five networks, one a fold, say how good it is: `auscult train --cross-validate`.
3. Five networks never hear two of the ten classes each. From them come the threshold and the slope of the label
   `unknown`; see `rule.py`.
4. One network hears all 400 clips. With that rule, and weights stored in 16 bits, it is the starter.

UrbanSound8K, where it is given, is for the report alone: nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult import load
from auscult.data import Dataset, open_dataset
from auscult.export.edit import with_spec
from auscult.files import atomic_path, sha256_of_file
from auscult.models.modelfile import read_model_file
from tools.starter.attributions import read_attributions, write_attributions
from tools.starter.card import write_card
from tools.starter.figures import fold_figures, unknown_figures, urbansound8k_figures, write_as_shipped
from tools.starter.figures import units as distance_units
from tools.starter.nets import SHORT, finished_folds, folds, left_out, whole
from tools.starter.rule import Chosen, choose, sides_of

PACKAGED = Path("src/auscult/models/starter")
NAME = "starter"
LICENSE = "CC-BY-3.0"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.starter", description="Rebuild the starter model.")
    parser.add_argument("esc10", type=Path, help="folder of ESC-10, its LICENSE file included")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is trained; kept and gone on with")
    parser.add_argument(
        "--folds", type=Path, help="a cross-validation of the same recipe, as far as it is done, instead of a new one"
    )
    parser.add_argument("--urbansound8k", type=Path, help="folder of UrbanSound8K, for the report alone")
    parser.add_argument("--into", type=Path, default=PACKAGED, help=f"where the result goes; default: {PACKAGED}")
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.esc10)
    attributions = read_attributions(arguments.esc10, dataset)

    given = arguments.folds
    of_folds = finished_folds(dataset, given) if given else folds(dataset, arguments.work / "folds")
    sides = [sides_of(net, dataset) for net in left_out(dataset, arguments.work / "left-out")]
    chosen = choose(sides)
    say(f"threshold {chosen.threshold:.2f}, slope {chosen.slope:.3f}")
    units = distance_units(of_folds, dataset)
    figures: dict[str, Any] = {"slope": chosen.slope, "short_epochs": SHORT.epochs}
    figures |= fold_figures(of_folds, dataset, chosen, units, arguments.work) | unknown_figures(sides)
    if arguments.urbansound8k:
        other = open_dataset(arguments.urbansound8k)
        figures |= urbansound8k_figures(of_folds, dataset, other, arguments.work)
    say(json.dumps(figures, indent=2))

    arguments.into.mkdir(parents=True, exist_ok=True)
    file = arguments.into / "starter.onnx"
    write_starter(
        file, whole(dataset, arguments.work / "whole"), dataset, chosen, float(np.mean([*units.values()])), figures
    )
    write_attributions(attributions, arguments.into / "attributions.csv")
    write_card(arguments.into / "README.md", load(file), attributions)
    print(f"sha256={sha256_of_file(file)!r},\nsize_bytes={file.stat().st_size:_},")


def write_starter(
    file: Path, trained: Path, dataset: Dataset, chosen: Chosen, unit: float, figures: dict[str, Any]
) -> None:
    """The network that heard all clips, as the file that is shipped."""
    with atomic_path(file) as temporary:
        write_as_shipped(temporary, trained, dataset, chosen, unit)
        content, spec = read_model_file(temporary)
        metrics = {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}
        provenance = replace(spec.provenance, metrics=metrics)
        temporary.write_bytes(with_spec(content, replace(spec, name=NAME, license=LICENSE, provenance=provenance)))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
