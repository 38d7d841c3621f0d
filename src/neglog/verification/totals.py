"""Whether a likelihood sums or integrates to 1, and its score to 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from neglog.likelihood import no_constant
from neglog.normalisation import near_ends, total
from neglog.report.document import Table, number
from neglog.verification.findings import WEAK, WRONG, Result
from neglog.verification.points import ORDINARY
from neglog.verification.subject import Subject, parts

POINTS = 4
TOLERANCE = 1e-8


def totals(subject: Subject, points: dict[str, list[tuple[float, ...]]]) -> Result:
    """Sum or integrate the likelihood and its score over the support, at a few inputs."""
    result = Result("Total probability and mean score")
    likelihood = subject.likelihood
    if not likelihood.elementwise:
        _check_nothing(subject, result)
    if not likelihood.normalised:
        result.words.append(
            "The declaration states `normalised = False`, so its total is not checked."
        )
        return result
    if not likelihood.elementwise:
        return _of_rows(subject, result)
    support = likelihood.support
    undefined = next((point for point in points[ORDINARY] if _is_undefined(subject, point)), None)
    if undefined is not None:
        at = dict(zip(subject.arguments, undefined, strict=True))
        where = ", ".join(f"{name} = {value:.6g}" for name, value in at.items())
        remedy = "correct them, or choose valid settings"
        result.add(WRONG, f"nll + constant is NaN at {where}, so there is no total: {remedy}.", at)
        return result
    drawn = [point[:-1] for point in points[ORDINARY]]
    there = [
        fixed
        for fixed in drawn
        if near_ends(support, partial(_integrand, subject, fixed)) <= TOLERANCE
    ]
    if len(there) < len(drawn):
        result.words.append(
            f"At {len(drawn) - len(there)} of {len(drawn)} points the density has a pole at an end "
            "of the support, too near which float64 has no numbers: its total is not checked there."
        )
    rows = [_at(subject, fixed) for fixed in there[:POINTS]]
    if not rows:
        return result
    how = "integral" if support.points is None else "sum"
    headers = [*subject.arguments[:-1], how, *(f"mean score by {name}" for name in subject.inputs)]
    result.table = Table(headers, [_shown(row) for row in rows])
    result.words.append(
        f"The {how} of exp(−nll − constant) over the support ({support.words}) must be 1, and the "
        "mean of each derivative by an input 0."
    )
    result.data = {"totals": [row.mass for row in rows]}
    if _check_constant(subject, rows, result):
        _check_scores(subject, rows, result)
    return result


@dataclass(frozen=True)
class _Row:
    """The total probability, the mean scores and their mean squares at fixed arguments."""

    fixed: tuple[float, ...]
    mass: float
    scores: list[float]
    squares: list[float]


def _is_undefined(subject: Subject, point: Sequence[float]) -> bool:
    """Return whether the loss or its constant is NaN at a point."""
    tensors = [torch.tensor([value], dtype=torch.float64) for value in point]
    loss = subject.likelihood.nll(*tensors) + subject.constant(tensors[-1])
    return bool(torch.as_tensor(loss).isnan().any())


def _shown(row: _Row) -> list[str]:
    """Return the entries of a point: mean scores, which are rounding errors, to two digits."""
    scores = [number(score, 2) for score in row.scores]
    return [*(number(v, 6) for v in row.fixed), number(row.mass, 10), *scores]


def _at(subject: Subject, fixed: tuple[float, ...]) -> _Row:
    """Return the total and the mean scores at fixed arguments."""
    found = total(subject.likelihood.support, lambda y: _integrand(subject, fixed, y))
    sums = list(map(float, found))
    return _Row(fixed, sums[0], sums[1::2], sums[2::2])


def _check_scores(subject: Subject, rows: list[_Row], result: Result) -> None:
    """Add the first mean of each derivative that is not 0 although the total is the same."""
    for place, name in enumerate(subject.inputs):
        for row in rows:
            score, square = row.scores[place], row.squares[place]
            if not abs(score) <= TOLERANCE * max(1.0, square) ** 0.5 * max(1.0, row.mass):
                result.add(
                    WRONG,
                    f"the mean of the derivative by {name} is {score:.4g} at {_where(subject, row)}"
                    f", not 0, although the total is the same at all points: the derivative is "
                    f"wrong.",
                    _point(subject, row),
                )
                break


def _point(subject: Subject, row: _Row) -> dict[str, float]:
    return dict(zip(subject.arguments, row.fixed, strict=False))


def _where(subject: Subject, row: _Row) -> str:
    return ", ".join(f"{name} = {value:.6g}" for name, value in _point(subject, row).items())


def _integrand(subject: Subject, fixed: Sequence[float], y: Tensor) -> Tensor:
    """Return the density, and its products with each score and its square."""
    tensors = [*(torch.full_like(y, value) for value in fixed), y]
    loss = subject.likelihood.nll(*tensors) + subject.constant(y)
    density = torch.exp(-torch.as_tensor(loss, dtype=y.dtype)).expand_as(y)
    columns = [density]
    for slope in parts(subject.likelihood.grad(*tensors)):
        slope = torch.as_tensor(slope, dtype=y.dtype)
        for factor in (slope, slope * slope):
            columns.append(torch.where(density == 0.0, 0.0, density * factor))
    return torch.stack(columns, 1)


def _check_constant(subject: Subject, rows: list[_Row], result: Result) -> bool:
    """Add a total that is not 1; return whether it is the same at all points."""
    masses = np.array([row.mass for row in rows])
    if np.all(abs(masses - 1.0) <= TOLERANCE):
        return True
    worst = rows[int(np.argmax(np.nan_to_num(abs(masses - 1.0), nan=np.inf)))]
    same = bool(np.isfinite(masses).all() and np.ptp(masses) <= TOLERANCE * masses.max())
    level = WEAK if np.isnan(masses).any() else WRONG
    if same:
        remedy = (
            f"state `constant`, here {np.log(masses[0]):.16g}, as a function of "
            f"({', '.join((*subject.likelihood.settings, 'y'))}), or `normalised = False`"
        )
        if subject.likelihood.constant is no_constant:
            level = WEAK
            remedy += "; training needs no constant, but AIC and sums of likelihoods do"
    else:
        remedy = "correct `nll`, or state `normalised = False` if it is not a likelihood"
        if subject.likelihood.constant is no_constant:
            counts = subject.support.points == "integers"
            example = ", such as log_gamma(y + 1.0)" if counts else ""
            remedy += f"; if it omits terms in y{example}, state them in `constant`"
    message = f"the total probability is {worst.mass:.10g} at {_where(subject, worst)}, not 1"
    message += "" if same or len(rows) == 1 else ", and differs from point to point"
    result.add(level, f"{message}: {remedy}.", _point(subject, worst))
    return same


def _rows(subject: Subject) -> tuple[Tensor, list[Tensor]]:
    """Return log-probabilities of rows of classes, and the settings."""
    random = torch.Generator().manual_seed(0)
    log_p = torch.randn(8, 5, generator=random, dtype=torch.float64).log_softmax(1)
    return log_p, [torch.full_like(log_p, s) for s in subject.settings]


def _check_nothing(subject: Subject, result: Result) -> None:
    """Check that a class without target contributes 0."""
    log_p, fixed = _rows(subject)
    loss = subject.likelihood.nll(log_p, *fixed, torch.zeros_like(log_p))
    each = torch.as_tensor(loss, dtype=log_p.dtype).expand_as(log_p)
    wrong = each != 0.0
    if bool(wrong.any()):
        at, got = log_p[wrong][0].item(), each[wrong][0].item()
        result.add(
            WRONG,
            f"the loss is {got:.6g} at log_p = {at:.6g}, y = 0, but a class with y = 0 must "
            "contribute 0: multiply its term by y.",
            {"log_p": at, "y": 0.0},
        )


def _of_rows(subject: Subject, result: Result) -> Result:
    """Check that the probabilities of all classes sum to 1."""
    log_p, fixed = _rows(subject)
    loss = subject.likelihood.nll(log_p, *fixed, torch.ones_like(log_p))
    sums = torch.exp(-torch.as_tensor(loss, dtype=log_p.dtype)).sum(1)
    result.data = {"totals": sums.tolist()}
    off = abs(sums - 1.0).max().item()
    result.words.append(f"The sum of exp(−nll) over the classes is 1 to {number(off)}.")
    if not off <= TOLERANCE:
        row = ", ".join(f"{value:.6g}" for value in log_p[0].tolist())
        result.add(
            WRONG,
            f"the total probability of the classes is {sums[0].item():.10g} at log_p = {row}, not "
            "1: correct `nll`, or state `normalised = False` if it is not a likelihood.",
        )
    return result
