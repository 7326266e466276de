"""Heads on embeddings: what each clip counts, what folds are held out, and the regression beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from auscult.training.heads import (
    STRENGTHS,
    USUAL_STRENGTH,
    Examples,
    fit_head,
    inner_folds,
    losses_of,
    mean_loss,
    row_weights,
    scaled_axes,
    shares_of,
    slopes_of,
)
from auscult.training.hidden_heads import fit_hidden_head

N_CLASSES, DIM = 3, 12
FITS = {"linear": fit_head, "hidden": fit_hidden_head}


def examples(n_groups: int = 24, *, takes: int = 2, apart: float = 2.0, seed: int = 0) -> Examples:
    """Recordings of three classes around three centres; takes of one recording are close together."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(N_CLASSES, DIM)) * apart
    label = np.arange(n_groups) % N_CLASSES
    recordings = centres[label] + random.normal(size=(n_groups, DIM))
    rows = np.repeat(recordings, takes, axis=0) + 0.1 * random.normal(size=(n_groups * takes, DIM))
    targets = np.eye(N_CLASSES, dtype=np.float32)[np.repeat(label, takes)]
    groups = np.repeat([f"r{i}" for i in range(n_groups)], takes)
    return Examples(rows.astype(np.float32), targets, groups, np.ones(len(rows)))


def random_examples(seed: int, n_groups: int, n_classes: int) -> Examples:
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 5, n_groups)
    groups = np.repeat([f"r{i}" for i in range(n_groups)], sizes)
    n_rows = len(groups)
    targets = np.eye(n_classes, dtype=np.float32)[random.integers(0, n_classes, n_rows)]
    return Examples(random.normal(size=(n_rows, 4)).astype(np.float32), targets, groups, np.ones(n_rows))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(2, 5))
def test_whole_recordings_are_held_out_once_and_no_class_is_lost(seed, n_groups, n_classes):
    given = random_examples(seed, n_groups, n_classes)
    held_out: list[str] = []
    for others, held in inner_folds(given, seed=seed):
        assert not set(others.groups) & set(held.groups)
        assert len(others.shares) + len(held.shares) == len(given.shares)
        assert (others.targets.any(axis=0) == given.targets.any(axis=0)).all()
        held_out += sorted(set(held.groups))
    assert len(held_out) == len(set(held_out))


def test_recordings_count_as_the_root_of_their_clips_and_classes_keep_their_share():
    # Class 0: recordings of 4 clips and of 1 clip; class 1: one of 5.
    groups = np.array(["a"] * 4 + ["b"] + ["c"] * 5)
    targets = np.eye(2, dtype=np.float32)[[0] * 5 + [1] * 5]
    given = Examples(np.zeros((10, 2), np.float32), targets, groups, np.ones(10))
    weights = row_weights(given, balanced=False)
    assert weights.mean() == pytest.approx(1)
    assert weights[4] / weights[0] == pytest.approx(2)  # 1 / sqrt(1) against 1 / sqrt(4)
    assert weights[:5].sum() == pytest.approx(weights[5:].sum())


def test_balanced_classes_count_alike():
    groups = np.array([f"r{i}" for i in range(10)])
    targets = np.eye(3, dtype=np.float32)[[0] * 7 + [1] * 2 + [2]]
    given = Examples(np.zeros((10, 2), np.float32), targets, groups, np.ones(10))
    weights = row_weights(given, balanced=True)
    assert [weights[:7].sum(), weights[7:9].sum(), weights[9:].sum()] == pytest.approx([10 / 3] * 3)
    assert row_weights(given, balanced=False) == pytest.approx(np.ones(10))


def test_axes_are_scaled_by_the_fourth_root_of_their_variance():
    random = np.random.default_rng(0)
    rows = (random.normal(size=(20_000, 3)) * [4.0, 2.0, 1.0]).astype(np.float32)
    centre, axes = scaled_axes(rows, np.ones(len(rows)))
    spread = np.sort(((rows - centre) @ axes).std(axis=0))[::-1]
    # Deviation s becomes s / sqrt(s): the ratios of 4, 2, 1 become those of 2, 1.41, 1.
    assert spread / spread[-1] == pytest.approx([2, np.sqrt(2), 1], rel=0.02)


@pytest.mark.parametrize("n_rows", [6, 60])
def test_both_forms_of_the_covariance_give_the_same_axes(n_rows):
    rows = np.random.default_rng(1).normal(size=(n_rows, 12)).astype(np.float32)
    centre, axes = scaled_axes(rows, np.ones(n_rows))
    inner = (rows - centre) @ axes @ axes.T @ (rows - centre).T
    wide = np.hstack([rows, np.zeros((n_rows, 100), np.float32)])  # fewer rows than columns
    centre, axes = scaled_axes(wide, np.ones(n_rows))
    assert inner == pytest.approx((wide - centre) @ axes @ axes.T @ (wide - centre).T, abs=1e-6)


@pytest.mark.parametrize("balanced", [False, True])
def test_the_regression_is_that_of_scikit_learn(balanced):
    given = examples(apart=0.7)
    head = fit_head(given, task="single_label", balanced=balanced)
    weights = row_weights(given, balanced=balanced)
    centre, axes = scaled_axes(given.embeddings, weights)
    inputs = (given.embeddings - centre) @ axes
    reference = LogisticRegression(C=head.strength, tol=1e-8, max_iter=10_000)
    reference.fit(inputs, given.targets.argmax(axis=1), sample_weight=weights)
    logits = head.logits(given.embeddings)
    ours = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert ours == pytest.approx(reference.predict_proba(inputs), abs=0.01)


def test_many_labels_are_a_regression_each():
    given = examples(apart=0.7)
    targets = given.targets.copy()
    targets[::3, 0] = 1
    targets[::5] = 0
    given = Examples(given.embeddings, targets, given.groups, given.shares)
    head = fit_head(given, task="multi_label")
    weights = row_weights(given, balanced=False)
    centre, axes = scaled_axes(given.embeddings, weights)
    ours = 1 / (1 + np.exp(-head.logits(given.embeddings)))
    for label in range(N_CLASSES):
        reference = LogisticRegression(C=head.strength, tol=1e-8, max_iter=10_000)
        reference.fit((given.embeddings - centre) @ axes, targets[:, label], sample_weight=weights)
        expected = reference.predict_proba((given.embeddings - centre) @ axes)[:, 1]
        assert ours[:, label] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("kind", FITS)
def test_what_is_apart_is_told_apart(kind):
    given, others = examples(60, seed=3), examples(60, seed=3)
    head = FITS[kind](given, task="single_label")
    assert (head.logits(others.embeddings).argmax(axis=1) == others.targets.argmax(axis=1)).mean() > 0.97


def test_labels_without_a_pattern_choose_the_most_careful_head():
    given = examples(60)
    shuffled = np.repeat(np.random.default_rng(5).permutation(given.targets[::2]), 2, axis=0)
    head = fit_head(Examples(given.embeddings, shuffled, given.groups, given.shares), task="single_label")
    assert head.strength == STRENGTHS[0]


def test_recordings_of_one_class_each_leave_nothing_to_choose_by():
    head = fit_head(examples(3, takes=4), task="single_label")
    assert head.losses == {}
    assert head.strength == USUAL_STRENGTH


@pytest.mark.parametrize("kind", FITS)
@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_embeddings_that_are_all_alike_leave_the_share_of_each_class(kind, task):
    targets = np.eye(2, dtype=np.float32)[[0, 0, 0, 1]]
    given = Examples(np.ones((4, 5), np.float32), targets, np.array(["a", "b", "c", "d"]), np.ones(4))
    logits = FITS[kind](given, task=task).logits(np.ones((1, 5), np.float32))[0]
    scores = np.exp(logits) / np.exp(logits).sum() if task == "single_label" else 1 / (1 + np.exp(-logits))
    assert scores == pytest.approx([0.75, 0.25], abs=0.05)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_neither_the_size_nor_the_direction_of_embeddings_matters(seed, scale):
    given = examples(seed=seed)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(DIM, DIM)))
    turned = (scale * given.embeddings @ turn).astype(np.float32)
    head = fit_head(given, task="single_label")
    other = fit_head(Examples(turned, given.targets, given.groups, given.shares), task="single_label")
    assert other.strength == head.strength
    assert mean_loss(other.logits(turned), given.targets, task="single_label") == pytest.approx(
        mean_loss(head.logits(given.embeddings), given.targets, task="single_label"), rel=0.02, abs=1e-3
    )


@pytest.mark.parametrize("kind", FITS)
def test_the_same_examples_give_the_same_bits(kind):
    first, second = (FITS[kind](examples(), task="single_label", seed=4).state() for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_windows_of_one_clip_count_as_one():
    given = examples(12, takes=1)
    rows = np.repeat(np.arange(12), 1 + np.arange(12) % 3)
    shares = 1 / (1 + np.arange(12) % 3)[rows]
    many = Examples(given.embeddings[rows], given.targets[rows], given.groups[rows], shares)
    one, other = fit_head(given, task="single_label"), fit_head(many, task="single_label")
    assert other.logits(given.embeddings) == pytest.approx(one.logits(given.embeddings), abs=0.05)


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_slopes_are_those_that_torch_derives(task):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = (torch.rand(6, 4, generator=generator, dtype=torch.float64) > 0.5).double().numpy()
    targets[0] = 0
    shares = torch.from_numpy(shares_of(targets, task))
    losses_of(logits, shares, task).sum().backward()
    torch.testing.assert_close(slopes_of(logits, shares, task).detach(), logits.grad)
