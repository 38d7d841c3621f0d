"""Data sets that break fitting, the questions about them, and the format of answers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

ROWS = 500
LEVELS = pl.DataFrame({"level": ["u", "v", "v", "u"] * 5, "y": [0, 1, 0, 1, 1, 1, 0, 0, 1, 0] * 2})
STRANGE = pl.DataFrame({"level": ["w"]})


@dataclass(frozen=True)
class Data:
    """Columns, a target, its likelihood, and the number of the column that is looked at."""

    x: np.ndarray
    y: np.ndarray
    kind: str = "bernoulli"
    column: int = 0


def base(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return three columns and a target of two classes that overlap."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((ROWS, 3))
    return x, (x[:, 0] - 0.5 * x[:, 1] + random.logistic(size=ROWS) > 0).astype(int)


def plain() -> Data:
    """Return data of which nothing is wrong."""
    return Data(*base())


def separated() -> Data:
    """Return classes that the first column tells apart."""
    x, _ = base()
    return Data(x, (x[:, 0] > 0).astype(int))


def separated_in_part() -> Data:
    """Return classes of which one is certain where the last column is 1."""
    x, y = base()
    dummy = np.random.default_rng(1).random(ROWS) < 0.1
    return Data(np.c_[x, dummy], (y | dummy).astype(int), column=3)


def collinear() -> Data:
    """Return a last column that is the sum of the first two."""
    x, y = base()
    return Data(np.c_[x, x[:, 0] + x[:, 1]], y, column=3)


def scales() -> Data:
    """Return columns of units 1, a million, and a millionth."""
    x, y = base()
    return Data(x * [1.0, 1e6, 1e-6], y, column=2)


def far() -> Data:
    """Return columns a hundred thousand away from 0, of standard deviation 1."""
    x, y = base()
    return Data(x + 1e5, y)


def one_class() -> Data:
    """Return a target that is always 1."""
    x, y = base()
    return Data(x, np.ones_like(y))


def no_events() -> Data:
    """Return counts that are 0 wherever the last column is 1."""
    x, _ = base()
    dummy = np.random.default_rng(1).random(ROWS) < 0.1
    y = np.random.default_rng(2).poisson(np.exp(0.5 * x[:, 0])) * ~dummy
    return Data(np.c_[x, dummy], y, "poisson", 3)


def counts() -> Data:
    """Return counts up to seven or so."""
    x, _ = base()
    return Data(x, np.random.default_rng(2).poisson(np.exp(0.5 * x[:, 0])), "poisson")


def large_counts() -> Data:
    """Return counts up to a hundred million, at which a first step may overflow."""
    x, _ = base()
    return Data(x, np.random.default_rng(2).poisson(np.exp(2 * x[:, 0] + 12)), "poisson")


def leaking() -> Data:
    """Return a last column that was recorded after the target, which all but four rows tell."""
    x, y = base()
    after = y + np.random.default_rng(3).uniform(0, 0.9, ROWS)
    zero, one = np.flatnonzero(y == 0), np.flatnonzero(y == 1)
    high, low = zero[after[zero].argsort()[-2:]], one[after[one].argsort()[:2]]
    after[high], after[low] = after[low], after[high].copy()
    return Data(np.c_[x, after], y, column=3)


def three_classes() -> Data:
    """Return three classes, the second of them the commonest."""
    x, y = base()
    return Data(x, y + (np.random.default_rng(4).random(ROWS) < 0.3), "categorical")


CASES: dict[str, tuple[Callable[[], Data], str]] = {
    "complete separation; the maximum is at infinity": (separated, "weight"),
    "separation in part; the maximum of x4 is at infinity": (separated_in_part, "weight"),
    "exact collinearity, x4 = x1 + x2": (collinear, "weight"),
    "columns of units 1, 1e6, 1e-6": (scales, "weight"),
    "columns of mean 1e5 and deviation 1": (far, "weight"),
    "one class only": (one_class, "weight"),
    "three classes: the weights of x1, and how many are free": (three_classes, "classes"),
    "the standard error of x1 by default, of 500 plain rows": (plain, "weight"),
    "how long threads wait awake: GOMP_SPINCOUNT as torch or the like begins": (plain, "threads"),
    "the loss of a count of 3 at a rate of 2, exactly 1.712318 nats": (plain, "nats"),
    "standard errors of a network's weights, of which many give the same loss": (plain, "network"),
    "a column recorded after the target, of an AUC above 0.9999": (leaking, "weight"),
    "a level at prediction that was not there at the fit": (plain, "level"),
    "two steps, where more are needed": (plain, "two_steps"),
    "standard errors where every row has a weight of 2: rows, or precisions": (counts, "weighted"),
    "counts, none where x4 is 1; the maximum is at minus infinity": (no_events, "weight"),
    "counts up to 1e8": (large_counts, "weight"),
}
"""Each case: what makes its data, and the question, a method of the contenders."""


def number(value: float, error: float | None = None) -> str:
    """Write a weight, and its standard error in brackets."""
    return f"{value:.4g}" if error is None else f"{value:.4g} ({error:.4g})"


def policy(program: str) -> str:
    """Return GOMP_SPINCOUNT as a fresh process has it when it has run a program."""
    clean = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    code = f"{program}\nimport os; print(os.environ.get('GOMP_SPINCOUNT', 'not set'))"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean, check=True
    ).stdout.split("\n")[-2]
