"""What is lost when the activation is apart from the loss: measured here and now."""

from __future__ import annotations

from typing import Any

import mpmath
import torch
from torch import Tensor

from neglog import functional
from neglog.report.document import Cell, Table, number
from neglog.translation import gettext as _

_DTYPES = (torch.float16, torch.float32)
_LOGITS = (20.0, -20.0, 90.0, -90.0)
_ROWS = ((20.0, 0.0, 0.0), (90.0, 0.0, 0.0))
_ERROR = 0.01  # the relative error from which on a value counts as wrong


def of_logits() -> list[Table]:
    """Compare BCELoss on σ(z) with BCEWithLogitsLoss on z, for the label 0."""
    losses: list[list[str | Cell]] = []
    slopes: list[list[str | Cell]] = []
    for dtype in _DTYPES:
        z = torch.tensor(_LOGITS, dtype=dtype, requires_grad=True)
        y = torch.zeros_like(z)
        apart = functional.binary_cross_entropy(torch.sigmoid(z), y, reduction="none")
        whole = functional.binary_cross_entropy_with_logits(z, y, reduction="none")
        columns = [(each.tolist(), _slope(each, z).tolist()) for each in (apart, whole)]
        for k, logit in enumerate(_LOGITS):
            loss, slope = _exact_logit(logit)
            head: list[str | Cell] = [_name(dtype), number(logit)]
            losses.append([*head, *_graded_cells([c[0][k] for c in columns], loss, dtype)])
            slopes.append([*head, *_graded_cells([c[1][k] for c in columns], slope, dtype)])
    headers = [_("type"), "z", _("exact"), _("BCELoss on σ(z)"), _("BCEWithLogitsLoss on z")]
    return _tables(headers, losses, slopes, _("The loss for y = 0"), _("Its derivative by z"))


def of_rows(first: int = 1) -> list[Table]:
    """Compare NLLLoss on ln softmax and on LogSoftmax with CrossEntropyLoss, K = 3.

    Args:
        first: the number of the first class.
    """
    losses: list[list[str | Cell]] = []
    slopes: list[list[str | Cell]] = []
    for dtype in _DTYPES:
        for row in _ROWS:
            for label in (0, 1):
                z = torch.tensor([row], dtype=dtype, requires_grad=True)
                columns = [
                    (loss.item(), _slope(loss, z)[0, label].item()) for loss in _three(z, label)
                ]
                exact = _exact_row(row, label)
                head: list[str | Cell] = [
                    _name(dtype),
                    ", ".join(map(number, row)),
                    str(label + first),
                ]
                losses.append([*head, *_graded_cells([c[0] for c in columns], exact[0], dtype)])
                slopes.append([*head, *_graded_cells([c[1] for c in columns], exact[1], dtype)])
    headers = [_("type"), "z", "y", _("exact"), _("NLLLoss on\nln(softmax)")]
    headers += [_("NLLLoss on\nLogSoftmax"), _("CrossEntropyLoss\non z")]
    titles = (_("The loss"), _("Its derivative by the true class's logit"))
    return _tables(headers, losses, slopes, *titles)


def _three(z: Tensor, label: int) -> tuple[Tensor, Tensor, Tensor]:
    y = torch.tensor([label])
    return (
        functional.nll_loss(torch.softmax(z, dim=1).log(), y),
        functional.nll_loss(functional.log_softmax(z, dim=1), y),
        functional.cross_entropy(z, y),
    )


def _slope(loss: Tensor, z: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(loss.sum(), z, retain_graph=True)
    return slope


def _exact_logit(z: float) -> tuple[float, float]:
    with mpmath.workdps(60):
        power = mpmath.exp(mpmath.mpf(z))
        return float(mpmath.log1p(power)), float(power / (1 + power))


def _exact_row(row: tuple[float, ...], label: int) -> tuple[float, float]:
    with mpmath.workdps(60):
        powers = [mpmath.exp(mpmath.mpf(z)) for z in row]
        p = powers[label] / mpmath.fsum(powers)
        return float(-mpmath.log(p)), float(p - 1)


def _graded_cells(values: list[float], exact: float, dtype: torch.dtype) -> list[str | Cell]:
    """Return the exact value, then every other, marked where the dtype could hold better."""
    best = float(torch.tensor(exact, dtype=torch.float64).to(dtype))
    cells: list[str | Cell] = [number(exact)]
    for value in values:
        wrong = not abs(value - best) <= _ERROR * abs(best)
        cells.append(Cell(number(value) + " ✗", "bad") if wrong else Cell(number(value), "good"))
    return cells


def _tables(headers: list[str], losses: Any, slopes: Any, *titles: str) -> list[Table]:
    caption = _("✗: more than 1 % away from the exact value rounded to the type.")
    return [
        Table(headers, losses, titles[0], caption),
        Table(headers, slopes, titles[1], caption),
    ]


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
