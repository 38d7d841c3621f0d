"""Errors of loss and gradient in units in the last place, regime by regime, and their causes."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import mpmath as mp
import numpy as np
import torch
from torch import Tensor

from neglog import engine
from neglog.engine import ElementwiseProblem
from neglog.report.document import Table, number
from neglog.verification.findings import WEAK, WRONG, Result
from neglog.verification.rewritings import cancellation, rewritings
from neglog.verification.subject import Subject, columns, parts

DIGITS = 150
LIMITS = {torch.float32: (2.0, 4.0), torch.float64: (4.0, 8.0)}
_NOT_FINITE = 1e300  # an error: infinite where the truth is finite, or the other way round
_STEP = mp.mpf(10) ** -40
_REALS: dict[torch.dtype, Any] = {torch.float32: np.float32, torch.float64: np.float64}


def exactness(subject: Subject, points: dict[str, list[tuple[float, ...]]]) -> Result:
    """Compare the losses and gradients that run with those in 150 digits."""
    result = Result("Exactness")
    rows: list[tuple[str, str, float, float]] = []
    worst: dict[str, float] = {}
    with mp.workdps(DIGITS):
        for regime, chosen in points.items():
            true = [_truth(subject, point) for point in chosen]
            for dtype in LIMITS:
                errors = _errors(subject, chosen, true, dtype)
                largest = [max(errors, key=itemgetter(i)) for i in range(4)]
                name = str(dtype)[6:]
                rows.append((regime, name, _finite(largest[0][0]), _finite(largest[1][1])))
                for i, what in enumerate(("loss", "gradient")):
                    _note(
                        subject, (what, regime, name), largest[2 + i], LIMITS[dtype][i], i, result
                    )
                    worst[f"{regime}, {name}, {what}"] = _finite(largest[i][i])
        _advise(subject, result)
    result.words.append(
        "The largest errors in units in the last place, of what the kernels compute. Above the "
        "limits (loss 2 and gradient 4 in float32, 4 and 8 in float64) they are a fault, unless "
        "changing an input in its last place changes the result as much, as near the optimum."
    )
    shown = [[regime, name, number(a, 3), number(b, 3)] for regime, name, a, b in rows]
    result.table = Table(["regime", "dtype", "loss", "gradient"], shown)
    result.data = worst
    return result


def _finite(error: float) -> float:
    return float("inf") if error >= _NOT_FINITE else float(error)


def computed(subject: Subject, tensors: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return the loss of each element and its gradients, as training computes them."""
    if not subject.likelihood.elementwise:
        return _by_formula(subject, tensors)
    n, known = len(subject.inputs), len(subject.given)
    inputs = [t.clone().requires_grad_() for t in tensors[:n]]
    given, y = tensors[n : n + known], tensors[-1]
    likelihood: Any = subject.likelihood
    problem = ElementwiseProblem(
        likelihood, tuple(inputs), y, tuple(given), subject.settings, reduction="none"
    )
    loss = engine.loss(problem)
    return loss.detach(), list(torch.autograd.grad(loss, inputs, torch.ones_like(loss)))


def _by_formula(subject: Subject, tensors: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return the same of one class of a row, whose kernels take whole rows."""
    wide, dtype = [t.double() for t in tensors], tensors[-1].dtype
    found = [parts(getattr(subject.likelihood, fact)(*wide)) for fact in ("nll", "grad")]
    loss, slope = (torch.as_tensor(f[0]).to(dtype).expand_as(tensors[-1]) for f in found)
    return loss, [slope]


def _truth(subject: Subject, point: tuple[float, ...]) -> tuple[list[Any], list[Any]]:
    """Return the loss and gradients, and for each what no formula can avoid of its error.

    That is how much it changes, in all, if each argument changes relatively by 1.
    """
    values = _values(subject, point)
    count = len(point) - (subject.support.points not in (None, "integers"))
    changes = [mp.mpf(0)] * len(values)
    for i in (i for i in range(count) if point[i]):
        moved = (*point[:i], mp.mpf(point[i]) * (1 + _STEP), *point[i + 1 :])
        for part, value in enumerate(_values(subject, moved)):
            changes[part] += abs(value - values[part]) / _STEP
    return values, changes


def _values(subject: Subject, point: Sequence[Any]) -> list[Any]:
    """Return the loss and gradients in mpmath."""
    return [value for fact in ("nll", "grad") for value in parts(subject.exact(fact)(*point))]


def _errors(
    subject: Subject, points: list[tuple[float, ...]], true: list[Any], dtype: torch.dtype
) -> list[Any]:
    """Return the errors of loss and gradients at each point, and the point.

    First in units in the last place; then divided by what no formula can avoid.
    """
    tensors = [t.to(dtype) for t in columns(points)]
    loss, slopes = computed(subject, tensors)
    found = zip(loss.tolist(), *(s.tolist() for s in slopes), strict=True)
    result = []
    for point, got, (values, spare) in zip(points, found, true, strict=True):
        plain = [ulps(g, t, 0, dtype) for g, t in zip(got, values, strict=True)]
        blamed = [ulps(g, t, s, dtype) for g, t, s in zip(got, values, spare, strict=True)]
        result.append((plain[0], max(plain[1:]), blamed[0], max(blamed[1:]), point))
    return result


def ulps(got: float, true: Any, spare: Any, dtype: torch.dtype) -> float:
    """Return an error in units in the last place of the true number, or of float64 at `spare`."""
    info = torch.finfo(dtype)
    if mp.isnan(true) or got != got:
        return 0.0 if mp.isnan(true) and got != got else float("inf")
    if mp.isinf(true) or abs(true) > info.max or got in (float("inf"), float("-inf")):
        return (
            0.0
            if abs(true) >= info.max and abs(got) >= info.max and got * true > 0
            else _NOT_FINITE
        )
    unit = max(float(np.spacing(abs(_REALS[dtype](float(true))))), info.smallest_normal * info.eps)
    further = spare * mp.mpf(float(np.finfo(np.float64).eps))
    return float(abs(mp.mpf(got) - true) / max(mp.mpf(unit), further))


def _note(
    subject: Subject, cell: tuple[str, str, str], worst: Any, limit: float, at: int, result: Result
) -> None:
    """Add an error above its limit."""
    error, point = worst[at], worst[4]
    if worst[2 + at] <= limit:
        return
    what, regime, dtype = cell
    where = dict(zip(subject.arguments, point, strict=True))
    if error >= _NOT_FINITE:
        kind = "NaN" if error == float("inf") else "not finite, or finite where it overflows,"
        message = f"the {what} in {dtype} is {kind} at {subject.where(point)}."
        result.add(WRONG, message, where)
        return
    digits = np.log10(error)
    result.add(
        WEAK,
        f"the {what} in {dtype} is off by {number(error, 3)} units in the last place {regime}, "
        f"about {digits:.0f} digits, at {subject.where(point)}.",
        where,
    )


def _advise(subject: Subject, result: Result) -> None:
    """Add what would help: named rewritings, and the operation that cancels most."""
    for advice in rewritings(subject, overflows=bool(result.findings)):
        result.add(WEAK, advice)
    losses = [f for f in result.findings if f.level == WEAK and f.point and "loss" in f.message]
    if losses:
        found = cancellation(subject, tuple(losses[0].point.values()))
        if found:
            result.add(WEAK, found, losses[0].point)
