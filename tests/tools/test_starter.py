"""Parts of the command that builds the starter; the whole of it trains for hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.data import Dataset, Split, open_dataset
from auscult.errors import DataError
from auscult.training import TrainOptions
from tests.tiny_corpora import SAMPLE_RATE, write_sound
from tools.starter import nets
from tools.starter.attributions import Attribution, read_attributions, write_attributions
from tools.starter.rule import Sides, auroc, choose

KINDS = tuple("abcdefghij")
N_FOLDS = 5
LIST = """# Corpus

- [1-100-A.ogg]: clip derived from A dog (big).wav (http://sounds.example/people/x%20y/100/) by x y [CC-BY]
- [2-200-B.ogg]:  clip derived from rain [loop] (http://sounds.example/200/) by rainer [CC0]
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Dataset:
    """Ten classes with a clip in each of five folds, in ESC-10's tree."""
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    for target, kind in enumerate(KINDS):
        for fold in range(1, N_FOLDS + 1):
            name = f"{fold}-{1000 * fold + target}-A-{target}.wav"
            write_sound(tmp_path / "audio" / name, np.full(SAMPLE_RATE // 10, target / 20 + fold / 100, np.float32))
            rows.append(f"{name},{fold},{target},{kind},True,{1000 * fold + target},A")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc10.csv").write_text("\n".join(rows) + "\n")
    return open_dataset(tmp_path)


def test_every_class_is_missing_once_and_every_fold_apart_once(
    corpus: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[Dataset, Split, TrainOptions]] = []
    monkeypatch.setattr(
        nets, "_trained", lambda part, split, folder, options: trained.append((part, split, options)) or folder
    )
    made = list(nets.left_out(corpus, tmp_path))
    assert sorted(kind for net in made for kind in net.missing) == sorted(KINDS)
    assert [net.fold for net in made] == list(corpus.folds())
    for net, (part, split, options) in zip(made, trained, strict=True):
        kinds = {clip.labels[0] for clip in part.clips()}
        assert kinds == {label.id for label in part.labels} == set(KINDS) - set(net.missing)
        assert {clip.fold for clip in part.select(split.train).clips()} == set(corpus.folds()) - {net.fold}
        assert {clip.fold for clip in part.select(split.test).clips()} == {net.fold}
        assert len(split.train) + len(split.test) == len(part)
        assert options.backbone == "scratch"


def test_the_threshold_is_where_the_odds_are_even() -> None:
    """Of two normal distributions of one spread, log odds are linear: even in the middle, slope (m1 - m0) / s^2."""
    generator = np.random.default_rng(0)
    known, unknown = generator.normal(1.0, 0.2, 40_000), generator.normal(1.6, 0.2, 10_000)
    chosen = choose(
        [Sides(known[::2], unknown[::2], np.ones(1, bool)), Sides(known[1::2], unknown[1::2], np.ones(1, bool))]
    )
    assert chosen.threshold == pytest.approx(1.3, abs=0.01)
    assert chosen.slope == pytest.approx(0.6 / 0.2**2, rel=0.03)
    assert (chosen.n_known, chosen.n_unknown) == (40_000, 10_000)


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    assert auroc(np.array([1.0, 2.0]), np.array([1.5, 3.0])) == 0.75


class TestAttributions:
    def dataset(self, root: Path) -> Dataset:
        for name, label in (("1-100-A-0.wav", "dog"), ("2-200-B-10.wav", "rain")):
            write_sound(root / "sounds" / label / name, np.full(800, len(label) / 10, np.float32))
        return Dataset.from_folder(root / "sounds")

    def test_each_clip_s_recording_is_found(self, tmp_path: Path) -> None:
        (tmp_path / "LICENSE").write_text(LIST)
        found = read_attributions(tmp_path, self.dataset(tmp_path))
        assert found == [
            Attribution("1-100-A", "dog", "A dog (big).wav", "x y", "CC-BY", "http://sounds.example/people/x%20y/100/"),
            Attribution("2-200-B", "rain", "rain [loop]", "rainer", "CC0", "http://sounds.example/200/"),
        ]
        write_attributions(found, tmp_path / "list.csv")
        assert (tmp_path / "list.csv").read_text().splitlines()[0] == "clip,label,title,author,licence,url"

    def test_a_clip_that_is_not_listed(self, tmp_path: Path) -> None:
        (tmp_path / "LICENSE").write_text(LIST.replace("2-200-B", "2-200-C"))
        with pytest.raises(DataError, match=r"2-200-B-10\.wav is not in the list of attributions"):
            read_attributions(tmp_path, self.dataset(tmp_path))
