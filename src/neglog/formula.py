"""Read the formulas of a declaration, and refuse what a backend cannot compile."""

from __future__ import annotations

import ast
import difflib
import inspect
import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

from neglog.errors import listed
from neglog.errors.declaring import FormulaError
from neglog.primitives import reference
from neglog.primitives.reference import NAMES, TWO_ARGUMENTS

_ALLOWED = (
    ast.arguments, ast.arg, ast.Assign, ast.Return, ast.Name, ast.Load, ast.Store, ast.Call,
    ast.Constant, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.BitAnd, ast.BitOr,
    ast.UnaryOp, ast.USub, ast.Tuple, ast.Compare, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq,
    ast.NotEq,
)  # fmt: skip
_REMEDIES: dict[type[ast.AST], str] = {
    ast.AnnAssign: "remove the annotation",
    ast.AugAssign: "write x = x + …",
    ast.BoolOp: "combine conditions with & and |, each in parentheses",
    ast.Expr: "remove the statement",
    ast.For: "a formula has no loops: write its terms",
    ast.FunctionDef: "write its formula in place",
    ast.If: "write where(condition, then, otherwise)",
    ast.IfExp: "write where(condition, then, otherwise)",
    ast.Import: "import primitives at the top of the file",
    ast.ImportFrom: "import primitives at the top of the file",
    ast.NamedExpr: "assign on a line of its own",
    ast.Not: "write the opposite comparison",
    ast.Pow: "write power(x, 2.0), or x * x",
    ast.UAdd: "remove the sign",
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


def without_closure(formula: FunctionType) -> FunctionType:
    """Return a formula whose primitives an enclosing function imported as one of a module.

    Backends replace primitives that are globals.
    """
    if not set(formula.__code__.co_freevars) & {*NAMES}:
        return formula
    try:
        function = parsed(formula)
    except (OSError, SyntaxError, ValueError):
        return formula  # `check` says why
    function.decorator_list = []
    code = formula.__code__
    ast.increment_lineno(function, code.co_firstlineno - 1)
    outer = inspect.getclosurevars(formula).nonlocals
    names = {**formula.__globals__, **{name: outer[name] for name in outer.keys() & {*NAMES}}}
    exec(compile(ast.Module([function], []), code.co_filename, "exec"), names)
    found: FunctionType = names[formula.__name__]
    found.__qualname__ = formula.__qualname__
    return found


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
    if not isinstance(formula, FunctionType):
        kind = type(formula).__name__
        raise FormulaError(f"{where} is a {kind}: write it as a function with def.")
    parameters = inspect.signature(formula).parameters
    found = tuple(parameters)
    if found != arguments or any(p.kind is p.KEYWORD_ONLY for p in parameters.values()):
        taken = str(inspect.signature(formula)) if found == arguments else str(found)
        raise FormulaError(f"{where} must take {arguments}, but takes {taken}.")
    function = _read(where, formula)
    if fault := _fault_of_result(function, single):
        raise FormulaError(f"{where} {fault}.")
    names = Names(arguments, formula.__globals__)
    for statement in function.body:
        for node in ast.walk(statement):
            if fault := _fault(node, names):
                place = _place(formula, function, node, statement)
                raise FormulaError(f"{where} {fault} ({place}).")
        names.assign(statement)


def _read(where: str, formula: FunctionType) -> ast.FunctionDef:
    """Return the syntax tree of a formula that is a function with def, or refuse it."""
    try:
        inspect.getsource(formula)
    except OSError:
        raise FormulaError(
            f"{where} has no source text: put it into a file or a notebook cell, as a function "
            "with def."
        ) from None
    try:
        function = parsed(formula)
    except (OSError, SyntaxError, ValueError):
        lambdas = formula.__name__ == "<lambda>"
        what = "is a lambda" if lambdas else "is not a plain function"
        raise FormulaError(f"{where} {what}: write it as a function with def.") from None
    for decorator in map(ast.unparse, function.decorator_list):
        if decorator != "staticmethod":
            raise FormulaError(
                f"{where} is decorated with {decorator}, which kernels cannot run: remove it."
            )
    return function


class Names:
    """The names that a formula may read at a statement.

    Attributes:
        known: all of them.
        assigned: those of the formula itself, arguments included.
        numbers: those that hold a number that no argument changes.
        conditions: those that hold a condition.
        imported: the names of the module, with what they stand for.
    """

    def __init__(self, arguments: tuple[str, ...], imported: Mapping[str, Any]) -> None:
        self.imported = imported
        self.known, self.assigned = {*arguments, *NAMES}, {*arguments}
        self.numbers: set[str] = set()
        self.conditions: set[str] = set()

    def assign(self, statement: ast.stmt) -> None:
        """Add what a statement assigns."""
        if not isinstance(statement, ast.Assign):
            return
        for target in statement.targets:
            pairs = _pairs(target, statement.value)
            facts = [(t, self.is_number(v), self.is_condition(v)) for t, v in pairs]
            for stored, number, condition in facts:
                self._store(stored, number, condition)

    def _store(self, target: ast.expr, number: bool, condition: bool) -> None:
        if not isinstance(target, ast.Name):
            return
        self.known.add(target.id)
        self.assigned.add(target.id)
        for group, holds in ((self.numbers, number), (self.conditions, condition)):
            group.discard(target.id)
            group.update([target.id] if holds else [])

    def is_number(self, node: ast.expr) -> bool:
        """Return whether no argument enters an expression."""
        read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        return not isinstance(node, ast.Tuple) and not (read & self.assigned) - self.numbers

    def is_condition(self, node: ast.expr) -> bool:
        """Return whether an expression is a comparison, or a combination of comparisons."""
        if isinstance(node, ast.Name):
            return node.id in self.conditions
        if isinstance(node, ast.Call):
            return len(node.args) == 3 and all(map(self.is_condition, node.args))
        if isinstance(node, ast.BoolOp | ast.UnaryOp):
            return not isinstance(getattr(node, "op", None), ast.USub)  # refused with its remedy
        combines = isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr)
        return combines or isinstance(node, ast.Compare)


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """Return names and their values, which a tuple assigns together."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=False))
    return [(target, value)]


def _fault(node: ast.AST, names: Names) -> str:
    """Return what is wrong with a node and what to write; empty if nothing is."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) not in NAMES:
        return _unknown_call(ast.unparse(node.func))
    if isinstance(node, ast.Call) and (fault := _fault_of_call(node, names)):
        return fault
    if isinstance(node, ast.BinOp) and (fault := _fault_of_operands(node, names)):
        return fault
    if fault := _fault_of_conditions(node, names):
        return fault
    if not isinstance(node, _ALLOWED):
        if isinstance(node, ast.Attribute):
            return f"reads {ast.unparse(node)}: write its value as a float"
        remedy = next((text for kind, text in _REMEDIES.items() if isinstance(node, kind)), "")
        what = f"uses {type(node).__name__}, which formulas may not use"
        return f"{what}: {remedy}" if remedy else what
    if isinstance(node, ast.Compare) and len(node.ops) > 1:
        return "chains comparisons: combine them with &"
    if isinstance(node, ast.Compare) and names.is_number(node):
        return f"compares numbers only, {ast.unparse(node)}: write the branch that it chooses"
    if isinstance(node, ast.Constant) and type(node.value) is not float:
        number = float(node.value) if isinstance(node.value, int) else 1.0
        return f"holds {node.value!r}: write it as a float, {number}"
    if isinstance(node, ast.Constant) and node.value in (math.inf, -math.inf):
        return "holds an infinite number: write a finite one"
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in names.known:
        return (
            f"reads {node.id}, which is neither an argument nor assigned in the formula: write its "
            "value, or declare it in `settings`"
        )
    return ""


def _fault_of_call(node: ast.Call, names: Names) -> str:
    """Return what is wrong with a call of a primitive; empty if nothing is."""
    name = ast.unparse(node.func)
    if name in names.assigned:
        return f"calls {name}, which the formula assigns: choose another name"
    if names.imported.get(name) is not getattr(reference, name):
        found = names.imported.get(name)
        home = getattr(found, "__module__", None) or type(found).__name__
        what = f"the {name} of {home} here" if name in names.imported else "not imported"
        return f"calls {name}, which is {what}: write from neglog.primitives import {name}"
    count = 3 if name == "where" else 2 if name in TWO_ARGUMENTS else 1
    if len(node.args) != count and not node.keywords:
        return f"passes {len(node.args)} arguments to {name}, which takes {count}"
    if any(isinstance(argument, ast.Tuple) for argument in node.args):
        return f"passes a tuple to {name}: pass numbers"
    if node.args and all(map(names.is_number, node.args)):
        return f"computes {ast.unparse(node)}, which no argument changes: write its value"
    if name == "where" and not names.is_condition(node.args[0]):
        chosen = ast.unparse(node.args[0])
        return f"chooses by {chosen}, which is not a comparison: compare it, as with {chosen} > 0.0"
    mixed = {names.is_condition(argument) for argument in node.args[1:]}
    if name == "where" and len(mixed) > 1:
        return f"chooses between a number and a condition in {ast.unparse(node)}: pass two numbers"
    return ""


def _fault_of_operands(node: ast.BinOp, names: Names) -> str:
    """Return what is wrong with the operands of an operator; empty if nothing is."""
    if isinstance(node.op, ast.BitAnd | ast.BitOr):
        for operand in (node.left, node.right):
            if not names.is_condition(operand):
                text = ast.unparse(operand)
                return f"combines {text}, which is not a comparison: put comparisons in parentheses"
    zero = isinstance(node.right, ast.Constant) and node.right.value == 0.0
    return "divides by 0" if zero and isinstance(node.op, ast.Div) else ""


def _fault_of_conditions(node: ast.AST, names: Names) -> str:
    """Return that a condition stands where a number must; empty if none does."""
    for value in _values_in(node):
        chained = isinstance(value, ast.Compare) and len(value.ops) > 1
        refused = chained or isinstance(value, ast.BoolOp | ast.UnaryOp)  # with other remedies
        if names.is_condition(value) and not refused:
            verb = "returns" if isinstance(node, ast.Return) else "computes with"
            text = ast.unparse(value)
            return f"{verb} a condition, {text}: write where({text}, 1.0, 0.0)"
    return ""


def _values_in(node: ast.AST) -> list[ast.expr]:
    """Return the parts of a node that must be numbers."""
    if isinstance(node, ast.Return) and node.value is not None:
        return node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    if isinstance(node, ast.BinOp):
        return [] if isinstance(node.op, ast.BitAnd | ast.BitOr) else [node.left, node.right]
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.Call):
        return [] if ast.unparse(node.func) == "where" else node.args
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [node.operand]
    return []


def _fault_of_result(function: ast.FunctionDef, single: bool) -> str:
    """Return what is wrong with the result of a formula; empty if nothing is."""
    found = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    if not found or None in found:
        return "returns nothing: end it with return and the value"
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
