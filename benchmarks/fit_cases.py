"""Data on which fitting goes wrong: what neglog says, and what four others say.

    python benchmarks/fit_cases.py     # wants scikit-learn, statsmodels and glum

Each line is a contender's answer: the coefficient that the case is about (its standard error in
brackets, where there is one), and what was warned about or raised. R is not run.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import statsmodels.api as sm
import torch
from glum import GeneralizedLinearRegressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor

import neglog
from neglog.errors import FitError

ROWS = 500
WIDTH = 100


def base(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return three columns and a target of two classes that overlap."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((ROWS, 3))
    return x, (x[:, 0] - 0.5 * x[:, 1] + random.logistic(size=ROWS) > 0).astype(int)


def separated() -> tuple[np.ndarray, np.ndarray, int]:
    """Return classes that the first column tells apart."""
    x, _ = base()
    return x, (x[:, 0] > 0).astype(int), 0


def separated_in_part() -> tuple[np.ndarray, np.ndarray, int]:
    """Return classes of which one is certain where the last column is 1."""
    x, y = base()
    dummy = np.random.default_rng(1).random(ROWS) < 0.1
    return np.c_[x, dummy], (y | dummy).astype(int), 3


def collinear() -> tuple[np.ndarray, np.ndarray, int]:
    """Return a last column that is the sum of the first two."""
    x, y = base()
    return np.c_[x, x[:, 0] + x[:, 1]], y, 3


def scales() -> tuple[np.ndarray, np.ndarray, int]:
    """Return columns of units 1, a million, and a millionth."""
    x, y = base()
    return x * [1.0, 1e6, 1e-6], y, 2


def far() -> tuple[np.ndarray, np.ndarray, int]:
    """Return columns a hundred thousand away from 0, of standard deviation 1."""
    x, y = base()
    return x + 1e5, y, 0


def one_class() -> tuple[np.ndarray, np.ndarray, int]:
    """Return a target that is always 1."""
    x, y = base()
    return x, np.ones_like(y), 0


def no_events() -> tuple[np.ndarray, np.ndarray, int]:
    """Return counts that are 0 wherever the last column is 1."""
    x, _ = base()
    dummy = np.random.default_rng(1).random(ROWS) < 0.1
    y = np.random.default_rng(2).poisson(np.exp(0.5 * x[:, 0])) * ~dummy
    return np.c_[x, dummy], y, 3


def large_counts() -> tuple[np.ndarray, np.ndarray, int]:
    """Return counts up to a hundred million, at which a first step may overflow."""
    x, _ = base()
    return x, np.random.default_rng(2).poisson(np.exp(2 * x[:, 0] + 12)), 0


CASES: dict[str, tuple[Callable[[], tuple[np.ndarray, np.ndarray, int]], str]] = {
    "complete separation; the maximum is at infinity": (separated, "bernoulli"),
    "separation in part; the maximum of x4 is at infinity": (separated_in_part, "bernoulli"),
    "exact collinearity, x4 = x1 + x2": (collinear, "bernoulli"),
    "columns of units 1, 1e6, 1e-6": (scales, "bernoulli"),
    "columns of mean 1e5 and deviation 1": (far, "bernoulli"),
    "one class only": (one_class, "bernoulli"),
    "counts, none where x4 is 1; the maximum is at minus infinity": (no_events, "poisson"),
    "counts up to 1e8": (large_counts, "poisson"),
}


def by_neglog(x: np.ndarray, y: np.ndarray, kind: str, column: int) -> str:
    """Return neglog's answer."""
    result = neglog.fit(x, y, likelihood=kind, progress=False)
    assert result.coefficients is not None
    at = column + 1
    answer = _number(result.coefficients.estimate[at], result.coefficients.error[at])
    notes = "; ".join([result.outcome, *result.notes])
    return f"{answer}  {notes}"


def by_statsmodels(x: np.ndarray, y: np.ndarray, kind: str, column: int) -> str:
    """Return statsmodels' answer, by GLM."""
    family = sm.families.Binomial() if kind == "bernoulli" else sm.families.Poisson()
    found = sm.GLM(y, sm.add_constant(x, has_constant="add"), family).fit()
    answer = _number(found.params[column + 1], found.bse[column + 1])
    return f"{answer}  converged={found.converged}"


def by_sklearn(x: np.ndarray, y: np.ndarray, kind: str, column: int) -> str:
    """Return scikit-learn's answers, by its default solver and by Newton's method."""
    answers = []
    for solver in ("lbfgs", "newton-cholesky"):
        model: Any = PoissonRegressor(alpha=0, solver=solver)
        if kind == "bernoulli":
            model = LogisticRegression(C=np.inf, solver=solver)
        answers.append(f"{solver} {_number(np.ravel(model.fit(x, y).coef_)[column])}")
    return ", ".join(answers)


def by_glum(x: np.ndarray, y: np.ndarray, kind: str, column: int) -> str:
    """Return glum's answer, with its default standard errors."""
    family = "binomial" if kind == "bernoulli" else "poisson"
    model = GeneralizedLinearRegressor(family=family, alpha=0).fit(x, y)
    return _number(model.coef_[column], model.std_errors(x, y)[column + 1])


def by_torch(x: np.ndarray, y: np.ndarray, kind: str, column: int) -> str:
    """Return what torch's L-BFGS makes of torch's loss."""
    features, target = torch.from_numpy(x).double(), torch.from_numpy(y).double()
    layer = torch.nn.Linear(x.shape[1], 1, dtype=torch.float64)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=500, line_search_fn="strong_wolfe")
    functional = torch.nn.functional
    loss = {
        "bernoulli": functional.binary_cross_entropy_with_logits,
        "poisson": functional.poisson_nll_loss,
    }[kind]

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(layer(features)[:, 0], target)
        value.backward()
        return value

    optimizer.step(closure)
    return f"{_number(layer.weight[0, column].item())}  loss {closure().item():.3g}"


CONTENDERS = {
    "neglog": by_neglog,
    "statsmodels": by_statsmodels,
    "scikit-learn": by_sklearn,
    "glum": by_glum,
    "torch L-BFGS": by_torch,
}


def _number(value: float, error: float | None = None) -> str:
    return f"{value:.4g}" if error is None else f"{value:.4g} ({error:.3g})"


def answer(contender: str, x: np.ndarray, y: np.ndarray, kind: str, column: int) -> str:
    """Return a contender's answer, and what it warned of or raised."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            text = CONTENDERS[contender](x, y, kind, column)
        except (FitError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            text = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    named = sorted({w.category.__name__ for w in caught if w.category is not DeprecationWarning})
    return text + (f"  [{', '.join(named)}]" if named else "")


def main() -> None:
    """Print every case with every answer."""
    for title, (make, kind) in CASES.items():
        print(f"\n{title}")
        x, y, column = make()
        for contender in CONTENDERS:
            lines = textwrap.wrap(answer(contender, x, y, kind, column), WIDTH - 16)
            print(
                textwrap.indent("\n".join(lines), " " * 16).replace(
                    " " * 16, f"  {contender:14}", 1
                )
            )


if __name__ == "__main__":
    main()
