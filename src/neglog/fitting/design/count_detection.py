"""Classify whole numbers by their histogram: counts, class codes, or neither."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neglog.fitting.tables.numerals import SHARES
from neglog.translation import gettext as _

_MIN_ROWS = 30  # below, a histogram has no shape
_MIN_VALUES, _MIN_VALUES_FROM_ONE = 5, 8
_SKEW, _RISES, _TAIL, _COVERED = 0.4, 0.1, 0.25, 0.4
_BALANCED = 2.0
_EXPOSURE = re.compile(
    r"(^|[^a-z])(exposure|holders|policies|insured|pop|population|person.?years|years.?at.?risk|"
    r"at.?risk|observation.?time|months|days|hours|service)($|[^a-z])"
)


@dataclass(frozen=True)
class CountHistogram:
    """A histogram of whole numbers.

    Attributes:
        values: the different numbers, in ascending order.
        times: how often each occurs.
    """

    values: np.ndarray[Any, Any]
    times: np.ndarray[Any, Any]

    @classmethod
    def of(cls, numbers: np.ndarray[Any, Any]) -> CountHistogram | None:
        """Return the histogram of nonnegative whole numbers; None for other numbers."""
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers) or (numbers < 0).any() or (numbers % 1 != 0).any():
            return None
        return cls(*np.unique(numbers, return_counts=True))

    @property
    def rows(self) -> int:
        """The number of values."""
        return int(self.times.sum())

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(np.average(self.values, weights=self.times))

    @property
    def looks_like_counts(self) -> bool:
        """Whether they start at 0 or 1 and are skewed to the right, as counts are."""
        smallest = float(self.values[0])
        min_values = _MIN_VALUES if smallest == 0 else _MIN_VALUES_FROM_ONE
        if smallest > 1 or len(self.values) < min_values or self.rows < _MIN_ROWS:
            return False
        return self._skewed(1.0 if smallest else _SKEW) and self._falls() and self._covers()

    @property
    def balanced(self) -> bool:
        """Whether each occurs about equally often, as in a balanced table of classes."""
        return bool(self.times.max() <= _BALANCED * self.times.min())

    def _skewed(self, limit: float) -> bool:
        """Whether the skewness exceeds half of Poisson's, or `limit`."""
        errors = self.values - self.mean
        spread = float(np.average(errors**2, weights=self.times)) ** 0.5
        skew = float(np.average((errors / spread) ** 3, weights=self.times))
        return skew > min(limit, 0.5 / self.mean**0.5) if limit < 1 else skew > limit

    def _falls(self) -> bool:
        """Whether the histogram has its mode in the lower half and a thin right tail.

        Many different numbers are grouped, since single ones say little of where limit lie.
        """
        top = float(np.quantile(np.repeat(self.values, self.times), 0.98))
        bins = int(min(max(top, 4), 12))
        times, _ = np.histogram(self.values, bins, (0, top + 1), weights=self.times)
        mode = int(times.argmax())
        rises = np.diff(times)
        violations = rises[mode:].clip(min=0).sum() - rises[:mode].clip(max=0).sum()
        allowed = _RISES * self.rows + 2 * self.rows**0.5
        return bool(
            mode < bins / 2
            and violations <= allowed
            and self.times[-1] <= _TAIL * self.times.max() + 1
            and times[-1] <= 2 * _TAIL * times.max()
        )

    def _covers(self) -> bool:
        """Whether most of the low whole numbers occur, unlike in amounts of money."""
        whole = np.repeat(self.values, self.times)
        middle = float(np.median(whole))
        below = int((self.values <= middle).sum())
        return middle < len(whole) and below >= _COVERED * min(middle + 1, len(whole) / 4)


def reason(name: str, shape: CountHistogram) -> str:
    """Explain why numbers are read as counts, and the alternatives."""
    first, last = shape.values[0], shape.values[-1]
    text = _(
        "{name} holds whole numbers from {first} to {last}, most of them low, taken as "
        "counts (--likelihood categorical if they are codes of classes, normal if they are not "
        "counts)"
    )
    return text.format(name=repr(name), first=f"{first:.0f}", last=f"{last:.0f}")


def as_classes(name: str, count: int) -> str:
    """Explain why numbers are read as classes, and the alternatives."""
    text = _(
        "{name} holds {count} different whole numbers, taken as classes (--likelihood poisson "
        "if they are counts, ordinal if they are ordered)"
    )
    return text.format(name=repr(name), count=count)


def class_codes_warning(name: str, shape: CountHistogram) -> str:
    """Warn that numbers read as classes may be counts or ratings."""
    if shape.balanced and shape.values[0] <= 1:
        return ""
    text = _(
        "the whole numbers of {name}, {first} to {last}, are taken as codes of classes; if they "
        "are counts, pass --likelihood poisson, if they are ratings or other ordered classes, "
        "ordinal, if they are measurements, normal."
    )
    first, last = shape.values[0], shape.values[-1]
    return text.format(name=repr(name), first=f"{first:.0f}", last=f"{last:.0f}")


def normal_warning(name: str) -> str:
    """Warn that whole numbers may be counts."""
    text = _(
        "{name} holds whole numbers of 0 or more, taken as measurements with normal errors; if "
        "they are counts, pass --likelihood poisson or negative_binomial."
    )
    return text.format(name=repr(name))


def proportions_warning(name: str) -> str:
    """Warn that measurements may be proportions."""
    text = _(
        "{name} lies between 0 and 1, taken as measurements with normal errors; if it holds "
        "proportions of known numbers of trials, pass --likelihood binomial and the trials as "
        "--sample-weight."
    )
    return text.format(name=repr(name))


def unit_warning(name: str, unit: str) -> str:
    """Warn that numbers with a unit may be proportions."""
    if unit not in SHARES:
        return ""
    return _(
        "{name!r} is in {unit}, taken as measurements with normal errors; if it holds proportions "
        "of known numbers of trials, divide it by "
        "{whole}, and pass --likelihood binomial and the trials as --sample-weight."
    ).format(name=name, unit=unit, whole=SHARES[unit])


def exposure_warning(name: str, features: Sequence[str]) -> str:
    """Note that counts may require an exposure."""
    likely = [repr(feature) for feature in features if _EXPOSURE.search(feature.lower())]
    text = _(
        "{name} is fitted as counts; where the rows were observed for different times, areas or "
        "numbers of people, pass that column as --exposure."
    )
    if likely:
        text = _(
            "{name} is fitted as counts; where the rows were observed for different times, areas "
            "or numbers of people, which {column} looks like, pass that column as --exposure."
        )
    return text.format(name=repr(name), column=likely[0] if likely else "")
