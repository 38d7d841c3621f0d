"""The table of coefficients, and the reason for missing standard errors."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neglog.fitting.design.design_matrix import INTERCEPT
from neglog.fitting.network.intervals import WHY_NO_STANDARD_ERRORS
from neglog.report.coefficient_table import row_name
from neglog.report.document import Table, number
from neglog.translation import gettext as _
from neglog.translation import joined

if TYPE_CHECKING:
    from neglog.fitting.results.fit import Fit

_MAX_OUTPUTS, _MAX_LINES = 12, 400
_SMALLEST = 1e-4


@dataclass(frozen=True)
class Line:
    """One coefficient; NaN for unknown values."""

    output: str
    feature: str
    estimate: float
    error: float = math.nan
    statistic: float = math.nan
    p: float = math.nan
    low: float = math.nan
    high: float = math.nan


def _ratio(link: str) -> str:
    """Return the name of e to a weight; "" where it has none."""
    names = {"logit": _("odds ratio"), "log": _("ratio of means")}
    return names.get(link.removeprefix("cumulative "), "")


def lines(fit: Fit) -> list[Line]:
    """Return the coefficients, output by output; none of a network."""
    if fit.coefficients is not None:
        rows = fit.coefficients.frame().fill_null(math.nan).iter_rows()
        return [Line(*row) for row in rows]
    if fit.weights is None or fit.intercepts is None:
        return []
    return [
        Line(output, feature, float(value))
        for output, intercept, own in zip(fit.outputs, fit.intercepts, fit.weights, strict=True)
        for feature, value in zip((INTERCEPT, *fit.features), (intercept, *own), strict=True)
    ]


def tables(fit: Fit, found: list[Line]) -> list[Table]:
    """Return one table an output."""
    made = []
    outputs = [(name, list(own)) for name, own in itertools.groupby(found, lambda one: one.output)]
    for name, own in outputs[:_MAX_OUTPUTS]:
        shown = own[: max(_MAX_LINES // min(len(outputs), _MAX_OUTPUTS), 20)]
        title = _title(fit, name, len(outputs))
        caption = ""
        if len(shown) < len(own):
            words = _("The first {shown} of {count}; the saved model has them all.")
            caption = words.format(shown=len(shown), count=f"{len(own):,}")
        made.append(_table(fit, shown, title, caption))
    return made


def reading(fit: Fit) -> str:
    """Return instructions for reading the tables."""
    words = _("In the units of the table: by how much the output changes as a feature grows by 1.")
    link = fit.fitted.response.link
    power = ""
    if link == "log":
        power = _("The ratio of means is e to that power: the factor by which the mean changes.")
    elif _ratio(link):
        power = _("The odds ratio is e to that power: the factor by which the odds change.")
    against = _against(fit) if fit.fitted.response.is_relative else ""
    return joined(words, power, against)


def _against(fit: Fit) -> str:
    """Return the reference of the weights of a class."""
    if fit.coefficients is not None:
        known = {output for output, _ in fit.coefficients.names}
        for label in map(str, fit.classes or ()):
            if label not in known:
                words = _(
                    "Each class is compared with the reference class {label}, whose weights are 0."
                )
                return words.format(label=label)
    return _("Weights of a feature sum to 0 over the classes.")


def no_errors_reason(fit: Fit) -> str:
    """Return the reason for missing standard errors in a sentence; "" if there are some."""
    if fit.options.hidden:
        reason = _(WHY_NO_STANDARD_ERRORS)
        return reason[0].upper() + reason[1:]
    if fit.coefficients is None:
        words = _(
            "There are no standard errors: {optimizer} does not compute the second "
            "derivatives that they require; leave out the optimizer to get them."
        )
        return words.format(optimizer=fit.options.chosen)
    if not all(math.isnan(error) for error in fit.coefficients.error):
        return ""
    if not fit.converged:
        return _(
            "There are no standard errors: they require the curvature at the maximum of the "
            "likelihood, which was not reached. The weights are the current ones."
        )
    if fit.options.l2:
        return _(
            "There are no standard errors: the penalty biases the weights towards 0 by an unknown "
            "amount, so that intervals around them would not cover the truth."
        )
    return _("There are no standard errors: the loss has no second derivative at its minimum.")


def _title(fit: Fit, output: str, count: int) -> str:
    if not output:
        return _("Shared by all rows")
    name = _(fit.fitted.target.facts.output_name)
    return _("{name} of {output}").format(name=name, output=output) if count > 1 else output


def _table(fit: Fit, own: list[Line], title: str, caption: str) -> Table:
    ratio = _ratio(fit.fitted.response.link) if own[0].output else ""
    sure = fit.coefficients is not None and not no_errors_reason(fit)
    headers = [_("feature"), _("estimate")]
    if sure and fit.coefficients is not None:
        letter, level = fit.coefficients.letter, f"{100 * fit.coefficients.level:g} %"
        headers += [_("std error"), letter, f"P>|{letter}|"]
        headers += [_("{level} from").format(level=level), _("to")]
    headers += [ratio] if ratio else []
    rows = []
    for line in own:
        row = [row_name(line.output, line.feature), _figure(line.estimate)]
        if sure:
            row += [_figure(line.error), _fixed(line.statistic), probability(line.p),
                    _figure(line.low), _figure(line.high)]  # fmt: skip
        if ratio:
            row.append("" if line.feature == INTERCEPT else _figure(_power(line.estimate), 4))
        rows.append(row)
    return Table(headers, rows, title, caption)


def probability(p: float) -> str:
    """Write a probability so that a small one is not taken for 0.

    >>> probability(0.04321), probability(1e-9), probability(float("nan"))
    ('0.0432', '< 0.0001', '—')
    """
    return f"< {_SMALLEST:.4f}" if p < _SMALLEST else _fixed(p, 4)


def _fixed(value: float, decimals: int = 2) -> str:
    """Format a number to some decimals."""
    if not math.isfinite(value) or abs(value) >= 1e6:
        return _figure(value)
    return f"{value:.{decimals}f}".replace("-", "−")


def _power(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _figure(value: float, digits: int = 5) -> str:
    return "—" if math.isnan(value) else number(value, digits)
