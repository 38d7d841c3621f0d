"""What a fit's report says: its formula, its tables and its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neglog.fitting.judge import Rows
from neglog.report import checks, costs, figures, forest, goodness, weights
from neglog.report.document import Table
from neglog.report.information import information
from neglog.report.losses import loss_formula
from neglog.report.parts import Judged, parts

if TYPE_CHECKING:
    from neglog.fitting.result import FitResult

_WORST = 500


def content(fit: FitResult) -> dict[str, Any]:
    """Return what the template of a fit's report asks for."""
    formula, meaning = loss_formula(fit.likelihood)
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
        "why_no_errors": weights.why_no_errors(fit),
        "forest": forest.forest(fit, found) if found else None,
        "check_heading": "Residuals" if fit.classes is None else "Calibration",
        "checks": checked,
        "costs": costs.costs(judged, fit.classes),
        "concentration": costs.concentration(judged[-1].rows.loss),
        "judged": judged[-1].name,
        "information": _information(judged, fit.classes),
    }


def _lead(fit: FitResult) -> str:
    held = len(fit.data.validation)
    said = [f"{len(fit.training.loss):,} rows fitted"] + [f"{held:,} held out"] * (held > 0)
    return ", ".join([
        *said, f"{len(fit.features):,} feature{'s' * (len(fit.features) != 1)}",
        f"{fit.kind.replace('_', ' ')} likelihood.",
    ])  # fmt: skip


def _information(judged: list[Judged], classes: list[Any] | None) -> Table:
    """Return the table of all rows together, the worst first."""
    rows = Rows.concatenated([part.rows for part in judged])
    splits = [part.name for part in judged for _ in part.rows.loss] if len(judged) > 1 else []
    table = information(rows, classes, _WORST, splits)
    shown, count = len(table.rows), len(rows.loss)
    title = f"All {count:,} rows" if shown == count else f"The worst {shown:,} of {count:,} rows"
    return Table(table.headers, table.rows, f"{title}, by their information loss", table.caption)
