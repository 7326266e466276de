from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from auscult.metrics import Outcomes, evaluate_outcomes

LOSSES = {"log_loss"}


def single(true: list[int], scores: list[list[float]], groups: list[str] | None = None) -> Outcomes:
    table = np.array(scores, dtype=np.float32)
    return Outcomes(
        labels=tuple("abcdefghij"[: table.shape[1]]),
        targets=np.eye(table.shape[1], dtype=np.float32)[true],
        scores=table,
        groups=np.array(groups or [str(i) for i in range(len(true))]),
        task="single_label",
    )


@st.composite
def any_outcomes(draw: st.DrawFn) -> Outcomes:
    """Small tables with many equal scores, classes without clips and groups of any size."""
    task = draw(st.sampled_from(["single_label", "multi_label"]))
    n_clips, n_classes = draw(st.integers(1, 12)), draw(st.integers(2, 7))
    eighths = npst.arrays(np.float32, (n_clips, n_classes), elements=st.integers(0, 8).map(lambda i: i / 8))
    if task == "single_label":
        true = draw(npst.arrays(np.intp, n_clips, elements=st.integers(0, n_classes - 1)))
        targets = np.eye(n_classes, dtype=np.float32)[true]
    else:
        targets = draw(npst.arrays(np.float32, (n_clips, n_classes), elements=st.sampled_from([0, 1])))
    return Outcomes(
        labels=tuple("abcdefg"[:n_classes]),
        targets=targets,
        scores=draw(eighths),
        groups=np.array(draw(st.lists(st.sampled_from("uvwxyz"), min_size=n_clips, max_size=n_clips))),
        task=task,
    )


@settings(deadline=None, max_examples=80)
@given(any_outcomes(), st.randoms(use_true_random=False))
def test_the_order_of_clips_changes_nothing(outcomes: Outcomes, random: object) -> None:
    order = list(range(outcomes.n_clips))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = Outcomes(
        labels=outcomes.labels,
        targets=outcomes.targets[order],
        scores=outcomes.scores[order],
        groups=outcomes.groups[order],
        task=outcomes.task,
    )
    first, second = (evaluate_outcomes(o, n_resamples=40) for o in (outcomes, shuffled))
    assert list(first) == list(second)
    for name in first:
        for field in ("value", "low", "high", "n"):
            assert getattr(second[name], field) == pytest.approx(getattr(first[name], field), abs=1e-9), name


@settings(deadline=None, max_examples=80)
@given(any_outcomes())
def test_the_interval_holds_the_value_and_nothing_is_out_of_range(outcomes: Outcomes) -> None:
    for name, figure in evaluate_outcomes(outcomes, n_resamples=40).items():
        assert figure.n == outcomes.n_clips
        assert (figure.low is None) == (figure.high is None)
        if figure.low is not None and figure.high is not None:
            assert figure.value is not None
            assert 0 <= figure.low <= figure.value <= figure.high
        for number in (figure.value, figure.low, figure.high):
            assert number is None or math.isfinite(number)
            assert number is None or name in LOSSES or 0 <= number <= 1 + 1e-12


@settings(deadline=None, max_examples=30)
@given(any_outcomes())
def test_with_one_group_no_interval_can_be_said(outcomes: Outcomes) -> None:
    together = Outcomes(
        labels=outcomes.labels,
        targets=outcomes.targets,
        scores=outcomes.scores,
        groups=np.array(["all"] * outcomes.n_clips),
        task=outcomes.task,
    )
    assert {(f.low, f.high) for f in evaluate_outcomes(together).values()} == {(None, None)}


def test_by_hand_single_label() -> None:
    # Decisions b, b, c, a for the truth a, b, c, a.
    outcomes = single(
        [0, 1, 2, 0], [[0.25, 0.5, 0.25], [0.25, 0.75, 0], [0, 0, 1], [0.5, 0.25, 0.25]], ["r", "r", "s", "t"]
    )
    figures = evaluate_outcomes(outcomes)
    assert list(figures) == ["accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece"]
    assert figures["accuracy"].value == 3 / 4
    assert figures["balanced_accuracy"].value == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert figures["macro_f1"].value == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert figures["log_loss"].value == pytest.approx((math.log(4) + math.log(4 / 3) + 0 + math.log(2)) / 4)
    # One bin holds the two clips at 0.5 (half right: no gap), one the clip at 0.75, one the clip at 1.
    assert figures["ece"].value == pytest.approx((0 + 0.25 + 0) / 4)


def test_top_5_only_with_more_than_five_classes_and_ties_in_label_order() -> None:
    # Equal scores: the sixth class is not among the first five, the fifth is.
    figures = evaluate_outcomes(single([5, 4], [[0.1] * 6] * 2))
    assert figures["top_5_accuracy"].value == 0.5
    assert "top_5_accuracy" not in evaluate_outcomes(single([4], [[0.2] * 5]))


def test_scores_that_do_not_sum_to_one_are_scaled_and_zero_costs_a_finite_amount() -> None:
    assert evaluate_outcomes(single([0], [[0.25, 0.25]]))["log_loss"].value == pytest.approx(math.log(2))
    assert evaluate_outcomes(single([0], [[0, 0]]))["log_loss"].value == pytest.approx(math.log(2))
    assert evaluate_outcomes(single([0], [[0, 1]]))["log_loss"].value == pytest.approx(23 * math.log(2))


def test_a_class_without_clips_is_left_out_of_macro_averages() -> None:
    figures = evaluate_outcomes(single([0, 0, 1], [[1, 0, 0], [0, 0, 1], [0, 1, 0]]))
    assert figures["balanced_accuracy"].value == pytest.approx((1 / 2 + 1) / 2)
    assert figures["macro_f1"].value == pytest.approx((2 / 3 + 1) / 2)


def test_nothing_present_anywhere_cannot_be_averaged() -> None:
    empty = np.zeros((3, 2), dtype=np.float32)
    figures = evaluate_outcomes(
        Outcomes(("a", "b"), targets=empty, scores=empty, groups=np.array(["x", "y", "z"]), task="multi_label")
    )
    assert figures["mean_average_precision"].to_dict() == {"value": None, "low": None, "high": None, "n": 3}
    assert figures["macro_auroc"].value is figures["macro_f1"].value is figures["micro_f1"].value is None
    assert figures["subset_accuracy"].value == 1


def test_no_error_in_ten_groups_is_not_certainty() -> None:
    figures = evaluate_outcomes(single([0, 1] * 10, [[1, 0], [0, 1]] * 10, [str(i // 2) for i in range(20)]))
    accuracy = figures["accuracy"]
    assert accuracy.value == accuracy.high == 1
    # The exact (Clopper and Pearson) bound for 10 of 10.
    assert accuracy.low == pytest.approx(0.6915, abs=5e-5)
    assert (figures["macro_f1"].low, figures["macro_f1"].high) == (None, None)
    wrong = evaluate_outcomes(single([1, 0] * 10, [[1, 0], [0, 1]] * 10, [str(i // 2) for i in range(20)]))
    assert (wrong["accuracy"].low, wrong["accuracy"].high) == (0, pytest.approx(0.3085, abs=5e-5))


def test_a_seed_gives_one_interval() -> None:
    outcomes = single([0, 1, 0, 1, 0], [[0.75, 0.25]] * 5)
    assert evaluate_outcomes(outcomes, seed=3) == evaluate_outcomes(outcomes, seed=3)


def test_the_interval_of_a_share_is_that_of_theory(make_outcomes: Callable[..., Outcomes]) -> None:
    """Where each clip is a group, the interval is about 1.96 standard errors of a share to either side."""
    outcomes = make_outcomes("single_label", n_clips=1000, seed=5)
    outcomes = Outcomes(
        labels=outcomes.labels,
        targets=outcomes.targets,
        scores=outcomes.scores,
        groups=np.array([str(i) for i in range(1000)]),
        task="single_label",
    )
    figure = evaluate_outcomes(outcomes, n_resamples=4000)["accuracy"]
    assert figure.value is not None
    error = 1.96 * math.sqrt(figure.value * (1 - figure.value) / 1000)
    assert figure.low == pytest.approx(figure.value - error, abs=0.1 * error)
    assert figure.high == pytest.approx(figure.value + error, abs=0.1 * error)


def test_resampling_groups_covers_the_truth_and_resampling_clips_does_not() -> None:
    """Forty recordings of four clips that succeed or fail together: each recording has its own chance."""
    generator = np.random.default_rng(11)
    n_trials, n_groups, accuracy = 250, 40, 0.8
    scores = np.array([[0.75, 0.25]] * (4 * n_groups), dtype=np.float32)
    recordings = np.array([str(i // 4) for i in range(4 * n_groups)])
    clips = np.array([str(i) for i in range(4 * n_groups)])
    covered = {"groups": 0, "clips": 0}
    for _ in range(n_trials):
        # Beta with a + b = 1: a correlation of 0.5 within a recording.
        chance = np.repeat(generator.beta(accuracy, 1 - accuracy, size=n_groups), 4)
        wrong = (generator.random(4 * n_groups) >= chance).astype(int)
        targets = np.eye(2, dtype=np.float32)[wrong]
        for name, groups in (("groups", recordings), ("clips", clips)):
            outcomes = Outcomes(("a", "b"), targets=targets, scores=scores, groups=groups, task="single_label")
            figure = evaluate_outcomes(outcomes, n_resamples=300)["accuracy"]
            assert figure.low is not None
            assert figure.high is not None
            covered[name] += figure.low <= accuracy <= figure.high
    # Of 250 trials the standard error of a coverage of 0.94 is 0.015.
    assert 0.90 <= covered["groups"] / n_trials <= 0.98
    assert covered["clips"] / n_trials < 0.85


@pytest.mark.parametrize(("task", "limit_s"), [("single_label", 3), ("multi_label", 12)])
def test_two_thousand_clips_of_fifty_classes_take_seconds(
    make_outcomes: Callable[..., Outcomes], task: str, limit_s: int
) -> None:
    outcomes = make_outcomes(task, n_clips=2000, n_classes=50, n_groups=1000)
    start = time.process_time()
    evaluate_outcomes(outcomes)
    # About 0.2 and 0.9 s on one core of 2020; the limits leave room for slower ones.
    assert time.process_time() - start < limit_s


@pytest.mark.parametrize(("option", "value"), [("n_resamples", 0), ("confidence", 1.0), ("confidence", 0.0)])
def test_refuses_options_out_of_range(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"'{option}'.*Got {value}"):
        evaluate_outcomes(single([0], [[1, 0]]), **{option: value})  # type: ignore[arg-type]
