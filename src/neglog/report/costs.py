"""The loss of groups of rows: by split, by class, by deciles of the prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from neglog.report.document import number
from neglog.translation import gettext as _

if TYPE_CHECKING:
    from neglog.report.parts import WeightedRows

    Array = np.ndarray[Any, Any]

_DECILES = 10
_MAX_CLASSES = 20


@dataclass(frozen=True)
class Group:
    """The loss of a group of rows.

    Attributes:
        name: what they have in common.
        rows: how many they are.
        mean: their mean loss in nats.
        expected: the mean loss that the model itself expects, the entropy of its probabilities;
            None for numbers, and where the rows were chosen by their truth.
        share: their fraction of the total loss; None if losses may be negative.
    """

    name: str
    rows: int
    mean: float
    expected: float | None
    share: float | None


@dataclass(frozen=True)
class Costs:
    """One way to group the rows."""

    title: str
    groups: list[Group]
    caption: str = ""

    @property
    def largest(self) -> float:
        """The largest fraction; 1 without any."""
        return max((group.share or 0.0 for group in self.groups), default=0.0) or 1.0


def costs(parts: Sequence[WeightedRows], classes: list[Any] | None) -> list[Costs]:
    """Return the groupings: by split, then two groupings of the last rows.

    Args:
        parts: the training rows and, if any, the validation rows; the last are grouped further.
        classes: the labels; None for a numeric target.
    """
    found = []
    if len(parts) > 1:
        loss = np.concatenate([part.rows.loss for part in parts])
        weight = np.concatenate([part.weight for part in parts])
        split = np.repeat(np.arange(len(parts)), [len(part.rows.loss) for part in parts])
        groups = _groups(
            split, {k: _(part.name) for k, part in enumerate(parts)}, loss, weight, None
        )
        words = _("A model that fits the held-out rows as well as the others does not overfit.")
        found.append(Costs(_("By split"), groups, words))
    judged = parts[-1]
    rows, expected = judged.rows, _expected(judged)
    if classes is not None:
        labels = {label: str(label) for label in classes}
        groups = _groups(rows.truth, labels, rows.loss, judged.weight, None)
        shown = sorted(groups, key=lambda group: -group.mean * group.rows)[:_MAX_CLASSES]
        cut = _("The {shown} that cost most of {count} classes.")
        cut = cut.format(shown=_MAX_CLASSES, count=len(groups))
        found.append(Costs(_("By true class"), shown if len(groups) > _MAX_CLASSES else groups,
                           cut if len(groups) > _MAX_CLASSES else ""))  # fmt: skip
    title, values = _prediction(judged, classes)
    decile, names = _deciles(values)
    groups = _groups(decile, names, rows.loss, judged.weight, expected)
    return [*found, Costs(title, groups)]


def concentration(loss: Array) -> str:
    """Describe the part of the rows with the highest losses; nothing for densities above 1."""
    total = float(loss.sum())
    if not len(loss) or float(loss.min()) < 0 or not total > 0:
        return ""
    descending = np.sort(loss)[::-1]
    notes = []
    for part in (0.01, 0.1):
        count = math.ceil(part * len(loss))
        share = 100 * float(descending[:count].sum()) / total
        words = _("the {count} highest row has {share} %")
        if count > 1:
            words = _("the {count} highest rows have {share} %")
        notes.append(words.format(count=f"{count:,}", share=f"{share:.0f}"))
    return _("Of all {total} nats, {one} and {other}.").format(
        total=number(total), one=notes[0], other=notes[1]
    )


def _groups(
    of: Array, names: dict[Any, str], loss: Array, weight: Array, expected: Array | None
) -> list[Group]:
    found = []
    total = float((weight * loss).sum())
    whole = len(loss) > 0 and float(loss.min()) >= 0 and total > 0
    for key, name in names.items():
        chosen = of == key
        weight_sum = float(weight[chosen].sum())
        if not chosen.any() or weight_sum == 0:
            continue
        group_loss = float((weight * loss)[chosen].sum())
        expected_sum = (
            None if expected is None else float((weight * expected)[chosen].sum()) / weight_sum
        )
        share = group_loss / total if whole else None
        found.append(Group(name, int(chosen.sum()), group_loss / weight_sum, expected_sum, share))
    return found


def _expected(judged: WeightedRows) -> Array | None:
    if judged.rows.probabilities is None:
        return None
    p = judged.rows.probabilities
    return np.asarray(-(p * np.log(np.where(p > 0, p, 1.0))).sum(1))


def _prediction(judged: WeightedRows, classes: list[Any] | None) -> tuple[str, Array]:
    """Return the values that order the rows, and their description."""
    rows = judged.rows
    if rows.probabilities is None:
        return _("By deciles of the prediction"), np.asarray(rows.predicted, dtype=np.float64)
    if classes is not None and len(classes) == 2:
        return _("By deciles of {name}").format(name=f"P({classes[1]})"), rows.probabilities[:, 1]
    return _("By deciles of the predicted label's probability"), rows.probabilities.max(1)


def _deciles(values: Array) -> tuple[Array, dict[Any, str]]:
    """Return each value's tenth, ties in the same one, and the tenths' ranges."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _DECILES + 1)))
    if len(edges) == 1:
        return np.zeros(len(values), dtype=int), {0: number(float(edges[0]), 3)}
    place = np.searchsorted(edges[1:-1], values, side="right")
    digits = next(
        d for d in (3, 5, 8, 17) if len({number(edge, d) for edge in edges}) == len(edges)
    )
    ends = [number(float(edge), digits) for edge in edges]
    return place, {
        k: _("{low} to {high}").format(low=low, high=high)
        for k, (low, high) in enumerate(pairwise(ends))
    }
