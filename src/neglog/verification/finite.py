"""Whether the loss is a finite number at valid points; the other checks leave out the rest."""

from __future__ import annotations

from typing import Any

import mpmath as mp

from neglog.verification.findings import WRONG, Result
from neglog.verification.subject import Subject

_DIGITS = 30

Points = dict[str, list[tuple[float, ...]]]


def finite(subject: Subject, points: Points) -> tuple[Result, Points]:
    """Compute the loss at all points, and return those at which it is finite."""
    result = Result("Finite losses")
    every = [point for chosen in points.values() for point in chosen]
    nll = subject.exact("nll")
    with mp.workdps(_DIGITS):
        losses = {point: nll(*point) for point in every}
    kept = {r: [p for p in chosen if mp.isfinite(losses[p])] for r, chosen in points.items()}
    wrong = [point for point in every if not mp.isfinite(losses[point])]
    count = len(every) - len(wrong)
    result.data = {"points": len(every), "finite": count}
    result.words.append(
        f"The loss must be a finite number at every valid point; it is at {count} of {len(every)}."
    )
    if wrong:
        result.words.append("The other checks leave out the rest, and there is no total.")
        first = wrong[0]
        kind = "NaN" if mp.isnan(losses[first]) else "infinite"
        more = f" (and at {len(wrong) - 1} more points)" if len(wrong) > 1 else ""
        right = [point for found in kept.values() for point in found]
        result.add(
            WRONG,
            f"the loss is {kind} at {subject.where(first)}, a valid point{more}: "
            f"{_remedy(subject, wrong, right)}.",
            dict(zip(subject.arguments, first, strict=True)),
        )
    return result, kept


def _remedy(subject: Subject, wrong: list[Any], right: list[Any]) -> str:
    """Name the argument that must be above 0 if that tells the points apart."""
    if not right and subject.settings:
        return "correct `nll`, or choose valid settings"
    for place, name in enumerate(subject.arguments):
        if right and all(p[place] <= 0 for p in wrong) and all(p[place] > 0 for p in right):
            if name == "y":
                return "state `support = neglog.support.positive`, or make the loss finite"
            attribute = "domains" if name in subject.inputs else "given_domains"
            return f"state neglog.support.positive for {name} in `{attribute}`, or take exp({name})"
    return "exclude it with `support` or `domains`, or make the loss finite"
