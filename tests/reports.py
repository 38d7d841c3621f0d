"""Small fits of every likelihood, with names that are hostile to a page."""

from __future__ import annotations

import functools

import numpy as np
import polars as pl

import neglog
from neglog.fitting.result import FitResult

HOSTILE = "<script>window.ran = 1</script> & $x^2$"
QUOTED = "no\"'><img src=x onerror='window.ran = 1'>"
ROWS = 120


def table() -> pl.DataFrame:
    """Return features of wildly different scales, and targets of all kinds."""
    random = np.random.default_rng(0)
    x = random.standard_normal((ROWS, 2))
    score = 0.8 * x[:, 0] - 0.5 * x[:, 1]
    noisy = score + random.logistic(size=ROWS)
    rate = np.exp(0.5 + score)
    return pl.DataFrame(
        {
            HOSTILE: x[:, 0] * 1e3,
            "width": x[:, 1] / 1e3,
            "site": random.choice([QUOTED, "south"], ROWS),
            "two": [HOSTILE if one else QUOTED for one in noisy > 0],
            "three": np.array(["a", "b", HOSTILE])[np.digitize(noisy, [-1, 1])],
            "ordered": np.digitize(noisy, [-1, 1]),
            "number": 20 + noisy,
            "count": random.poisson(rate),
            "varied": random.poisson(rate * random.gamma(1.0, 1.0, ROWS)),
            "positive": rate * random.gamma(2.0, 0.5, ROWS),
        }
    )


TARGETS = {
    "bernoulli": "two",
    "categorical": "three",
    "ordinal": "ordered",
    "normal": "number",
    "laplace": "number",
    "quantile": "number",
    "huber": "number",
    "student_t": "number",
    "poisson": "count",
    "negative_binomial": "varied",
    "gamma": "positive",
}


@functools.cache
def fitted(kind: str, hidden: tuple[int, ...] = (), **options) -> FitResult:
    """Return the fit of a likelihood to the table."""
    target = TARGETS[kind]
    frame = table().select(HOSTILE, "width", "site", target)
    if kind == "quantile":
        options["quantile"] = 0.8
    return neglog.fit(frame, target, likelihood=kind, hidden=hidden, progress=False, **options)


@functools.cache
def separated() -> FitResult:
    """Return a fit whose maximum is at infinity."""
    x = np.arange(20.0)[:, None]
    return neglog.fit(x, x[:, 0] > 9, progress=False)
