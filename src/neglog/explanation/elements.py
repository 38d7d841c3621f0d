"""`neglog explain` of any elementwise declaration: its chain, its source, the user's numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import mpmath
import sympy
import torch
from sympy import Derivative, Expr, Symbol

from neglog import functional
from neglog.explanation import chain, exact, pages, pictures, steps, values
from neglog.explanation.arguments import Given
from neglog.explanation.chain import Chain
from neglog.explanation.exact import Formula as Exact
from neglog.explanation.proof import Verdict
from neglog.explanation.values import Values
from neglog.likelihood import Elementwise
from neglog.report.document import Document, Part, Section, Table, Text, number
from neglog.translation import gettext as _

_POINTS = 40
_LARGEST = 709.0  # whose exponential float64 can hold
_SAMPLE = Symbol("p")


def document(likelihood: type[Elementwise], found: Mapping[str, Given]) -> Document:
    """Explain a declaration on the user's numbers."""
    chosen = values.of_elements(likelihood, found)
    steps_of_one = chain.of(likelihood)
    sections = [
        steps.training_flow(pages.forward_pass(likelihood)),
        pages.model(likelihood),
        _likelihood(likelihood, steps_of_one),
        _derivatives(likelihood, steps_of_one),
        _numbers(likelihood, chosen),
        pictures.of_elements(likelihood, chosen),
        _computed(likelihood, steps_of_one, chosen),
    ]
    return Document(pages.title(likelihood), pages.lead(likelihood), sections)


def _likelihood(likelihood: type[Elementwise], one: Chain) -> Section:
    """Go from the likelihood of one sample to the loss of all."""
    if not likelihood.normalised:
        return Section(_("The loss"), [pages.score(), *_sum_of_losses(likelihood, one.loss)])
    shown = one.loss if one.derived is None else one.derived
    return Section(
        _("From the likelihood to the loss"),
        [*_density(likelihood, one), *_sum_of_losses(likelihood, shown)],
    )


def _density(likelihood: type[Elementwise], one: Chain) -> list[Part]:
    """Show the likelihood of one sample and its logarithm."""
    mass = likelihood.support.points is not None
    kind = _("probability") if mass else _("density")
    if one.density is None:
        intro = _(
            "One sample: the declaration states the loss, and the {kind} p of the target is "
            "exp(−loss). No textbook's formula is known here to compare it with."
        )
        return [
            Text(intro.format(kind=kind)),
            *pages.drawn(steps.equation(sympy.log(_SAMPLE), -one.loss)),
        ]
    logarithm = sympy.expand_log(sympy.log(one.density), force=True)
    return [
        Text(_("One sample: the {kind} of the target, as textbooks state it.").format(kind=kind)),
        *pages.drawn(steps.equation(_SAMPLE, one.density)),
        *pages.drawn(
            steps.equation(sympy.log(_SAMPLE), logarithm),
            _("Its logarithm, with ln(a·b) = ln a + ln b and ln(aᵇ) = b·ln a:"),
        ),
    ]


def _sum_of_losses(likelihood: type[Elementwise], loss: Expr) -> list[Part]:
    if not likelihood.normalised:
        return pages.drawn_or_told(steps.equation(steps.LOSS, loss))
    if chain.is_legible(loss):
        return steps.over_samples(loss, fixed=likelihood.settings)
    return [*steps.over_samples(-sympy.log(steps.SEEN)), pages.too_long()]


def _derivatives(likelihood: type[Elementwise], one: Chain) -> Section:
    start = one.loss if one.derived is None else one.derived
    drawn: list[Part] = []
    for name, symbol, declared in zip(likelihood.inputs, one.symbols, one.grad, strict=False):
        options = [declared]
        if chain.is_legible(start):
            options.append(sympy.diff(start, symbol))
        legible = [option for option in options if chain.is_legible(option)]
        shortest = min(legible, key=sympy.count_ops, default=declared)
        label = _("by {name}:").format(name=name)
        drawn += pages.drawn(steps.equation(Derivative(steps.LOSS, symbol), shortest), label)
    intro = Text(_("For one sample, with respect to each output of the model."))
    parts: list[Part] = [intro, *drawn] if drawn else [pages.too_long()]
    if not likelihood.smooth:
        parts.append(Text(_(
            "The derivative jumps at some points. There the code uses a number between those from "
            "both sides, so that the minimum is where it is 0."
        )))  # fmt: skip
    parts.append(Text(_(
        "Backpropagation continues from here to the weights. Where the derivatives are not linear "
        "in the weights, no formula solves them for 0, and an optimizer finds the minimum."
    )))  # fmt: skip
    return Section(_("The derivatives"), parts)


def _computed(likelihood: type[Elementwise], one: Chain, chosen: Values) -> Section:
    """Show the source that runs, and compare it with the derivation."""
    # The floor `eps`, which keeps a loss finite, is not part of the likelihood.
    fixed = [0.0 if name == "eps" else v for name, v in chosen.settings.items()]
    points = exact.drawn(likelihood, fixed, _POINTS)
    declared = exact.loss(likelihood)
    verdicts: list[Part] = []
    if one.density is not None:
        verdicts.append(steps.verdict("nll + constant", _as_in_textbook(one, declared, points)))
    names = tuple(symbol.name for symbol in one.symbols)
    for place, name in enumerate(likelihood.inputs):
        what = "grad" if len(likelihood.inputs) == 1 else f"grad {name}"
        slope = _slope(likelihood, declared, place)
        verdict = exact.compare(slope, _part(likelihood.grad, place), names, points)
        verdicts.append(steps.verdict(what, verdict))
    return pages.computed(likelihood, verdicts, len(points))


def _as_in_textbook(one: Chain, declared: Exact, points: list[exact.Point]) -> Verdict:
    """Compare the declared loss with the one that follows from the density."""
    derived, given = one.derived, one.density
    assert derived is not None and given is not None
    density = sympy.lambdify(one.symbols, given.rewrite(sympy.exp), modules="mpmath")

    def textbook(*point: Any) -> Any:
        return -mpmath.log(density(*map(mpmath.mpf, point)))

    with mpmath.workdps(exact.DIGITS):
        real = [p for p in points if not isinstance(textbook(*p), mpmath.mpc)]
    found = exact.compare(textbook, declared, [s.name for s in one.symbols], real)
    if found.equal and chain.is_equal(derived, one.loss):
        return Verdict(True, _("equal: proved for every value"))
    return found


def _slope(likelihood: type[Elementwise], declared: Exact, place: int) -> Exact:
    """Return the derivative of the exact loss: a difference within the input's domain."""
    allowed = likelihood.domains[place]
    return lambda *point: exact.slope(declared, place, point, allowed)


def _part(formula: Any, place: int) -> Exact:
    """Return one of the results of a formula, in many digits."""
    function = exact.formula(formula)

    def part(*point: Any) -> Any:
        result = function(*point)
        return result[place] if isinstance(result, tuple) else mpmath.mpf(result)

    return part


def _numbers(likelihood: type[Elementwise], chosen: Values) -> Section:
    """Evaluate the loss with neglog, and compare it with exact numbers."""
    loss, slopes = _evaluated(likelihood, chosen)
    names = (*likelihood.inputs, *likelihood.given, "y")
    total = sum(loss)
    columns = [chosen.columns[name] for name in names]
    headers = [*names]
    if likelihood.normalised:
        columns += [[_exp(-v) for v in loss], [-v for v in loss]]
        headers += ["p", "ln p"]
    headers += [_("loss (nats)"), *(f"∂/∂{name}" for name in likelihood.inputs)]
    shown = zip(*columns, loss, *slopes, strict=True)
    rows = [[number(v) for v in row] for row in shown]
    blank, before, mean = [""] * len(slopes), [""] * (len(names) - 1), total / len(loss)
    products, means = (
        ([number(_exp(-total)), number(-total)], ["", number(-mean)])
        if likelihood.normalised
        else ([], [])
    )
    rows.append([_("all"), *before, *products, number(total), *blank])
    rows.append([_("mean"), *before, *means, number(mean), *blank])
    caption = _("all: the sum of the losses.")
    if likelihood.normalised:
        caption = _(
            "p: the {kind} of the target. all: the product of the p, the sums of ln p and of the "
            "losses, which are −ln p."
        ).format(kind=_("probability") if likelihood.support.points is not None else _("density"))
    parts: list[Part] = [pages.intro(chosen), Table(headers, rows, caption=caption)]
    return Section(_("The numbers"), [*parts, _exactness(likelihood, chosen, loss, slopes)])


def _exp(exponent: float) -> float:
    """Return the exponential function, ∞ where it overflows."""
    return math.exp(exponent) if not exponent > _LARGEST else math.inf


def _evaluated(
    likelihood: type[Elementwise], chosen: Values
) -> tuple[list[float], list[list[float]]]:
    """Return the losses and their derivatives, as a training script computes them in float64."""
    tensors = {name: torch.tensor(c, dtype=torch.float64) for name, c in chosen.columns.items()}
    inputs = [tensors[name].requires_grad_() for name in likelihood.inputs]
    options: dict[str, Any] = {"reduction": "none", "full": likelihood.normalised}
    options |= {**chosen.settings, **{name: tensors[name] for name in likelihood.given}}
    loss = functional.likelihood_loss(likelihood, inputs, tensors["y"], **options)
    slopes = torch.autograd.grad(loss.sum(), inputs)
    return loss.tolist(), [slope.tolist() for slope in slopes]


def _exactness(
    likelihood: type[Elementwise], chosen: Values, loss: list[float], slopes: list[list[float]]
) -> Table:
    samples = chosen.samples(likelihood)
    declared = exact.loss(likelihood)
    with mpmath.workdps(exact.DIGITS):
        quantities: dict[str, tuple[list[float], list[Any]]] = {}
        quantities[_("loss")] = loss, [declared(*sample) for sample in samples]
        for place, name in enumerate(likelihood.inputs):
            slope = _slope(likelihood, declared, place)
            quantities[f"∂/∂{name}"] = slopes[place], [slope(*sample) for sample in samples]
        return exact.table(quantities)
