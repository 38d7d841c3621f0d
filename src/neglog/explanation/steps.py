"""The steps shared by all derivations."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Mul, Pow, Symbol

from neglog.explanation.proof import Verdict
from neglog.report.document import Code, Flow, Formula, Part, Section, Text
from neglog.translation import gettext as _

_ROW, _COUNT = Symbol("i", integer=True), Symbol("m", integer=True, positive=True)
SEEN, _ALL, LOSS = Symbol("p_i", positive=True), Symbol("P", positive=True), Symbol("L")


def training_flow(model: str = "") -> Section:
    """Draw how training goes, and where the loss stands in it.

    Args:
        model: the formulas of the forward pass.
    """
    return Section(
        _("The training flow"),
        [
            Text(_(
                "Training looks for the weights w. It takes four steps, those that `neglog fit` "
                "prints; this page is about the second."
            )),
            Flow(
                [
                    _("1 model: the forward pass, {formulas}").format(
                        formulas=model or "z = Xw + b"
                    ),
                    _("2 loss: how far the output is from the targets y, L(w)"),
                    _("3 optimizer: the gradient ∂L/∂w, by backpropagation"),
                    _("4 minimise: new weights, w − η · ∂L/∂w"),
                ],
                _("repeat until L falls no further"),
            ),
            Text(_(
                "X and y are constants in L, the weights its variables. The weights at the minimum "
                "are the result. Newton's method divides the gradient by the curvature instead of "
                "multiplying it by a learning rate η."
            )),
        ],
    )  # fmt: skip


def over_samples(nll: Any, fixed: Sequence[str] = ()) -> list[Part]:
    """Go from one sample to all: the product, its logarithm, the sign, the sum of losses.

    Args:
        nll: the loss of one sample.
        fixed: the names of its symbols that are the same in all samples.
    """
    product = sympy.Product(SEEN, (_ROW, 1, _COUNT))
    logarithm = sympy.expand_log(sympy.log(product), force=True)
    written_out = total(sympy.expand_mul(-nll, deep=False), fixed)
    parts: list[Part] = [
        Text(_(
            "All m samples, drawn independently: the probability P of all targets together is the "
            "product of their pᵢ. X and y are given, so P is a function of the weights, the "
            "likelihood."
        )),
        Formula(equation(_ALL, product)),
        Text(_(
            "Maximum likelihood: these targets were observed. Weights that make them improbable "
            "explain the data badly, so take the weights at which P is largest."
        )),
        Text(_(
            "A product is hard to differentiate, and thousands of factors below 1 underflow. So "
            "take the logarithm, line by line. It rises with P, so its maximum lies at the same "
            "weights."
        )),
        Formula(equation(sympy.log(_ALL), sympy.log(product, evaluate=False))),
        Formula(equation(sympy.log(_ALL), logarithm), _rule_of_products()),
    ]  # fmt: skip
    if written_out != logarithm:
        label = _("ln pᵢ written out, as above for one sample:")
        parts.append(Formula(equation(sympy.log(_ALL), written_out), label))
    parts += [
        Text(_(
            "Optimizers minimise, so the sign is reversed: the negative log-likelihood, the loss. "
            "The minimum of L is the maximum of P."
        )),
        Formula(equation(LOSS, total(nll, fixed))),
    ]  # fmt: skip
    return parts


def logarithm(sample: Symbol, product: Any) -> list[Part]:
    """Take the logarithm of a product of powers, line by line, each with its rule."""
    powers = [factor for factor in product.args if isinstance(factor, Pow)]
    assert isinstance(product, Mul)
    assert len(powers) == len(product.args)
    left = sympy.log(sample)
    logs = sympy.Add(*(sympy.log(power, evaluate=False) for power in powers), evaluate=False)
    terms = sympy.Add(*(power.exp * sympy.log(power.base) for power in powers))
    return [
        Formula(equation(left, sympy.log(product, evaluate=False))),
        Formula(equation(left, logs), _rule_of_products()),
        Formula(equation(left, terms), _rule_of_powers()),
    ]


def _rule_of_products() -> str:
    return _("The logarithm of a product is the sum of the logarithms, ln(a·b) = ln a + ln b:")


def _rule_of_powers() -> str:
    return _("The logarithm of a power is the exponent times the logarithm, ln(aᵇ) = b·ln a:")


def total(nll: Any, fixed: Sequence[str] = ()) -> Any:
    """Return the sum of a sample's loss over all samples."""
    free = [s for s in nll.free_symbols if s.name not in fixed and s not in (SEEN, _ROW)]
    indexed = {s: Symbol(f"{s.name}_i", real=True) for s in free}
    return sympy.Sum(nll.xreplace(indexed), (_ROW, 1, _COUNT))


def equation(left: Any, right: Any) -> Any:
    """Return the unevaluated equation left = right."""
    return sympy.Eq(left, right, evaluate=False)


def source(*formulas: Any) -> Code:
    """Return the source text of declared formulas."""
    return Code("\n".join(textwrap.dedent(inspect.getsource(each)) for each in formulas).rstrip())


def verdict(what: str, found: Verdict) -> Text:
    """Describe whether the derivation and the declaration agree."""
    return judged(what, found.words, found.equal)


def judged(what: str, words: str, equal: bool) -> Text:
    """Say what a comparison found."""
    sign = "✓" if equal else "✗"
    said = _("{sign} {what}: {words}.").format(sign=sign, what=what, words=words)
    return Text(said, "good" if equal else "bad")


def intro(custom: bool) -> Text:
    """Say whose numbers these are."""
    example = _("These numbers are an example; pass your own with --z (or --p) and --y.")
    return Text(_("Your numbers.") if custom else example)


def executed_code(formulas: Code, readings: list[Part], verdicts: list[Text]) -> Section:
    """Show the code that runs, its symbolic form, and whether it equals the derivation."""
    return Section(
        _("The computed form"),
        [
            Text(_(
                "The same loss in the form that the package computes, without overflow and "
                "cancellation. Its source:"
            )),
            formulas,
            *readings,
            Text(_("Compared with the derivation above:")),
            *verdicts,
        ],
    )  # fmt: skip
