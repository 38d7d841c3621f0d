"""Formulas such as ``y ~ x1 + C(region) + log(x2)``: what they may say, and what they read.

A formula is evaluated as Python. Only these expressions are allowed: columns, numbers, quoted text,
arithmetic, comparisons, and calls of `FUNCTIONS` by name. Attributes, subscripts and every other
name are refused before anything is evaluated, as `eval` would reach all of Python through them.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

import polars as pl

from neglog.errors import listed
from neglog.errors.tables import FormulaTextError, MissingLibraryError
from neglog.fitting.tables.table import Table

CONTRASTS = ("Treatment", "Sum", "Helmert", "Diff", "Poly")
STATEFUL = ("center", "scale", "standardize", "poly", "bs", "cr", "cc")
NUMERIC = ("log", "log2", "log10", "log1p", "exp", "expm1", "sqrt", "abs", "sin", "cos", "tanh")
FUNCTIONS = ("C", "I", *NUMERIC, *STATEFUL, *CONTRASTS)

_NODES = (
    ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple,
    ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop, ast.Compare, ast.cmpop,
)  # fmt: skip
_NAME = re.compile(r"`([^`]+)`|([^\W\d][\w.]*)")
_ALL_COLUMNS = re.compile(r"(?<![\w.`)])\.(?![\w.])")
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True)
class Formula:
    """A parsed and validated formula.

    Attributes:
        terms: formulaic's, of the right side.
        variables: the names of the columns that the right side reads, each once.
    """

    terms: Any
    variables: tuple[str, ...]

    def features(self, table: Table, target: str) -> pl.DataFrame:
        """Return the columns that the formula reads.

        Raises:
            FitError: one of them is not there, or is the target.
        """
        if target in self.variables:
            raise FormulaTextError(
                f"the formula has the target {target!r} on its right side too; leave it out there."
            )
        return pl.DataFrame([table.column(name) for name in self.variables])


def target(text: str, named: str | None) -> str:
    """Return the target, the column left of ``~``.

    Args:
        text: the formula.
        named: the target given elsewhere, if any.

    Raises:
        FitError: there is none, it is not a column name, or it differs from `named`.

    Example:
        >>> target("price ~ log(area)", None)
        'price'
    """
    left, tilde, right = (part.strip() for part in text.partition("~"))
    if not (left and tilde and right):
        raise FormulaTextError(
            "a formula requires the target, ~ and the features, such as 'y ~ x1 + x2', but is "
            f"{text!r}."
        )
    found = _NAME.fullmatch(left)
    if found is None:
        raise FormulaTextError(
            f"the left side of a formula must be a column, but is {left!r}; put that into a column "
            "of the table, or a name of other characters into `backticks`."
        )
    name = found[1] or found[2]
    if named not in (None, name):
        raise FormulaTextError(
            f"the formula's target is {name!r}, but target is {named!r}; leave out one of them."
        )
    return name


def parse(text: str) -> Formula:
    """Parse the right side of a formula, and refuse disallowed expressions.

    Raises:
        FitError: formulaic is not installed, cannot read it, or it says what it may not.
    """
    formulaic = _formulaic()
    right = text.partition("~")[2]
    if _ALL_COLUMNS.search(right):
        raise FormulaTextError(
            "'.' names no column in a formula; name them, or leave out the formula."
        )
    try:
        terms = formulaic.Formula(right)
    except Exception as error:  # of any class, as what formulaic cannot read is of any kind
        reason = _COLOURS.sub("", " ".join(str(error).split()))
        raise FormulaTextError(f"the formula {text!r} cannot be read: {reason}") from None
    if not isinstance(terms, formulaic.SimpleFormula):
        raise FormulaTextError(
            f"the formula {text!r} has several right sides; pass one, without ~ and |."
        )
    if "1" not in map(str, terms):
        raise FormulaTextError(
            f"the formula {text!r} leaves out the intercept, which every model here has; leave out "
            "the '- 1' or '+ 0'."
        )
    variables = [name for term in terms for factor in term.factors for name in _variables(factor)]
    if not variables:
        raise FormulaTextError(f"the formula {text!r} reads no column; a model needs features.")
    return Formula(terms, tuple(dict.fromkeys(variables)))


def _formulaic() -> Any:
    try:
        import formulaic
    except ImportError:
        raise MissingLibraryError(
            "formulas require the library formulaic, which is not installed; pip install "
            "'neglog[formula]'."
        ) from None
    return formulaic


def _variables(factor: Any) -> list[str]:
    """Return the columns that a factor reads; refuse disallowed expressions."""
    if factor.eval_method is factor.EvalMethod.LITERAL:
        return []
    if factor.eval_method is factor.EvalMethod.LOOKUP:
        return [str(factor.expr)]
    return names(factor.expr)


def names(expression: str) -> list[str]:
    """Return the columns that a Python expression reads, if it is allowed.

    Raises:
        FitError: it says what a formula may not.

    Example:
        >>> sorted(names("log(area) / rooms"))
        ['area', 'rooms']
    """
    from formulaic.utils.code import sanitize_variable_names

    aliases: dict[str, str] = {}
    try:
        tree = ast.parse(sanitize_variable_names(expression, {}, aliases), mode="eval")
    except SyntaxError as error:
        raise FormulaTextError(
            f"{expression!r} in the formula is not an expression ({error.msg})."
        ) from None
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = []
    for node in ast.walk(tree):
        known = isinstance(node, ast.Name) and aliases.get(node.id, node.id)
        callee = id(node) in called
        if not isinstance(node, _NODES) or (callee and known not in FUNCTIONS):
            raise FormulaTextError(
                f"{ast.unparse(node)!r} in the formula is not allowed; a formula may hold columns, "
                f"numbers, arithmetic, and {listed(list(FUNCTIONS), len(FUNCTIONS))}."
            )
        if known and not callee and known not in CONTRASTS:
            found.append(known)
    return found


def labels(text: str) -> set[str]:
    """Return the columns that a formula marks as labels with C().

    Example:
        >>> labels("y ~ C(region) + x")
        {'region'}
    """
    factors = {str(factor.expr) for term in parse(text).terms for factor in term.factors}
    return {
        name
        for factor_text in factors
        if factor_text.startswith("C(")
        for name in names(factor_text)
    }
