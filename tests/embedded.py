"""Data sets that statsmodels and scikit-learn ship, with statsmodels' fit of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import statsmodels.api as sm
from sklearn import datasets

Pair = tuple[np.ndarray, np.ndarray]
_EXACT: dict[str, Any] = {"method": "newton", "tol": 1e-15, "maxiter": 200, "disp": 0}


def _own(name: str, endog: Callable[[np.ndarray], np.ndarray] = np.asarray) -> Callable[[], Pair]:
    def load() -> Pair:
        data = getattr(sm.datasets, name).load_pandas()
        x = np.asarray(data.exog, dtype=np.float64)
        x = x[:, None] if x.ndim == 1 else x
        return x[:, np.ptp(x, axis=0) > 0], endog(np.asarray(data.endog, dtype=np.float64))

    return load


def _columns(name: str, features: list[str], target: str) -> Callable[[], Pair]:
    def load() -> Pair:
        frame = getattr(sm.datasets, name).load_pandas().data
        return frame[features].to_numpy(np.float64), frame[target].to_numpy(np.float64)

    return load


def _sklearn(name: str, columns: int) -> Callable[[], Pair]:
    def load() -> Pair:
        x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return x[:, :columns], y

    return load


@dataclass(frozen=True)
class Case:
    """A data set, its likelihood, and what statsmodels makes of it.

    Attributes:
        load: returns the features and the target.
        likelihood: neglog's name of it.
        fit: statsmodels' model of the target and the features, the intercept among them.
        options: further arguments of `neglog.fit`.
    """

    load: Callable[[], Pair]
    likelihood: str
    fit: Callable[[np.ndarray, np.ndarray], Any]
    options: dict[str, Any] = field(default_factory=dict)


def _least_squares(y, x):
    return sm.OLS(y, x).fit()


def _logit(y, x):
    return sm.Logit(y, x).fit(**_EXACT)


def _softmax(y, x):
    return sm.MNLogit(y, x).fit(**_EXACT)


def _poisson(y, x):
    return sm.Poisson(y, x).fit(**_EXACT)


def _gamma(y, x):
    family = sm.families.Gamma(sm.families.links.Log())
    return sm.GLM(y, x, family).fit(tol=1e-15, maxiter=200)


def _negative_binomial(y, x):
    start = np.append(_poisson(y, x).params, 0.5)
    return sm.NegativeBinomial(y, x).fit(start_params=start, **_EXACT)


def _at_least_one(y):
    return (y > 0).astype(int)


CASES = {
    "longley": Case(_own("longley"), "normal", _least_squares),
    "stackloss": Case(_own("stackloss"), "normal", _least_squares),
    "statecrime": Case(_own("statecrime"), "normal", _least_squares),
    "ccard": Case(_own("ccard"), "normal", _least_squares),
    "copper": Case(_own("copper"), "normal", _least_squares),
    "engel": Case(_columns("engel", ["income"], "foodexp"), "normal", _least_squares),
    "diabetes": Case(_sklearn("diabetes", 10), "normal", _least_squares),
    "spector": Case(_own("spector"), "bernoulli", _logit),
    "fair": Case(_own("fair", _at_least_one), "bernoulli", _logit),
    "breast_cancer": Case(_sklearn("breast_cancer", 5), "bernoulli", _logit),
    "anes96": Case(_own("anes96"), "categorical", _softmax, {"base": 0}),
    "wine": Case(_sklearn("wine", 3), "categorical", _softmax, {"base": 0}),
    "cpunish": Case(_own("cpunish"), "poisson", _poisson),
    "committee": Case(_own("committee"), "poisson", _poisson),
    "randhie": Case(_own("randhie"), "poisson", _poisson),
    "scotland": Case(_own("scotland"), "gamma", _gamma),
    "strikes": Case(_own("strikes"), "gamma", _gamma),
    "randhie, overdispersed": Case(_own("randhie"), "negative_binomial", _negative_binomial),
}
