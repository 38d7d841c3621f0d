"""The primitives compiled by Triton, and `to_triton`, which translates a function to Triton.

Triton reads a function's source text and looks up its names in the function's globals, where it
accepts numbers only as `constexpr`. So `to_triton` copies the text of a formula, a primitive or a
kernel, with the names that it requires as globals. It changes one thing: a GPU's `/` of float32 is
off by two units in the last place, and becomes the primitive `divided`, which is not.

Two dangers. Triton must find the text again: it is stored in `linecache`, where `inspect` looks up
code without a file. And if two functions have one name, Triton silently calls one for the other
within a kernel: so a name contains a hash of everything that its function depends on.
`tests/test_triton.py` tests both.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import linecache
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
import triton
import triton.language as tl

from neglog.primitives import arithmetic
from neglog.primitives.arithmetic import FORMATS
from neglog.primitives.polynomials import coefficients
from neglog.primitives.unrolled import unrolled_source

_REALS: dict[Any, Any] = {np.float32: tl.float32, np.float64: tl.float64}
_WHOLES: dict[Any, Any] = {np.float32: tl.int32, np.float64: tl.int64}

# Placeholders, which `to_triton` replaces.
REAL: Any = None
WHOLE: Any = None
PER_LN2: Any = None


@cache
def vocabulary(real: Any) -> dict[str, Any]:
    """Return the primitives that compute in float32 or in float64, including `divided`."""
    compiler = _Compiler(real)
    return arithmetic.vocabulary(compiler) | {"divided": compiler.divided}


@cache
def power(real: Any) -> Any:
    """Return the function e^(z − top), for top ≥ z."""
    return arithmetic.power(_Compiler(real))


@cache
def coarse_power() -> Any:
    """Return `power` with the GPU's instruction: exact enough for half precision."""
    return to_triton(_coarse_power, {"PER_LN2": 1.4426950408889634})  # 1 / ln 2


def to_triton(
    function: Any,
    names: Mapping[str, Any],
    counts: Mapping[str, int] | None = None,
    **options: Any,
) -> Any:
    """Translate a function to Triton, with `names` as its globals.

    Args:
        function: a formula, a primitive or a part of a kernel.
        names: its globals.
        counts: the numbers for which it is written out: see `primitives.unrolled`.
        options: of `triton.jit`.
    """
    assert isinstance(function, FunctionType)
    text = _rewritten(function, tuple((counts or {}).items()))
    return _compiled(text, function.__name__, names, options)


def _plainly_divided() -> Any:
    """Return Triton's own `/`, which is exact for float64."""
    return _compiled("def divided(a, b):\n    return a / b\n", "divided", {}, {})


def interprets() -> bool:
    """Return whether kernels run in Triton's interpreter, on a CPU: ``TRITON_INTERPRET=1``."""
    return bool(triton.knobs.runtime.interpret)


def _compiled(text: str, name: str, names: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    facts = ((key, getattr(value, "fn", value)) for key, value in sorted(names.items()))
    essence = [(key, getattr(fact, "__name__", None) or repr(fact)) for key, fact in facts]
    unique_name = f"{name}_{hashlib.sha256(repr((text, essence)).encode()).hexdigest()[:12]}"
    text = text.replace(f"def {name}(", f"def {unique_name}(", 1)
    file = f"<neglog {unique_name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope = {key: _constant(value) for key, value in names.items()}
    scope |= {"tl": tl, "__name__": __name__}
    exec(compile(text, file, "exec"), scope)
    return triton.jit(scope[unique_name], **options)


def _constant(value: Any) -> Any:
    """Convert a number or a bool to a form that Triton accepts; return other values unchanged."""
    if not isinstance(value, (bool, int, float, np.floating)):
        return value
    plain = float(value) if isinstance(value, np.floating) else value
    return plain if interprets() else tl.constexpr(plain)


@cache
def _rewritten(function: FunctionType, counts: tuple[tuple[str, int], ...] = ()) -> str:
    tree = unrolled_source(function, dict(counts))
    return ast.unparse(ast.fix_missing_locations(_Division().visit(tree))) + "\n"


class _Division(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        return ast.Call(ast.Name("divided", ast.Load()), [node.left, node.right], [])


class _Compiler:
    """Triton, for one float type."""

    def __init__(self, real: Any) -> None:
        self.format = FORMATS[real]
        types = {"REAL": _REALS[real], "WHOLE": _WHOLES[real]}
        choices = {"absolute": _absolute, "at_least": _at_least, "where": _where}
        self.choices = {name: to_triton(choice, {}) for name, choice in choices.items()}
        self.divided = to_triton(_divided, {}) if real is np.float32 else _plainly_divided()
        casts = {"bits_of": _bits_of, "float_of": _float_of, "real": _real, "whole": _whole}
        self._names = self.choices | {"divided": self.divided}
        self._names |= {name: to_triton(cast, types) for name, cast in casts.items()}

    def word(self, function: Callable[..., Any]) -> Any:
        """Compile a primitive, with its nonlocal names as globals."""
        return to_triton(function, {**self._names, **inspect.getclosurevars(function).nonlocals})

    def polynomial(
        self, function: Callable[[Decimal], Decimal], low: float, high: float, degree: int
    ) -> Any:
        """Return a primitive: the polynomial that approximates the function on an interval."""
        *others, text = map(repr, coefficients(function, low, high, degree))
        for coefficient in reversed(others):
            text = f"({coefficient} + x * {text})"
        return _compiled(f"def polynomial(x):\n    return {text}\n", "polynomial", {}, {})


# Look up Triton's functions when they are called: its interpreter replaces them.
def _absolute(x):
    return tl.abs(x)


def _where(condition, yes, no):
    return tl.where(condition, yes, no)


def _divided(a, b):
    return tl.div_rn(a, b)


def _at_least(x, bound):
    return tl.where(x < bound, bound, x)


def _bits_of(x):
    return x.to(WHOLE, bitcast=True)


def _float_of(bits):
    return bits.to(REAL, bitcast=True)


def _real(number):
    return number.to(REAL)


def _whole(number):
    return number.to(WHOLE)


def _coarse_power(z, top):
    return tl.exp2((z - top) * PER_LN2)
