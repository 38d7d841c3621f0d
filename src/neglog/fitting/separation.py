"""Whether classes can be separated by a plane, so that the likelihood has no maximum.

Then there is a direction of the weights along which no row's loss rises and some row's falls for
ever. Complete separation, every row on its own side, any separating weights prove. The rest,
where some rows lie on the plane, takes a linear program: K. Konis, Linear programming algorithms
for detecting separated data in binary logistic regression models, thesis, Oxford, 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import optimize, sparse
from torch import Tensor

from neglog.fitting.table import listed

_MOST_ENTRIES = 1_500_000
_SECONDS = 5.0


def margins(output: Tensor, labels: Tensor) -> Tensor:
    """Return by how much each row's true class leads the best of the others.

    Args:
        output: (N, 1) log-odds of the second class, or (N, K) logits.
        labels: (N,) class numbers.
    """
    if output.shape[1] == 1:
        output = torch.cat([torch.zeros_like(output), output], 1)
    true = output.gather(1, labels[:, None])[:, 0]
    others = output.scatter(1, labels[:, None], -torch.inf)
    return true - others.max(1).values


def complete(output: Tensor, y: Tensor) -> bool:
    """Tell whether the outputs give every row's own class the lead."""
    return bool((margins(output, y.reshape(-1).long()) > 0).all())


def direction(x: Tensor, labels: Tensor, classes: int) -> np.ndarray | None:
    """Return (P, K) weights along which the likelihood never falls and somewhere rises.

    None means that there are none, or that the linear program would take too long.

    Args:
        x: (N, P) columns of one scale, the intercept's among them.
        labels: (N,) class numbers.
        classes: K, the number of classes.
    """
    rows, width = x.shape
    if rows * (classes - 1) * width * (2 if classes > 2 else 1) > _MOST_ENTRIES:
        return None
    leads = _leads(x.numpy(), labels.numpy(), classes)
    solved = optimize.linprog(
        -np.asarray(leads.sum(0)).ravel(),
        A_ub=-leads,
        b_ub=np.zeros(leads.shape[0]),
        bounds=(-1, 1),
        method="highs",
        options={"time_limit": _SECONDS},
    )
    if solved.status != 0:
        return None
    by_row = leads @ solved.x
    if by_row.max() < 1e-4 or by_row.min() < -1e-6:
        return None
    weights = np.zeros((width, classes))
    weights[:, 1:] = solved.x.reshape(classes - 1, width).T
    return weights


def _leads(x: np.ndarray, labels: np.ndarray, classes: int) -> sparse.csr_array:
    """Return one line for each row and each wrong class: what the true class's lead is made of.

    The weights of class 0 are pinned to 0; those of the other classes lie one after the other.
    """
    width = x.shape[1]
    lines = []
    for true in range(classes):
        own = sparse.csr_array(x[labels == true])
        for wrong in range(classes):
            if wrong == true:
                continue
            blocks = [sparse.csr_array((own.shape[0], width))] * (classes - 1)
            if true:
                blocks[true - 1] = own
            if wrong:
                blocks[wrong - 1] = -own
            lines.append(sparse.hstack(blocks))
    return sparse.csr_array(sparse.vstack(lines))


def found(
    x: Tensor,
    y: Tensor,
    output: Tensor,
    weights: Tensor,
    names: Sequence[str],
    classes: Sequence[Any],
    program: bool,
) -> str:
    """Say how the classes are separated and by which columns; nothing where they are not.

    Args:
        x: (N, P) the columns, standardised.
        y: the true classes' numbers, of any shape.
        output: (N, 1) log-odds or (N, K) logits of a linear model.
        weights: (K, P) the model's weights.
        names: the columns' names.
        classes: the labels.
        program: whether to run the linear program where the model separates not all rows.
    """
    labels = y.reshape(-1).long()
    if complete(output, labels):
        by = _culprits(x, labels, names, classes, weights.detach().numpy().T)
        return f"completely separated {by}"
    if not program:
        return ""
    way = direction(torch.cat([x, torch.ones_like(x[:, :1])], 1), labels, len(classes))
    if way is None:
        return ""
    by = _culprits(x, labels, names, classes, way[:-1])
    return f"separated in part {by}"


def _culprits(
    x: Tensor, labels: Tensor, names: Sequence[str], classes: Sequence[Any], weights: np.ndarray
) -> str:
    alone = [
        f"by {name!r} alone, which sets {label!r} apart"
        for j, name in enumerate(names)
        for k, label in enumerate(classes)
        if _apart(x[labels == k, j], x[labels != k, j])
    ]
    if alone:
        return alone[0]
    size = np.abs(weights).max(1)
    leading = [names[j] for j in np.argsort(-size) if size[j] > 0.5 * size.max()]
    return f"by {listed([repr(name) for name in leading], 4)}"


def _apart(own: Tensor, others: Tensor) -> bool:
    return bool(own.max() < others.min() or own.min() > others.max())
