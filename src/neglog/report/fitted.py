"""The contents of a fit's report: its formula, tables and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neglog.fitting.prediction.row_predictions import RowPredictions
from neglog.report import checks, costs, figures, forest, goodness, weights
from neglog.report.document import Table
from neglog.report.information import information
from neglog.report.losses import loss_formula
from neglog.report.parts import parts

if TYPE_CHECKING:
    from neglog.fitting.results.fit import Fit

_WORST = 500


def content(fit: Fit) -> dict[str, Any]:
    """Return the values of the template of a fit's report."""
    formula, meaning = loss_formula(fit.fitted.target.facts, fit.options.settings or {})
    judged = parts(fit)
    found = weights.lines(fit)
    checked = (
        checks.residuals(fit, judged[-1])
        if fit.classes is None
        else [checks.calibration(judged[-1], fit.classes)]
    )
    return {
        "title": f"{fit.target}, fitted to {fit.source}",
        "lead": _lead(fit),
        "fit": fit,
        "formula": formula,
        "meaning": meaning,
        "tiles": goodness.tiles(fit),
        "figures": goodness.table(fit),
        "curve": figures.curve(fit),
        "weights": weights.tables(fit, found),
        "reading": weights.reading(fit),
        "why_no_errors": weights.no_errors_reason(fit),
        "forest": forest.forest(fit, found) if found else None,
        "check_heading": "Residuals" if fit.classes is None else "Calibration",
        "checks": checked,
        "costs": costs.costs(judged, fit.classes),
        "concentration": costs.concentration(judged[-1].rows.loss),
        "judged": judged[-1].name,
        "information": _information(fit),
    }


def _lead(fit: Fit) -> str:
    held_out = fit.data.validation_rows
    phrases = [f"{fit.data.training_rows:,} rows fitted"] + [f"{held_out:,} held out"] * (
        held_out > 0
    )
    return ", ".join([
        *phrases, f"{len(fit.features):,} feature{'s' * (len(fit.features) != 1)}",
        f"{fit.fitted.target.facts.title} likelihood.",
    ])  # fmt: skip


def _information(fit: Fit) -> Table:
    """Return the table of all rows, highest loss first."""
    every = {"training": fit.training, "validation": fit.validation}
    rows = RowPredictions.concatenated([part for part in every.values() if len(part.loss)])
    splits = [name for name, part in every.items() for _ in part.loss]
    table = information(rows, fit.classes, _WORST, splits if fit.data.validation_rows else ())
    shown, count = len(table.rows), fit.data.training_rows + fit.data.validation_rows
    title = (
        f"All {count:,} rows"
        if shown == count
        else f"The {shown:,} of {count:,} rows with the highest loss"
    )
    return Table(table.headers, table.rows, f"{title}, by loss (information loss)", table.caption)
