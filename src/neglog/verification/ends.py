"""Losses and gradients at the ends of the support and of the domains, and at infinity."""

from __future__ import annotations

import itertools
import math
from typing import Any

import mpmath as mp
import torch

from neglog.report.document import Table, number
from neglog.support import Support
from neglog.verification.findings import WEAK, WRONG, Result
from neglog.verification.points import ORDINARY
from neglog.verification.subject import INFINITE, Subject, columns, parts

_MOST = 400
_LARGEST = mp.mpf(10) ** 300
_FACTS = ("nll", "grad")


def ends(subject: Subject, points: dict[str, list[tuple[float, ...]]]) -> Result:
    """Compute loss and gradient where arguments are 0, ends of their sets, or infinite."""
    result = Result("Ends of the support and infinity")
    names = ["the loss", *(f"the derivative by {name}" for name in subject.inputs)]
    cases = _cases(subject, points[ORDINARY][0])
    rows, faults = [], _Faults(subject)
    with mp.workdps(30):
        for case in cases:
            found, limits = _found(subject, case), _limits(subject, case)
            for name, got, limit in zip(names, found, limits, strict=True):
                faults.compare(case, name, got, limit)
            if math.isinf(found[0]) and case[:-1] == points[ORDINARY][0][:-1]:
                where = dict(zip(subject.arguments, case, strict=True))
                message = f"the loss is infinite at {subject.where(case)}, a target in the support"
                remedy = "exclude it with `support`, or make the loss finite"
                result.add(WRONG, f"{message}: {remedy}.", where)
            if any(map(math.isinf, case)):
                rows.append([*map(_shown, case), *map(_shown, found)])
    faults.into(result)
    headers = [*subject.arguments, "loss", *(f"by {name}" for name in subject.inputs)]
    result.table = Table(headers, rows[:12]) if rows else None
    result.words.append(
        f"Loss and gradient at {len(cases)} points at zeros, ends and infinities, compared with "
        "their limits" + ("; some of them:" if rows else ".")
    )
    result.data = {"points": len(cases)}
    return result


def _shown(value: float) -> str:
    return "NaN" if value != value else number(value)


def _cases(subject: Subject, ordinary: tuple[float, ...]) -> list[tuple[float, ...]]:
    """Return the ordinary point with each argument at its ends, at most one of them infinite."""
    choices = [[*_ends(d), x] for d, x in zip(subject.domains, ordinary, strict=False)]
    targets = [y for y in _ends(subject.support) if math.isfinite(y)]
    fixed = ordinary[len(choices) : -1]
    every = itertools.product(*choices, targets)
    kept = (c for c in every if sum(map(math.isinf, c)) <= 1)
    return [(*c[:-1], *fixed, c[-1]) for c in itertools.islice(kept, _MOST)]


def _ends(allowed: Support) -> list[float]:
    """Return the members of a set that are extreme: its finite ends, 0, 1 and infinity."""
    candidates = [*allowed.members, 0.0, 1.0, -1.0, math.inf, -math.inf]
    kept = [x for x in candidates if x == x and bool(allowed.contains(x)) and abs(x) != 1e30]
    return sorted(set(kept))


def _found(subject: Subject, case: tuple[float, ...]) -> list[float]:
    """Return the loss and gradients of a point, in float64."""
    tensors = columns([case])
    return [
        float(torch.as_tensor(value))
        for fact in _FACTS
        for value in parts(getattr(subject.likelihood, fact)(*tensors))
    ]


def _limits(subject: Subject, case: tuple[float, ...]) -> list[float | None]:
    """Return what the loss and gradients tend to; None if that is not a number."""
    near, far = (_values(subject, case, scale) for scale in (INFINITE, INFINITE**2))
    return [_limit(a, b) for a, b in zip(near, far, strict=True)]


def _values(subject: Subject, case: tuple[float, ...], infinite: Any) -> list[Any]:
    numbers = [mp.sign(x) * infinite if math.isinf(x) else mp.mpf(x) for x in case]
    found: list[Any] = []
    for fact in _FACTS:
        found += map(mp.mpf, parts(subject.exact(fact)(*numbers)))
    return found


def _limit(near: Any, far: Any) -> float | None:
    if mp.isnan(near) or mp.isnan(far):
        return None
    if mp.isinf(far) or abs(far) > _LARGEST or (far != near and abs(far) > 1.01 * abs(near)):
        return math.copysign(math.inf, far)
    return float(far)


class _Faults:
    """Collects the values that are not the limits: the first of each kind, and how many."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._found: dict[tuple[str, str, str], list[tuple[tuple[float, ...], float | None]]] = {}

    def compare(self, case: tuple[float, ...], name: str, got: float, limit: float | None) -> None:
        """Keep a value that is not the limit."""
        kind = _kind(case, name, got, limit)
        if kind is not None:
            self._found.setdefault((name, *kind), []).append((case, limit))

    def into(self, result: Result) -> None:
        """Add a fault for each kind."""
        for (name, level, kind), cases in self._found.items():
            case, limit = cases[0]
            more = f", and at {len(cases) - 1} more points" if len(cases) > 1 else ""
            right = "" if limit is None else f" (its limit is {number(limit)})"
            where = dict(zip(self._subject.arguments, case, strict=True))
            place = f"{self._subject.where(case)}{right}{more}"
            result.add(level, f"{name} is {kind} at {place}.", where)


def _kind(
    case: tuple[float, ...], name: str, got: float, limit: float | None
) -> tuple[str, str] | None:
    """Return the level and the kind of a fault."""
    finite = all(map(math.isfinite, case))
    if got != got and finite:
        return WRONG, "NaN"
    if got != got:
        return (WEAK, "NaN") if limit is not None else None
    if math.isinf(got) and finite and limit is not None and math.isfinite(limit):
        return WRONG, "infinite"
    if math.isinf(got) and finite and name == "the loss":
        return WEAK, "infinite, which training cannot leave,"
    if limit is not None and math.isfinite(got) and not _close(got, limit):
        return WEAK if not finite else WRONG, f"{number(got)}, not its limit,"
    return None


def _close(got: float, limit: float) -> bool:
    return abs(got - limit) <= 1e-6 * max(1.0, abs(limit)) or (
        math.isinf(limit) and abs(got) > 1e30
    )
