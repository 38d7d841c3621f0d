"""Formulas as lines of characters and as MathML, with ln for the natural logarithm."""

from __future__ import annotations

from typing import Any

from sympy.printing.mathml import MathMLPresentationPrinter
from sympy.printing.pretty.pretty import PrettyPrinter
from sympy.printing.pretty.pretty_symbology import pretty_use_unicode


class _PlusFirst:
    """Begin a sum with a term that needs no minus sign: σ(z) − y, not −y + σ(z)."""

    def _as_ordered_terms(self, expr: Any, order: Any = None) -> list[Any]:
        terms = super()._as_ordered_terms(expr, order=order)  # type: ignore[misc]
        return sorted(terms, key=lambda term: bool(term.could_extract_minus_sign()))


class _Lines(_PlusFirst, PrettyPrinter):  # type: ignore[misc]
    def _print_log(self, expr: Any) -> Any:
        return self._print_Function(expr, func_name="ln")

    def _print_sigma(self, expr: Any) -> Any:
        return self._print_Function(expr, func_name="σ" if self._use_unicode else "sigma")


class _MathML(_PlusFirst, MathMLPresentationPrinter):  # type: ignore[misc]
    def _print_UnevaluatedExpr(self, expr: Any) -> Any:
        return self._print(expr.args[0])


def lines(expression: Any, width: int, unicode: bool) -> str:
    """Draw a formula with characters, at most `width` columns wide."""
    printer = _Lines({"use_unicode": unicode, "num_columns": width, "wrap_line": True})
    before = pretty_use_unicode(unicode)  # sympy keeps this one switch for the whole process
    try:
        text: str = printer.doprint(expression)
    finally:
        pretty_use_unicode(before)
    return text.replace("-", "−") if unicode else text


def mathml(expression: Any) -> str:
    """Write a formula as presentation MathML, which browsers typeset themselves."""
    text: str = _MathML().doprint(expression)
    for name, sign in (("log", "ln"), ("sigma", "σ"), ("zhat", "ẑ")):
        text = text.replace(f"<mi>{name}</mi>", f"<mi>{sign}</mi>")
    return f'<math display="block">{text}</math>'
