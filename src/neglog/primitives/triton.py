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
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
import triton
import triton.language as tl

from neglog.primitives import arithmetic
from neglog.primitives.formats import FORMATS
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


class _Deferred:
    """A primitive that is translated when a function first uses it: most kernels use few."""

    def __init__(self, translate: Callable[[], Any]) -> None:
        self.resolve = cache(translate)


def _compiled(text: str, name: str, names: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    names = {key: names[key] for key in names.keys() & set(re.findall(r"\w+", text))}
    names = {k: v.resolve() if isinstance(v, _Deferred) else v for k, v in names.items()}
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
        casts |= {"widen": _widen, "narrow": _narrow}
        root = _root if real is np.float32 else _wide_root
        self._names = self.choices | {"divided": self.divided, "square_root": to_triton(root, {})}
        self._names |= {name: to_triton(cast, types) for name, cast in casts.items()}

    def word(self, function: Callable[..., Any]) -> Any:
        """Compile a primitive, with its nonlocal names as globals."""
        names = {**self._names, **inspect.getclosurevars(function).nonlocals}
        return _Deferred(lambda: to_triton(function, names))

    def polynomial(
        self, function: Callable[[Decimal], Decimal], low: float, high: float, degree: int
    ) -> Any:
        """Return a primitive: the polynomial that approximates the function on an interval."""
        return _Deferred(lambda: self._polynomial(coefficients(function, low, high, degree)))

    @property
    def wide(self) -> _Compiler:
        """Return the compiler that computes in float64."""
        return _Compiler(np.float64)

    def tabulated(self, coefficients: Sequence[float]) -> Any:
        """Return a primitive: the polynomial with coefficients."""
        return _Deferred(lambda: self._polynomial(coefficients))

    def _polynomial(self, coefficients: Sequence[float]) -> Any:
        *others, text = map(repr, coefficients)
        for coefficient in reversed(others):
            text = f"({coefficient} + x * {text})"
        return _compiled(f"def polynomial(x):\n    return {text}\n", "polynomial", {}, {})

    def divided_polynomial(self, coefficients: Sequence[float]) -> Any:
        """Return a primitive: (P(x) − P(y)) / (x − y) of the polynomial P with coefficients."""
        return _Deferred(lambda: self._divided_polynomial(coefficients))

    def _divided_polynomial(self, coefficients: Sequence[float]) -> Any:
        *others, last = map(repr, coefficients)
        lines = [
            "def divided_polynomial(x, y):",
            f"    value = {last} + 0.0 * x",
            "    total = value",
        ]
        for coefficient in reversed(others[1:]):
            lines += [f"    value = {coefficient} + x * value", "    total = value + y * total"]
        text = "\n".join([*lines, "    return total\n"])
        return _compiled(text, "divided_polynomial", {}, {})


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


def _widen(number):
    return tl.cast(number, tl.float64)


def _narrow(number):
    return tl.cast(number, tl.float32)


def _root(x):
    return tl.sqrt_rn(x)


def _wide_root(x):
    return tl.sqrt(x)


def _coarse_power(z, top):
    return tl.exp2((z - top) * PER_LN2)
