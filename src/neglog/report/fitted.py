"""The contents of a fit's report: its formula, tables and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neglog.fitting.prediction.row_predictions import RowPredictions
from neglog.report import checks, costs, figures, forest, goodness, weights
from neglog.report.document import Table
from neglog.report.information import information
from neglog.report.losses import loss_formula
from neglog.report.parts import parts
from neglog.translation import gettext as _

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
        "title": _("{target}, fitted to {source}").format(target=fit.target, source=_(fit.source)),
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
        "check_heading": _("Residuals") if fit.classes is None else _("Calibration"),
        "checks": checked,
        "costs": costs.costs(judged, fit.classes),
        "concentration": costs.concentration(judged[-1].rows.loss),
        "judged": _(judged[-1].name),
        "information": _information(fit),
    }


def _lead(fit: Fit) -> str:
    held_out = fit.data.validation_rows
    words = _("{rows} rows fitted, {features} features, {likelihood} likelihood.")
    if held_out:
        words = _(
            "{rows} rows fitted, {held_out} held out, {features} features, {likelihood} likelihood."
        )
    if len(fit.features) == 1:
        words = words.replace("features,", "feature,")
    return words.format(
        rows=f"{fit.data.training_rows:,}", held_out=f"{held_out:,}",
        features=f"{len(fit.features):,}", likelihood=fit.fitted.target.facts.title,
    )  # fmt: skip


def _information(fit: Fit) -> Table:
    """Return the table of all rows, highest loss first."""
    every = {"training": fit.training, "validation": fit.validation}
    rows = RowPredictions.concatenated([part for part in every.values() if len(part.loss)])
    splits = [_(name) for name, part in every.items() for _loss in part.loss]
    table = information(rows, fit.classes, _WORST, splits if fit.data.validation_rows else ())
    shown, count = len(table.rows), fit.data.training_rows + fit.data.validation_rows
    title = (
        _("All {count} rows, by loss (information loss)")
        if shown == count
        else _("The {shown} of {count} rows with the highest loss, by loss (information loss)")
    ).format(shown=f"{shown:,}", count=f"{count:,}")
    return Table(table.headers, table.rows, title, table.caption)
