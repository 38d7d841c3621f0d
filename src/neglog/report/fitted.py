"""What a fit's report says: its formula, its tables and its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from markupsafe import Markup
from sympy import Symbol

from neglog.families import Categorical, Normal
from neglog.report import figures
from neglog.report.document import Cell, Table, number
from neglog.report.information import information
from neglog.words import symbolic

if TYPE_CHECKING:
    from neglog.fitting.judge import Rows
    from neglog.fitting.result import FitResult
    from neglog.likelihood import Likelihood

_WORST = 20
_MOST_FEATURES, _MOST_OUTPUTS = 400, 20  # in the table
_MOST_BARS = 40
_DERIVED = ("bernoulli", "categorical", "normal")


def content(fit: FitResult) -> dict[str, Any]:
    """Return what the template of a fit's report asks for."""
    expression, meaning = loss_formula(fit.likelihood) if fit.kind in _DERIVED else (None, "")
    rows, which = _checked(fit)
    heading, caption = _check_words(fit, rows, which)
    bars = None
    if fit.weights is not None and fit.weights.shape[1] <= _MOST_BARS:
        bars = Markup(figures.bars(fit.weights, fit.features, fit.outputs))
    return {
        "title": f"{fit.target}, fitted to {fit.source}",
        "lead": _lead(fit),
        "fit": fit,
        "formula": expression,
        "meaning": meaning,
        "summary": summary(fit),
        "curve": Markup(figures.curve(fit.history, fit.null_loss)),
        "weights": weights(fit),
        "bars": bars,
        "check": Markup(figures.residuals(rows) if fit.classes is None else figures.calibration(
            rows, fit.classes)),
        "check_heading": heading,
        "check_caption": caption,
        "worst": _worst(fit),
    }  # fmt: skip


def loss_formula(likelihood: type[Likelihood]) -> tuple[Any, str]:
    """Return the loss of one row as it follows from the declared distribution, and its words."""
    loss, y = Symbol("L"), Symbol("y", real=True)
    if likelihood is Categorical:
        truth = Symbol("P_y", positive=True)
        meaning = "minus the logarithm of the probability that the softmax gives to the true label"
        return sympy.Eq(loss, -sympy.log(truth), evaluate=False), meaning
    normal = likelihood is Normal
    twin = symbolic.read(likelihood.distribution, Symbol("zhat" if normal else "z", real=True))
    meaning = "minus the logarithm of the row's likelihood"
    if normal:  # the fit estimates what the declaration sets to 1, as the weights do not need it
        twin.deviation = Symbol("sigma", positive=True)
        meaning += "; σ, the standard deviation of the errors, does not move the weights"
    logarithm = sympy.expand_log(sympy.log(twin.likelihood(y)), force=True)
    return sympy.Eq(loss, sympy.expand_mul(-logarithm, deep=False), evaluate=False), meaning


def summary(fit: FitResult) -> Table:
    """Return the losses beside those of a model that knows no feature."""
    rows: list[list[str | Cell]] = [
        ["mean loss without features (null loss)", f"{number(fit.null_loss, 6)} nats"],
        ["mean loss, training rows", f"{number(fit.loss, 6)} nats"],
    ]
    if fit.validation_loss is not None:
        rows.append(["mean loss, validation rows", f"{number(fit.validation_loss, 6)} nats"])
    if fit.classes is None:
        rows.append(["information recovered per training row", _gain(fit)])
        rows.append(["standard deviation of the errors", _optional(fit.sigma)])
    elif fit.null_loss > 0:
        share = 1 - fit.loss / fit.null_loss
        rows.append(["share of the null loss recovered, training rows", f"{100 * share:.1f} %"])
    rows.append(["gradient norm at the end", number(fit.gradient_norm)])
    rows.append(["training rows", f"{len(fit.training.loss):,}"])
    rows.append(["validation rows", f"{len(fit.validation.loss):,}"])
    return Table(["", ""], rows)


def weights(fit: FitResult) -> Table | None:
    """Return the weights feature by feature, one column an output; None for a network."""
    if fit.weights is None or fit.intercepts is None:
        return None
    outputs, features = fit.outputs[:_MOST_OUTPUTS], fit.features[:_MOST_FEATURES]
    rows = [["(intercept)", *(_weight(v) for v in fit.intercepts[:_MOST_OUTPUTS])]]
    for j, feature in enumerate(features):
        rows.append([feature, *(_weight(v) for v in fit.weights[:_MOST_OUTPUTS, j])])
    caption = "In the units of the table: by how much an output changes as a feature grows by 1."
    if len(features) < len(fit.features) or len(outputs) < len(fit.outputs):
        caption += (
            f" Shown: {len(features)} of {len(fit.features)} features, {len(outputs)} of "
            f"{len(fit.outputs)} outputs; the saved model has them all."
        )
    return Table(["feature", *outputs], rows, caption=caption)


def _lead(fit: FitResult) -> str:
    held = len(fit.validation.loss)
    return (
        f"{len(fit.training.loss):,} rows fitted, {held:,} held out, "
        f"{len(fit.features):,} features, {fit.kind} likelihood."
    )


def _checked(fit: FitResult) -> tuple[Rows, str]:
    """Return the rows to judge the model by: those it has not seen, if there are any."""
    held_out = len(fit.validation.loss) > 0
    return (fit.validation, "validation") if held_out else (fit.training, "training")


def _check_words(fit: FitResult, rows: Rows, which: str) -> tuple[str, str]:
    count = f"The {len(rows.loss):,} {which} rows."
    if fit.classes is None:
        return "Errors", f"{count} A good model leaves errors without a pattern around 0."
    what, seen = "the probability of the predicted label", "agrees with the truth"
    if len(fit.classes) == 2:
        what, seen = f"P({fit.classes[1]})", f"is {fit.classes[1]}"
    return "Calibration", (
        f"{count} Grouped by {what}; the points show how often the label then {seen}, with "
        "95 % Wilson intervals, and lie on the line if the probabilities are right. Below: the "
        "number of rows in each group."
    )


def _worst(fit: FitResult) -> list[Table]:
    tables = []
    for name, rows in (("Training rows", fit.training), ("Validation rows", fit.validation)):
        if len(rows.loss):
            table = information(rows, fit.classes, _WORST)
            title = f"{name}: the worst {len(table.rows)} of {len(rows.loss):,}"
            tables.append(Table(table.headers, table.rows, title, table.caption))
    return tables


def _gain(fit: FitResult) -> str:
    """Return what the features tell, and the share of the variance that they explain."""
    truth = np.asarray(fit.training.truth, dtype=np.float64)
    unit = float(np.abs(truth).max()) or 1.0  # the squares of 1e200 would be infinite
    truth = truth / unit
    errors = truth - np.asarray(fit.training.predicted, dtype=np.float64) / unit
    spread = float(((truth - truth.mean()) ** 2).sum())
    share = f", R² = {number(1 - float((errors**2).sum()) / spread)}" if spread > 0 else ""
    return f"{number(fit.null_loss - fit.loss)} nats{share}"


def _optional(value: float | None) -> str:
    return "—" if value is None else number(value, 6)


def _weight(value: Any) -> str:
    return number(float(value), 5)
