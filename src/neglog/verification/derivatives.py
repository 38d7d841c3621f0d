"""Stated and derived derivatives against mpmath's derivatives of `nll`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from neglog.report.document import Table, number
from neglog.verification.findings import WRONG, Result
from neglog.verification.points import LARGE, NEAR_0, ORDINARY
from neglog.verification.subject import DIGITS, Subject, in_digits, parts

POINTS = {ORDINARY: 8, NEAR_0: 4, LARGE: 4}
TOLERANCE = 1e-10  # of 60 digits, of which a numerical derivative loses half


def derivatives(subject: Subject, points: dict[str, list[tuple[float, ...]]]) -> Result:
    """Compare each derivative at some points of each regime."""
    result = Result("Derivatives")
    chosen = [p for regime, count in POINTS.items() for p in points[regime][:count]]
    with mp.workdps(DIGITS):
        nll = subject.exact("nll")
        for fact, orders in _orders(subject).items():
            stated = subject.exact(fact)
            derived = in_digits(subject.derived[fact])
            usable = [p for p in chosen if fact != "grad_target" or _inside(subject, p)]
            errors = {"stated": 0.0, "derived": 0.0}
            for point in usable:
                true = [mp.diff(nll, point, order) for order in orders]
                for source, formula in (("stated", stated), ("derived", derived)):
                    error = _error(formula, point, true)
                    errors[source] = max(errors[source], error)
                    if source == "stated" and not error <= TOLERANCE:
                        _report(subject, fact, point, formula, true, result)
            result.data[fact] = errors
    result.words.append(
        "The largest relative difference from the derivative of `nll`, computed in 60 digits; "
        "“stated” is the derivative that runs."
    )
    headers = ["derivative", "stated", "derived from nll"]
    shown = [[fact, *(number(v, 2) for v in e.values())] for fact, e in result.data.items()]
    result.table = Table(headers, shown)
    return result


def _orders(subject: Subject) -> dict[str, list[tuple[int, ...]]]:
    """Return the orders of differentiation of each part of each derivative."""
    count = len(subject.arguments)
    n = len(subject.inputs)

    def order(*by: int) -> tuple[int, ...]:
        return tuple(by.count(i) for i in range(count))

    return {
        "grad": [order(i) for i in range(n)],
        "curvature": [order(i, j) for i in range(n) for j in range(i, n)],
        "grad_target": [order(count - 1)],
    }


def _inside(subject: Subject, point: tuple[float, ...]) -> bool:
    """Return whether a target is not an end of the support, where a derivative has one side."""
    y, contains = point[-1], subject.support.contains
    return bool(contains(y - 1e-3 * abs(y))) and bool(contains(y + 1e-3 * abs(y))) and y != 0.0


def _error(formula: Callable[..., Any], point: tuple[float, ...], true: list[Any]) -> float:
    found = parts(formula(*point))
    scale = max((abs(t) for t in true), default=mp.mpf(1))
    errors = [
        abs(mp.mpf(f) - t) / max(abs(t), scale * mp.mpf(10) ** -12, mp.mpf(10) ** -30)
        for f, t in zip(found, true, strict=True)
    ]
    return float(max(errors)) if not any(map(mp.isnan, errors)) else float("nan")


def _report(
    subject: Subject,
    fact: str,
    point: tuple[float, ...],
    formula: Callable[..., Any],
    true: list[Any],
    result: Result,
) -> None:
    """Add the first point at which a derivative is wrong."""
    if any(f"`{fact}`" in finding.message for finding in result.findings):
        return
    found = ", ".join(mp.nstr(mp.mpf(f), 8) for f in parts(formula(*point)))
    right = ", ".join(mp.nstr(t, 8) for t in true)
    result.add(
        WRONG,
        f"`{fact}` is {found} at {subject.where(point)}, but the derivative of `nll` is {right}: "
        f"correct it, or remove it from the class so that it is derived.",
        dict(zip(subject.arguments, point, strict=True)),
    )
