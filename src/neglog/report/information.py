"""The table of per-row losses, highest first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import table
from rich.cells import cell_len

from neglog.fitting.tables.factor_levels import shown
from neglog.report.document import Cell, Table, number
from neglog.report.terminal import rich_table
from neglog.translation import gettext as _
from neglog.translation import joined

if TYPE_CHECKING:
    from neglog.fitting.prediction.row_predictions import RowPredictions

_MAX_CLASSES = 6  # more do not fit side by side


def information_table(
    rows: RowPredictions, classes: list[Any] | None, worst: int | None, width: int | None = None
) -> table.Table:
    """Return the table for a console.

    Args:
        rows: the predictions of some rows.
        classes: the labels in the order of the probabilities; None for a numeric target.
        worst: the number of rows to show; None for all.
        width: the console's width; columns that do not fit are left out, the least important first.
    """
    content = information(rows, classes, worst)
    if width is not None and _width(content) > width:
        content = information(rows, classes, worst, most_classes=2)
    for optional_columns in _optional_columns():
        if width is None or _width(content) <= width:
            break
        kept = [j for j, name in enumerate(content.headers) if name not in optional_columns]
        body = [[row[j] for j in kept] for row in content.rows]
        content = replace(content, headers=[content.headers[j] for j in kept], rows=body)
    return rich_table(content)


def _optional_columns() -> list[set[str]]:
    """Return the headers of columns that may be left out, the least important first."""
    truth, predicted = _("P(truth)"), _("P(predicted)")
    return [{_("fit")}, {_("loss")}, {_("agrees?")}, {"P₁", "P₀", truth, predicted, _("predicted")}]


def _width(content: Table) -> int:
    """Return the width of the table without wrapping."""
    lines = [[Cell(name) for name in content.headers], *content.cells()]
    return sum(
        max(cell_len(line[j].text) for line in lines) + 2 for j in range(len(content.headers))
    )


def information(
    rows: RowPredictions,
    classes: list[Any] | None,
    worst: int | None,
    splits: Sequence[str] = (),
    most_classes: int = _MAX_CLASSES,
    in_order: bool = False,
) -> Table:
    """Return the table's content, the rows in descending order of their loss.

    Args:
        rows: the predictions of some rows.
        classes: the labels in the order of the probabilities; None for a numeric target.
        worst: the number of rows to show; None for all.
        splits: the split of each row, to show it.
        most_classes: the maximum number of classes whose probabilities are shown.
        in_order: whether the rows keep their order.
    """
    descending = np.argsort(-np.asarray(rows.loss, dtype=np.float64), kind="stable")
    order = [int(i) for i in (np.arange(len(rows.loss)) if in_order else descending)[:worst]]
    if classes is None or rows.probabilities is None:
        table = _of_numbers(rows, order)
    else:
        table = _of_labels(rows, classes, order, most_classes)
    if not splits:
        return table
    body = [[row[0], splits[i], *row[1:]] for row, i in zip(table.rows, order, strict=True)]
    return replace(table, headers=[table.headers[0], _("split"), *table.headers[1:]], rows=body)


def _of_labels(
    rows: RowPredictions, classes: list[Any], order: list[int], most_classes: int
) -> Table:
    guess = math.log(len(classes))
    headers, probabilities = _probabilities(rows, classes, most_classes)
    body: list[list[str | Cell]] = []
    for i in order:
        agrees = bool(rows.truth[i] == rows.predicted[i])
        tone = "good" if agrees else "bad"
        loss = float(rows.loss[i])
        size = Cell(_("large"), "bad") if loss > guess else Cell(_("small"), "good")
        verdict = [Cell(_("yes"), tone), Cell(_("good"), tone)]
        if not agrees:
            verdict = [Cell(_("no"), tone), Cell(_("bad"), tone)]
        first = [
            str(rows.index[i]),
            shown(rows.truth[i]),
            *probabilities(i),
            shown(rows.predicted[i]),
        ]
        body.append([*first, *verdict, size, number(loss)])
    which = _("P₁ is the probability of {one}, P₀ of {other}.")
    words = _(
        "Good: the predicted label is the true one. Loss (information loss): −ln of the "
        "predicted probability of the true label, in nats; large: more than ln {count} = {guess}, "
        "the loss of a uniform guess. Rows are numbered from 0."
    )
    caption = words.format(count=len(classes), guess=number(guess, 3))
    if len(classes) == 2:
        both = which.format(one=shown(classes[1]), other=shown(classes[0]))
        caption = joined(both, caption)
    last = [_("predicted as"), _("agrees?"), _("fit"), _("loss"), _("nats")]
    return Table([_("row"), _("true label"), *headers, *last], body, caption=caption)


def _probabilities(
    rows: RowPredictions, classes: list[Any], most_classes: int
) -> tuple[list[str], Any]:
    """Return the headers of the probabilities, and what gives a row's entries."""
    assert rows.probabilities is not None
    table = rows.probabilities
    if len(classes) == 2:
        return ["P₁", "P₀"], lambda i: [number(table[i, 1], 3), number(table[i, 0], 3)]
    if len(classes) <= most_classes:
        headers = [f"P({shown(label)})" for label in classes]
        return headers, lambda i: [number(p, 3) for p in table[i]]
    place = {label: k for k, label in enumerate(classes)}
    return [_("P(truth)"), _("P(predicted)")], lambda i: [
        number(table[i, place[label]], 3) for label in (rows.truth[i], rows.predicted[i])
    ]


def _of_numbers(rows: RowPredictions, order: list[int]) -> Table:
    body: list[list[str | Cell]] = [
        [
            str(rows.index[i]),
            number(float(rows.truth[i]), 6),
            number(float(rows.predicted[i]), 6),
            number(float(rows.truth[i]) - float(rows.predicted[i])),
            number(float(rows.loss[i])),
        ]
        for i in order
    ]
    caption = _(
        "Loss (information loss): −ln of the predicted density, or of a count's probability, at "
        "the truth, in nats; negative if a density exceeds 1. Rows are numbered from 0."
    )
    headers = [_("row"), _("truth"), _("predicted"), _("error (truth − predicted)")]
    return Table([*headers, _("loss (nats)")], body, caption=caption)
