"""`neglog explain` of any declaration of rows: its chain, its source, the user's numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import mpmath
import sympy
import torch
from sympy import Derivative, Expr, Symbol

from neglog import functional
from neglog.errors import sentence
from neglog.errors.declaring import ExampleValueError
from neglog.explanation import arguments, chain, exact, pages, pictures, steps, values
from neglog.explanation.arguments import Given
from neglog.explanation.values import Values
from neglog.likelihood import Rows
from neglog.report.document import Cell, Document, Part, Section, Table, Text, number
from neglog.translation import gettext as _

_EXAMPLE = ("2, 0, -1; 0, 1, 3; 1, 2, 0", "1, 3, 1")
_POINTS = 40
_PROBABILITY = Symbol("P_y", positive=True)
_LOG_P = sympy.log(_PROBABILITY)


@dataclass(frozen=True)
class _Samples:
    """The user's rows: the labels as they were passed, their codes and the names of classes."""

    rows: list[list[float]]
    labels: list[str]
    codes: list[int]
    names: list[str]
    chosen: Values


def document(likelihood: type[Rows], found: Mapping[str, Given]) -> Document:
    """Explain a declaration on the user's numbers."""
    samples = _samples(likelihood, found)
    sections = [
        steps.training_flow(pages.forward_pass(likelihood)),
        pages.model(likelihood),
        _loss(likelihood),
        _derivatives(likelihood),
        _numbers(likelihood, samples),
        pictures.of_rows(
            likelihood, samples.rows, samples.codes, samples.names, samples.chosen.settings
        ),
        _computed(likelihood, samples.chosen),
    ]
    return Document(pages.title(likelihood), pages.lead(likelihood), sections)


def _samples(likelihood: type[Rows], found: Mapping[str, Given]) -> _Samples:
    """Read the user's rows, or take examples.

    Raises:
        ArgumentError: a value is not a number, or a row is not the logarithms of probabilities.
        ShapeError: the rows differ in length, or in number from the labels.
        SupportError: a label is out of range.
    """
    (name,) = likelihood.inputs
    custom = "y" in found
    fixed = values.settings(likelihood, found)
    given, observed = (found[name], found["y"]) if custom else _EXAMPLE
    table = arguments.rows(given, name)
    if not likelihood.softmax and not custom:
        table = torch.tensor(table, dtype=torch.float64).log_softmax(1).tolist()
    if not likelihood.softmax:
        _check_logarithms(name, table)
    labels, codes, names = arguments.labels(observed, len(table[0]))
    arguments.check_lengths(len(table), "rows", len(labels), name)
    chosen = Values({name: [], "y": []}, _settings(likelihood, fixed, custom), custom)
    return _Samples(table, labels, codes, names, chosen)


def _settings(likelihood: type[Rows], fixed: dict[str, float], custom: bool) -> dict[str, float]:
    """Return all settings: the user's, or an example of those that were not passed."""
    return fixed if custom else values.example_settings(likelihood, fixed)


def _check_logarithms(name: str, table: Sequence[Sequence[float]]) -> None:
    """Refuse rows whose probabilities do not sum to 1."""
    for place, row in enumerate(table):
        total = math.fsum(map(math.exp, row))
        if abs(total - 1) > 0.01:
            expected = f"every row of {name} must hold logarithms of probabilities that sum to 1"
            got = f"those of row {place + 1} sum to {total:.4g}"
            raise ExampleValueError(sentence(expected, got, remedy="apply log_softmax first"))


def term(likelihood: type[Rows], fact: str) -> Expr:
    """Return a formula for the class that a label names: the other classes contribute 0."""
    settings = [Symbol(name, positive=True) for name in likelihood.settings]
    return sympy.sympify(chain.read(getattr(likelihood, fact), _LOG_P, *settings, sympy.S.One))


def _loss(likelihood: type[Rows]) -> Section:
    """Go from the probability of the true class to the loss."""
    intro = Text(
        _("P_y is the probability that the softmax of the logits gives to the label's class y.")
        if likelihood.softmax
        else _("P_y is the probability of the label's class y; its logarithm is in the row.")
    )
    loss = term(likelihood, "nll")
    if not likelihood.normalised:
        parts = [intro, pages.score(), *pages.drawn_or_told(steps.equation(steps.LOSS, loss))]
        return Section(_("The loss"), parts)
    sample = Symbol("p")
    return Section(
        _("From the likelihood to the loss"),
        [
            intro,
            Text(_("One sample: its likelihood is exp(−loss).")),
            *pages.drawn(steps.equation(sample, sympy.simplify(sympy.exp(-loss)))),
            *steps.over_samples(loss, fixed=likelihood.settings),
        ],
    )


def _derivatives(likelihood: type[Rows]) -> Section:
    """Show the derivative by the log-probability, and how it reaches the logits."""
    by_log, slope = Derivative(steps.LOSS, Symbol("l_y")), term(likelihood, "grad")
    parts: list[Part] = [
        Text(_("For one sample, with respect to l_y = ln P_y, the log-probability of its class:")),
        *pages.drawn(steps.equation(by_log, slope)),
    ]
    if likelihood.softmax:
        parts.append(Text(_(
            "With respect to the logits: ln P_y rises with its own logit by 1 − P_y and falls with "
            "that of another class k by P_k, so the derivative above is multiplied by 1 − P_y for "
            "the label's class and by −P_k for the others."
        )))  # fmt: skip
    return Section(_("The derivatives"), parts)


def _computed(likelihood: type[Rows], chosen: Values) -> Section:
    """Show the source that runs, and compare the derivative with differences of the loss."""
    source = Random(520)
    fixed = tuple(chosen.settings.values())
    points = [(-source.expovariate(0.5) - 1e-6, *fixed, 1.0) for _point in range(_POINTS)]
    nll, grad = exact.formula(likelihood.nll), exact.formula(likelihood.grad)

    def slope(*point: Any) -> Any:
        return exact.slope(nll, 0, point)

    names = ("log_p", *likelihood.settings, "y")
    verdict = exact.compare(slope, grad, names, points)
    return pages.computed(likelihood, [steps.verdict("grad", verdict)], len(points))


def _numbers(likelihood: type[Rows], samples: _Samples) -> Section:
    """Evaluate the loss with neglog, and compare it with exact numbers."""
    z = torch.tensor(samples.rows, dtype=torch.float64, requires_grad=True)
    options: dict[str, Any] = {"reduction": "none", **samples.chosen.settings}
    loss = functional.likelihood_loss(likelihood, z, torch.tensor(samples.codes), **options)
    (slope,) = torch.autograd.grad(loss.sum(), z)
    losses, slopes = loss.tolist(), slope.tolist()
    log_p = torch.log_softmax(z.detach(), dim=1).tolist()
    rows: list[list[str | Cell]] = []
    for k, code in enumerate(samples.codes):
        drawn = [number(v) for v in slopes[k]]
        row = ", ".join(map(number, samples.rows[k]))
        logarithm = log_p[k][code]
        values_of_label = [number(math.exp(logarithm)), number(logarithm)]
        rows.append([row, samples.labels[k], *values_of_label, number(losses[k]), *drawn])
    total = math.fsum(losses)
    blank = [""] * len(samples.names)
    rows.append([_("all"), "", "", "", number(total), *blank])
    rows.append([_("mean"), "", "", "", number(total / len(losses)), *blank])
    (name,) = likelihood.inputs
    headers = [name, _("label"), "P_y", "ln P_y", _("loss (nats)")]
    headers += [f"∂/∂({each})" for each in samples.names]
    table = Table(headers, rows, caption=_("all: the sum of the losses."))
    compared = _exactness(likelihood, samples, losses, slopes)
    return Section(_("The numbers"), [pages.intro(samples.chosen), table, compared])


def _exactness(
    likelihood: type[Rows], samples: _Samples, losses: list[float], slopes: list[list[float]]
) -> Table:
    """Compare the losses and their derivatives with exact numbers."""
    with mpmath.workdps(exact.DIGITS):
        pairs = zip(samples.rows, samples.codes, strict=True)
        found = [_exact_row(likelihood, samples.chosen, *pair) for pair in pairs]
        quantities = {_("loss"): (losses, [loss for loss, _slopes in found])}
        for k, name in enumerate(samples.names):
            computed = [row[k] for row in slopes]
            quantities[f"∂/∂({name})"] = computed, [slope[k] for _loss, slope in found]
        return exact.table(quantities)


def _exact_row(
    likelihood: type[Rows], chosen: Values, row: Sequence[float], code: int
) -> tuple[Any, list[Any]]:
    """Return the loss of a row and its derivatives by the row's numbers."""
    nll = exact.formula(likelihood.nll)

    def loss(*numbers: Any) -> Any:
        logs = list(map(mpmath.mpf, numbers))
        if likelihood.softmax:
            total = mpmath.log(mpmath.fsum(map(mpmath.exp, logs)))
            logs = [each - total for each in logs]
        settings = chosen.settings.values()
        terms = (nll(each, *settings, float(k == code)) for k, each in enumerate(logs))
        return mpmath.fsum(terms)

    return loss(*row), [exact.slope(loss, k, row) for k in range(len(row))]
