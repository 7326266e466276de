"""Good recordings among bad ones of all kinds, in small; `benchmarks/bad_files.py` does it with 2,000 and 100."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.bad_files import BAD, ODD, make_tree, search

KINDS = {
    "empty": "empty",
    "cut_wav": "damaged",
    "cut_flac": "damaged",
    "cut_vorbis": "damaged",
    "header_alone": "damaged",
    "no_samples": "empty",
    "text": "unsupported",
    "folder": "not_a_file",
    "fifo": "not_a_file",
    "link_to_a_device": "not_a_file",
    "link_to_nowhere": "missing",
    "link_in_a_circle": "missing",
    "no_permission": "no_permission",
    "terabytes": "damaged",
    "nan": "not_finite",
    "infinity": "not_finite",
}


@pytest.mark.parametrize("jobs", [1, 4])
def test_the_good_ones_are_done_and_each_bad_one_is_named(model: str, tmp_path: Path, jobs: int) -> None:
    permission = os.geteuid() != 0
    tree = make_tree(tmp_path / "tree", n_good=len(ODD) + 3, n_each=1, permission=permission)
    assert len(tree.bad) >= 20
    outcome = search(tree, tmp_path / "out", model, jobs=jobs)
    assert outcome.wrong == ()
    kinds = {kind: outcome.named[name] for name, kind in tree.bad.items()}
    assert {kind: said for kind, said in kinds.items() if kind in KINDS} == {
        kind: said for kind, said in KINDS.items() if permission or kind != "no_permission"
    }
    assert {make.__name__ for make in BAD} >= KINDS.keys()
