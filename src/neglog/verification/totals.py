"""Whether a likelihood sums or integrates to 1, and its score to 0."""

from __future__ import annotations

from collections.abc import Sequence
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
    rows = [_at(subject, fixed, result) for fixed in there[:POINTS]]
    if not rows:
        return result
    how = "integral" if support.points is None else "sum"
    headers = [*subject.arguments[:-1], how, *(f"mean score by {name}" for name in subject.inputs)]
    result.table = Table(headers, [_shown(row, len(subject.inputs)) for row in rows])
    result.words.append(
        f"The {how} of exp(−nll − constant) over the support ({support.words}) must be 1, and the "
        "mean of each derivative by an input 0."
    )
    result.data = {"totals": [row[len(subject.arguments) - 1] for row in rows]}
    _check_constant(subject, rows, result)
    return result


def _is_undefined(subject: Subject, point: Sequence[float]) -> bool:
    """Return whether the loss or its constant is NaN at a point."""
    tensors = [torch.tensor([value], dtype=torch.float64) for value in point]
    loss = subject.likelihood.nll(*tensors) + subject.constant(tensors[-1])
    return bool(torch.as_tensor(loss).isnan().any())


def _shown(row: list[float], scores: int) -> list[str]:
    """Return the entries of a point: mean scores, which are rounding errors, to two digits."""
    return [*(number(v, 6) for v in row[: -scores - 1]), number(row[-scores - 1], 10)] + [
        number(v, 2) for v in row[-scores:]
    ]


def _at(subject: Subject, fixed: Sequence[float], result: Result) -> list[float]:
    """Return the point, the total and the mean scores there; add what is wrong with the scores."""
    sums = total(subject.likelihood.support, lambda y: _integrand(subject, fixed, y))
    mass, scores, squares = sums[0], sums[1::2], sums[2::2]
    for name, score, square in zip(subject.inputs, scores, squares, strict=True):
        if not abs(score) <= TOLERANCE * max(1.0, square) ** 0.5 * max(1.0, mass):
            at = dict(zip(subject.arguments, fixed, strict=False))
            where = ", ".join(f"{key} = {value:.6g}" for key, value in at.items())
            result.add(
                WRONG,
                f"the mean of the derivative by {name} is {score:.4g} at {where}, not 0: the total "
                f"probability depends on {name}, or the derivative is wrong.",
                at,
            )
    return [*fixed, mass, *scores]


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


def _check_constant(subject: Subject, rows: list[list[float]], result: Result) -> None:
    at = len(subject.arguments) - 1
    masses = np.array([row[at] for row in rows])
    if np.all(abs(masses - 1.0) <= TOLERANCE):
        return
    worst = rows[int(np.argmax(np.nan_to_num(abs(masses - 1.0), nan=np.inf)))]
    where = ", ".join(f"{k} = {v:.6g}" for k, v in zip(subject.arguments, worst[:at], strict=False))
    remedy = "correct `nll`, or state `normalised = False` if it is not a likelihood"
    level = WEAK if np.isnan(masses).any() else WRONG
    if np.isfinite(masses).all() and np.ptp(masses) <= TOLERANCE * masses.max():
        remedy = (
            f"state `constant`, here {np.log(masses[0]):.16g}, as a function of "
            f"({', '.join((*subject.likelihood.settings, 'y'))}), or `normalised = False`"
        )
        if subject.likelihood.constant is no_constant:
            level = WEAK
            remedy += "; training needs no constant, but AIC and sums of likelihoods do"
    result.add(
        level,
        f"the total probability is {worst[at]:.10g} at {where}, not 1: {remedy}.",
        dict(zip(subject.arguments, worst[:at], strict=False)),
    )


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
