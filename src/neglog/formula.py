"""Read the formulas of a declaration, and refuse what a backend cannot compile."""

from __future__ import annotations

import ast
import difflib
import inspect
import textwrap
from pathlib import Path
from typing import Any

from neglog.errors import DeclarationError, listed
from neglog.primitives.reference import NAMES

_ALLOWED = (
    ast.arguments, ast.arg, ast.Assign, ast.Return, ast.Name, ast.Load, ast.Store, ast.Call,
    ast.Constant, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.BitAnd, ast.BitOr,
    ast.UnaryOp, ast.USub, ast.Tuple, ast.Compare, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq,
    ast.NotEq,
)  # fmt: skip
_REMEDIES: dict[type[ast.AST], str] = {
    ast.AugAssign: "write x = x + …",
    ast.BoolOp: "combine conditions with & and |, each in parentheses",
    ast.For: "a formula has no loops: write its terms",
    ast.If: "write where(condition, then, otherwise)",
    ast.IfExp: "write where(condition, then, otherwise)",
    ast.Import: "import primitives at the top of the file",
    ast.ImportFrom: "import primitives at the top of the file",
    ast.Not: "write the opposite comparison",
    ast.Pow: "write power(x, 2.0), or x * x",
    ast.While: "a formula has no loops: write its terms",
    ast.keyword: "pass the arguments of primitives by position",
}


def parsed(formula: Any) -> ast.FunctionDef:
    """Return the syntax tree of a formula.

    Raises:
        OSError: the formula has no source text.
    """
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(formula))).body
    if not isinstance(function, ast.FunctionDef):
        raise OSError("not a function with def")
    if ast.get_docstring(function) is not None:
        del function.body[0]
    return function


def check(where: str, formula: Any, arguments: tuple[str, ...], single: bool = True) -> None:
    """Refuse a formula that one of the backends cannot read.

    Args:
        where: the declaration and the attribute, for messages.
        formula: the function.
        arguments: the names that it must take.
        single: whether it must return one value.

    Raises:
        DeclarationError: the line, the construct and what to write instead.
    """
    found = tuple(inspect.signature(formula).parameters)
    if found != arguments:
        raise DeclarationError(f"{where} must take {arguments}, but takes {found}.")
    try:
        function = parsed(formula)
    except (OSError, SyntaxError):
        raise DeclarationError(
            f"{where} has no source text: put it into a file or a notebook cell, as a function "
            "with def."
        ) from None
    nodes = [node for statement in function.body for node in ast.walk(statement)]
    if fault := _fault_of_result(function, single):
        raise DeclarationError(f"{where} {fault}.")
    known = {*arguments, *NAMES}
    known |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for statement in function.body:
        for node in ast.walk(statement):
            if fault := _fault(node, known):
                place = _place(formula, function, node, statement)
                raise DeclarationError(f"{where} {fault} ({place}).")


def _fault(node: ast.AST, known: set[str]) -> str:
    """Return what is wrong with a node and what to write; empty if nothing is."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) not in NAMES:
        return _unknown_call(ast.unparse(node.func))
    if not isinstance(node, _ALLOWED):
        if isinstance(node, ast.Attribute):
            return f"reads {ast.unparse(node)}: write its value as a float"
        remedy = next((text for kind, text in _REMEDIES.items() if isinstance(node, kind)), "")
        what = f"uses {type(node).__name__}, which formulas may not use"
        return f"{what}: {remedy}" if remedy else what
    if isinstance(node, ast.Compare) and len(node.ops) > 1:
        return "chains comparisons: combine them with &"
    if isinstance(node, ast.Constant) and type(node.value) is not float:
        number = float(node.value) if isinstance(node.value, int) else 1.0
        return f"holds {node.value!r}: write it as a float, {number}"
    if isinstance(node, ast.Name) and node.id not in known:
        return (
            f"reads {node.id}, which is neither an argument nor assigned in the formula: write its "
            "value, or declare it in `settings`"
        )
    return ""


def _fault_of_result(function: ast.FunctionDef, single: bool) -> str:
    """Return what is wrong with the result of a formula; empty if nothing is."""
    found = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    if not found or None in found:
        return "returns nothing: end it with return and the value"
    if any(isinstance(value, ast.Compare) for value in found):
        return "returns a condition: write where(condition, 1.0, 0.0)"
    if single and any(isinstance(value, ast.Tuple) for value in found):
        return "returns several values: the loss of an element is one number"
    return ""


_MEANT = {
    "abs": "absolute", "clamp": "at_least", "max": "maximum", "min": "minimum", "pow": "power",
    "lgamma": "log_gamma", "relu": "at_least",
}  # fmt: skip
"""Names of other libraries, and the primitives that are meant."""


def _unknown_call(called: str) -> str:
    """Refuse a function that is not a primitive, and suggest one that may be meant."""
    name = called.rpartition(".")[2]
    meant = _MEANT.get(name)
    close = (
        [meant]
        if meant
        else [name]
        if name in NAMES
        else difflib.get_close_matches(name, NAMES, n=1, cutoff=0.75)
    )
    remedy = (
        f"write {close[0]}(…), imported from neglog.primitives"
        if close
        else f"write its formula in place; the primitives are {listed(list(NAMES), 99)}"
    )
    return f"calls {called}, which is not a primitive: {remedy}"


def _place(formula: Any, function: ast.FunctionDef, node: ast.AST, statement: ast.stmt) -> str:
    """Return the file, the line and the statement of a node."""
    code = formula.__code__
    line = code.co_firstlineno + getattr(node, "lineno", statement.lineno) - 1
    line -= min((d.lineno for d in function.decorator_list), default=function.lineno) - 1
    text = ast.unparse(statement).splitlines()[0]
    return f"{Path(code.co_filename).name}, line {line}: `{text}`"
