"""Aliased columns: detection and notes."""

import numpy as np
import pytest

import neglog


def _normal(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def _duplicates():
    x = _normal(300, 150)
    return np.hstack([x, x[:, ::-1]])


def _in_odd_units():
    x = _normal(60, 6)
    return np.c_[x[:, :3] * [1e-9, 1.0, 1e12], x[:, 0] + 2 * x[:, 1], x[:, 3:], x.sum(1) * 1e6]


def _nearly_collinear():
    """Return columns that stand on their own only in the rows: their products say otherwise."""
    x = _normal(200, 140)
    near = x[:, :5] + 1e-5 * np.random.default_rng(1).standard_normal((200, 5))
    return np.c_[x, near, near + x[:, 20:25], x[:, :5] - x[:, 5:10]]


def _one_hot():
    codes = np.random.default_rng(1).integers(0, 7, (120, 2))
    return np.hstack([np.eye(7)[codes[:, 0]], np.eye(7)[codes[:, 1]], _normal(120, 2)])


TABLES = {
    "more columns than rows": lambda: _normal(40, 200),
    "duplicates": _duplicates,
    "odd units": _in_odd_units,
    "nearly collinear": _nearly_collinear,
    "one-hot": _one_hot,
    "constants": lambda: np.c_[_normal(50, 2), np.ones(50), np.zeros(50), _normal(50)],
}


def _first_independent(x):
    """Return the columns that raise the rank, from the first to the last: R's rule."""
    kept, basis = [], np.ones((len(x), 1)) / len(x) ** 0.5
    for j, column in enumerate(x.T):
        rest = column / (np.linalg.norm(column) or 1.0)
        for _ in range(3):
            rest = rest - basis @ (basis.T @ rest)
        if np.linalg.norm(rest) > 1e-7 and basis.shape[1] < len(x):
            kept.append(j)
            basis = np.c_[basis, rest / np.linalg.norm(rest)]
    return kept


@pytest.mark.parametrize("kind", TABLES)
def test_the_first_independent_columns_stay(kind):
    x = TABLES[kind]()
    y = np.random.default_rng(2).standard_normal(len(x))
    weights = neglog.fit(x, y).coefficients.estimate[1:]
    assert np.flatnonzero(~np.isnan(weights)).tolist() == _first_independent(x)


def test_the_note_is_short_however_many_columns_are_left_out():
    result = neglog.fit(_normal(50, 400), _normal(50))
    (note,) = [note for note in result.notes if "combinations" in note]
    assert len(note) < 800  # ten lines of 80
    shown = note.count(" = ")
    assert note.endswith(f"and {351 - shown} more.")
    assert "more terms" in note
