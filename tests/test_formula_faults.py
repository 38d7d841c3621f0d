"""Formulas that kernels cannot run are refused with the line, the construct and the remedy."""

import importlib.util
import textwrap

import pytest
import torch

from neglog.errors import DeclarationError

pytestmark = pytest.mark.usefixtures("own_likelihoods")
HEAD = """
import functools
from math import sqrt
import neglog
from neglog.primitives import exp, log, maximum, where


def traced(function):
    return functools.wraps(function)(lambda *arguments: function(*arguments))


class Own(neglog.Elementwise):
    inputs, support = ("a",), neglog.support.real

"""


def declared(tmp_path, formula):
    path = tmp_path / "own_formula.py"
    path.write_text(HEAD + textwrap.indent(formula, "    "), "utf-8")
    spec = importlib.util.spec_from_file_location("own_formula", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Own


REFUSED = {
    "def nll(a, y):\n    return log1p(a)": "log1p, which is not imported: write from neglog.prim",
    "def nll(a, y):\n    return sqrt(a)": "sqrt, which is the sqrt of math here: write from neglog",
    "nll = lambda a, y: a - y": "nll is a lambda",
    "async def nll(a, y):\n    return a": "nll is not a plain function",
    "@classmethod\ndef nll(cls, a, y):\n    return a": "nll is a method",
    "@property\ndef nll(self):\n    return 1.0": "nll is a property",
    "@traced\ndef nll(a, y):\n    return a": "is decorated with traced, .*: remove it",
    "def nll(a, *, y):\n    return a": r"must take \('a', 'y'\), but takes \(a, \*, y\)",
    "def nll(a, y):\n    z: float = a\n    return z": "AnnAssign.*: remove the annotation",
    "def nll(a, y):\n    return (z := a) * z": "NamedExpr.*: assign on a line of its own",
    "def nll(a, y):\n    def f(x):\n        return x\n    return f(a)": "FunctionDef.*in place",
    "def nll(a, y):\n    print(a)\n    return a": "Expr.*: remove the statement",
    "def nll(a, y):\n    return +a": r"UAdd.*: remove the sign \(.*line 16",
    "def nll(a, y):\n    z = q * a\n    q = 2.0\n    return z": r"reads q, .*line 16",
    "def nll(a, y):\n    exp = a\n    return exp(a)": "calls exp, which the formula assigns",
    "def nll(a, y):\n    return exp(a, y)": "passes 2 arguments to exp, which takes 1",
    "def nll(a, y):\n    return where(a, y)": "passes 2 arguments to where, which takes 3",
    "def nll(a, y):\n    return maximum((a, y), y)": "passes a tuple to maximum",
    "def nll(a, y):\n    h, k = 0.5, a\n    return k * log(h)": r"computes log\(h\), which no arg",
    "def nll(a, y):\n    return where(a, a, y)": "chooses by a, which is not a comparison",
    "def nll(a, y):\n    return where((a > y) & a, a, y)": "combines a, which is not a comparison",
    "def nll(a, y):\n    return a > y": "returns a condition, a > y: write where",
    "def nll(a, y):\n    c = a > y\n    d = c\n    return d": r"returns a condition, d.*line 18",
    "def nll(a, y):\n    return (a > y) & (a > 0.0)": "returns a condition",
    "def nll(a, y):\n    return where(a > y, a > 0.0, y > 0.0)": "returns a condition",
    "def nll(a, y):\n    c = a > y\n    return a + c * y": "computes with a condition, c",
    "def nll(a, y):\n    return a * -(a > y)": "computes with a condition, a > y",
    "def nll(a, y):\n    return exp(a > y)": "computes with a condition, a > y",
    "def nll(a, y):\n    return where((a > y) > 0.5, a, y)": "computes with a condition, a > y",
    "def nll(a, y):\n    c = a > y\n    return where(c, c, a)": "between a number and a condition",
    "def nll(a, y):\n    return where(not a > y, a, y)": "Not.*: write the opposite comparison",
    "def nll(a, y):\n    return where(2.0 > 1.0, a, y)": r"compares numbers only, 2\.0 > 1\.0",
    "def nll(a, y):\n    return a / 0.0": "divides by 0",
    "def nll(a, y):\n    return 1e999 * a": "holds an infinite number: write a finite one",
}


@pytest.mark.parametrize("formula", REFUSED)
def test_a_formula_that_kernels_cannot_run_is_refused(tmp_path, formula):
    with pytest.raises(DeclarationError, match=REFUSED[formula]):
        declared(tmp_path, formula)


@pytest.mark.parametrize(
    "formula",
    [
        "@staticmethod\ndef nll(a: float, y: float = 1.0) -> float:\n    return a * y",
        "def nll(a, y):\n    '''Text.'''\n    return (  # why\n        a\n        * y\n    )",
        "def nll(a, y):\n    a, above = a * y, a > y\n    return where(above, a, -a)",
        "def nll(a, y):\n    σ = τ = a * y\n    return 0.5 * σ + 0.5 * τ",
        "def nll(a, y):\n    return a * a * exp(1.0 + 0.0 * y)",
        "def nll(a, y):\n    t1 = exp(a)\n    return 0.0 * t1 + a * y",
        "def nll(a, y):\n    exp = a * y\n    return exp",
    ],
)
def test_ways_of_writing_that_are_accepted(tmp_path, formula):
    own = declared(tmp_path, formula)
    a = torch.tensor([2.0, -0.5], requires_grad=True)
    y = torch.tensor([1.0, 0.25])
    (slope,) = torch.autograd.grad(own.nll(a, y).sum(), a)
    torch.testing.assert_close(own.grad(a.detach(), y), slope)
