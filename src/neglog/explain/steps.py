"""The steps shared by all derivations."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Symbol

from neglog.explain.proof import Verdict
from neglog.report.document import Code, Formula, Part, Section, Text

EXAMPLE = "These numbers are an example; pass your own with --z and --y."
_ROW, _COUNT = Symbol("i", integer=True), Symbol("m", integer=True, positive=True)
SEEN, _ALL, LOSS = Symbol("p_i", positive=True), Symbol("P", positive=True), Symbol("L")


def over_samples(nll: Any, fixed: Sequence[str] = ()) -> list[Part]:
    """Go from one sample to all: the product, its logarithm, the sign, the sum of losses.

    Args:
        nll: the loss of one sample.
        fixed: the names of its symbols that are the same in all samples.
    """
    product = sympy.Product(SEEN, (_ROW, 1, _COUNT))
    logarithm = sympy.expand_log(sympy.log(product), force=True)
    return [
        Text("All m samples, drawn independently: the product of their pᵢ."),
        Formula(equation(_ALL, product)),
        Text("The logarithm turns the product into a sum. It rises with P, so its maximum lies "
             "at the same weights."),
        Formula(equation(sympy.log(_ALL), logarithm)),
        Text("Optimizers minimise, so the sign is reversed: the negative log-likelihood, the loss. "
             "The minimum of L is the maximum of P."),
        Formula(equation(LOSS, total(nll, fixed))),
    ]  # fmt: skip


def total(nll: Any, fixed: Sequence[str] = ()) -> Any:
    """Return the sum of a sample's loss over all samples."""
    free = [symbol for symbol in nll.free_symbols if symbol.name not in fixed]
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
    sign = "✓" if found.equal else "✗"
    return Text(f"{sign} {what}: {found.words}.", "good" if found.equal else "bad")


def executed_code(formulas: Code, readings: list[Part], verdicts: list[Text]) -> Section:
    """Show the code that runs, its symbolic form, and whether it equals the derivation."""
    return Section(
        "The computed form",
        [
            Text("The same loss in the form that the package computes, without overflow and "
                 "cancellation. Its source:"),
            formulas,
            *readings,
            Text("Compared with the derivation above:"),
            *verdicts,
        ],
    )  # fmt: skip
