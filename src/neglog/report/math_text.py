"""Formulas as lines of characters and as MathML, with ln for the natural logarithm."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len
from sympy import Rational, Symbol, sign, true
from sympy.printing.mathml import MathMLPresentationPrinter
from sympy.printing.pretty.pretty import PrettyPrinter
from sympy.printing.pretty.pretty_symbology import pretty_use_unicode
from sympy.printing.pretty.stringpict import prettyForm
from sympy.printing.printer import Printer

from neglog.translation import gettext as _


def _code_name(name: str) -> tuple[str, str]:
    """Return a name of code and its index, such as log_mean and i of log_mean_i.

    Both are empty for other symbols: of P_1 and y_i, what follows the underscore is an index.
    """
    stem, index = (name[:-2], "i") if name.endswith("_i") else (name, "")
    is_word = any(len(part) > 1 and not part.isdigit() for part in stem.split("_")[1:])
    return (stem, index) if is_word else ("", "")


_NAMES = {
    "Phi": ("Φ", "Phi"),
    "beta": ("B", "B"),
    "log": ("ln", "ln"),
    "loggamma": ("ln Γ", "ln Gamma"),
    "phi": ("φ", "phi"),
    "sigma": ("σ", "sigma"),
}
_BY_ORDER = {
    ("polygamma", 0): ("ψ", "digamma"),
    ("polygamma", 1): ("ψ₁", "trigamma"),
    ("besseli", 0): ("I₀", "I_0"),
    ("besseli", 1): ("I₁", "I_1"),
}
"""The signs and the names of functions of an order, their first argument."""
_LARGEST_DENOMINATOR = 8  # of fractions that formulas are written with; 3/20 is 0.15


def _name(expr: Any) -> tuple[str, str, Any]:
    """Return the sign of a function, its name where there are no signs, and its arguments."""
    name = expr.func.__name__
    if name in _NAMES:
        return *_NAMES[name], expr.args
    if (name, expr.args[0]) in _BY_ORDER:
        return *_BY_ORDER[name, expr.args[0]], expr.args[1:]
    return name, name, expr.args


def _as_written(expression: Any) -> Any:
    """Return an expression with 0.234 instead of 117/500; fractions such as ½ stay."""
    decimals = {
        each: sign(each) * Symbol(format(abs(each.p / each.q), ".15g"))
        for each in expression.atoms(Rational)
        if each.q > _LARGEST_DENOMINATOR and not _without_factors(each.q, 2, 5) > 1
    }
    return expression.xreplace(decimals)


def _without_factors(number: int, *factors: int) -> int:
    """Return a number divided by some factors as often as possible."""
    for factor in factors:
        while number % factor == 0:
            number //= factor
    return number


class _PlusFirst(Printer):
    """Begin a sum with a term that needs no minus sign: σ(z) − y, not −y + σ(z)."""

    def _as_ordered_terms(self, expr: Any, order: Any = None) -> list[Any]:
        terms = super()._as_ordered_terms(expr, order=order)
        return sorted(terms, key=lambda term: bool(term.could_extract_minus_sign()))


class _Lines(_PlusFirst, PrettyPrinter):
    def _print_Symbol(self, e: Any, bold_name: bool = False) -> Any:
        stem, index = _code_name(e.name)
        if e.name[0].isdigit():
            return prettyForm(e.name)
        if not stem:
            return super()._print_Symbol(e, bold_name)
        return prettyForm(stem + (index and ("ᵢ" if self._use_unicode else "_i")))

    def _named(self, expr: Any) -> Any:
        sign, words, arguments = _name(expr)
        name = sign if self._use_unicode else words
        return self._helper_print_function(expr.func, arguments, func_name=name)

    _print_log = _print_sigma = _print_Phi = _print_phi = _print_beta = _named
    _print_loggamma = _print_polygamma = _print_besseli = _named


class _MathML(_PlusFirst, MathMLPresentationPrinter):
    """What sympy's own printer has no signs for."""

    def _print_Symbol(self, sym: Any, style: str = "plain") -> Any:
        stem, index = _code_name(sym.name)
        if sym.name[0].isdigit():
            return self._element("mn", sym.name)
        if not stem:
            return super()._print_Symbol(sym, style)
        name = self._element("mi", stem)
        return self._element("msub", name, self._element("mi", index)) if index else name

    def _print_UnevaluatedExpr(self, expr: Any) -> Any:
        return self._print(expr.args[0])

    def _print_log(self, expr: Any) -> Any:
        space = self._element("mspace")  # no browser sets one between a factor and a name
        space.setAttribute("width", "0.17em")
        return self._element("mrow", space, self._call("ln", expr.args[0]))

    def _named(self, expr: Any) -> Any:
        name, _, arguments = _name(expr)
        return self._call(name, *arguments)

    _print_sigma = _print_Phi = _print_phi = _print_beta = _named
    _print_loggamma = _print_polygamma = _print_besseli = _named

    def _print_Exp1(self, _: Any) -> Any:
        return self._element("mi", "e")

    def _print_exp(self, expr: Any) -> Any:
        return self._element("msup", self._element("mi", "e"), self._print(expr.args[0]))

    def _print_Product(self, expr: Any) -> Any:
        (index, low, high), sign = expr.limits[0], self._element("mo", "∏")
        below = self._element(
            "mrow", self._print(index), self._element("mo", "="), self._print(low)
        )
        over = self._element("munderover", sign, below, self._print(high))
        return self._element("mrow", over, self._print(expr.function))

    def _print_Derivative(self, expr: Any) -> Any:
        ((variable, order),) = expr.variable_count
        over, under = self._element("mi", "d"), self._print(variable)
        if order != 1:  # d²/dz²; sympy's own would be d²/d²z
            over = self._element("msup", over, self._print(order))
            under = self._element("msup", under, self._print(order))
        under = self._element("mrow", self._element("mi", "d"), under)
        return self._element("mrow", self._element("mfrac", over, under), self._print(expr.expr))

    def _print_Piecewise(self, expr: Any) -> Any:
        table = self._element("mtable")
        for value, condition in expr.args:
            always = condition is true
            when = _("otherwise") if always else _("if ")
            words = [self._element("mtext", when), *([] if always else [self._print(condition)])]
            cells = [self._element("mtd", self._print(value)), self._element("mtd", *words)]
            table.appendChild(self._element("mtr", *cells))
        return self._element("mrow", self._element("mo", "{"), table)

    def _call(self, name: str, *arguments: Any) -> Any:
        inside = [self._print(arguments[0])]
        for argument in arguments[1:]:
            inside += [self._element("mo", ","), self._print(argument)]
        fences = self._element("mo", "("), *inside, self._element("mo", ")")
        return self._element("mrow", self._element("mi", name), *fences)

    def _element(self, kind: str, *children: Any) -> Any:
        element = self.dom.createElement(kind)
        for child in children:
            node = self.dom.createTextNode(child) if isinstance(child, str) else child
            element.appendChild(node)
        return element


def lines(expression: Any, width: int, unicode: bool) -> str:
    """Draw a formula with characters, at most `width` columns wide."""
    printer = _Lines({"use_unicode": unicode, "num_columns": width, "wrap_line": True})
    before = pretty_use_unicode(unicode)  # sympy keeps this one switch for the whole process
    try:
        text: str = printer.doprint(_as_written(expression))
    finally:
        pretty_use_unicode(before)
    for english in ("otherwise", " for "):  # the words of sympy, replaced by as many columns
        word = _(english)
        text = text.replace(english, word + " " * (cell_len(english) - cell_len(word)))
    return text.replace("-", "−") if unicode else text


def mathml(expression: Any) -> str:
    """Write a formula as presentation MathML, which browsers typeset themselves."""
    text: str = _MathML().doprint(_as_written(expression))
    text = text.replace("<mo>-</mo>", "<mo>−</mo>")
    text = text.replace("<mi>zhat</mi>", "<mi>ẑ</mi>").replace("<mi>sigma</mi>", "<mi>σ</mi>")
    return f'<math display="block">{text}</math>'
