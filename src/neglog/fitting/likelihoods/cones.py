"""Which directions of the weights lower no row's likelihood: what separation is searched for in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

Array = np.ndarray[Any, Any]
_FALL = -1e-6


@dataclass(frozen=True)
class Cone:
    """What some rows require of a direction d: ``nonnegative @ d >= 0``, and ``zero @ d == 0``."""

    nonnegative: sparse.csr_array
    zero: sparse.csr_array

    @classmethod
    def of(cls, least: sparse.csr_array) -> Cone:
        """Return the cone of rows that require nothing to be zero."""
        return cls(least, sparse.csr_array((0, least.shape[1])))

    def restrict(self, columns: Array) -> Cone:
        """Restrict to some of the weights, the others being 0."""
        return Cone(self.nonnegative[:, columns], self.zero[:, columns])

    def violated(self, direction: Array) -> Cone:
        """Return the constraints that a direction violates."""
        return Cone(
            self.nonnegative[self.nonnegative @ direction < _FALL],
            self.zero[abs(self.zero @ direction) > -_FALL],
        )

    def __len__(self) -> int:
        """Return the number of constraints."""
        return int(self.nonnegative.shape[0] + self.zero.shape[0])


def of_means(link: str, z: sparse.csr_array, y: Array) -> Cone:
    """Return the cone of one predictor: targets at an end of the link's range draw it there."""
    if link == "log":
        return Cone(-z[y == 0], z[y > 0])
    ends = (y == 0) | (y == 1)
    signs = sparse.diags_array(2.0 * y[ends] - 1.0)
    return Cone(sparse.csr_array(signs @ z[ends]), z[~ends])


def of_classes(modelled_classes: Sequence[int], z: sparse.csr_array, y: Array) -> Cone:
    """Return a line for each row and each wrong class: what the true class's lead is made of.

    Args:
        modelled_classes: the classes that have a predictor; one class has none.
        z: the columns.
        y: the classes' numbers.
    """
    place = {k: j for j, k in enumerate(modelled_classes)}
    count, lines = len(modelled_classes) + 1, []
    for true in range(count):
        class_rows = z[y == true]
        for wrong in range(count):
            if wrong == true or not class_rows.shape[0]:
                continue
            blocks = [sparse.csr_array(class_rows.shape)] * len(modelled_classes)
            if true in place:
                blocks[place[true]] = class_rows
            if wrong in place:
                blocks[place[wrong]] = -class_rows
            lines.append(sparse.hstack(blocks))
    return Cone.of(sparse.csr_array(sparse.vstack(lines)))


def of_thresholds(count: int, z: sparse.csr_array, y: Array) -> Cone:
    """Return a constraint for each row and each adjacent threshold."""
    cuts = sparse.csr_array(sparse.eye_array(count))
    below, above = y < count, y > 0
    upper = sparse.hstack([-z[below], cuts[y[below]]])
    lower = sparse.hstack([z[above], -cuts[y[above] - 1]])
    return Cone.of(sparse.csr_array(sparse.vstack([upper, lower])))
