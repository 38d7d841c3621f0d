"""A wrong declaration cannot be imported: each fault is named in a sentence."""

from __future__ import annotations

import math
from types import FunctionType

import pytest
import torch
from torch import distributions

from neglog import REGISTRY
from neglog.errors import DeclarationError
from neglog.likelihood import Elementwise, Likelihood, by_key
from neglog.support import Support, nonnegative, real


class Facts:
    """A complete set of facts, to take from and to spoil."""

    inputs = ("mean",)
    support = real

    @staticmethod
    def distribution(mean):
        return distributions.Normal(mean, 1.0)

    @staticmethod
    def nll(mean, y):
        return 0.5 * (mean - y) * (mean - y)

    @staticmethod
    def grad(mean, y):
        return mean - y

    @staticmethod
    def curvature(mean, y):
        return 1.0

    @staticmethod
    def grad_target(mean, y):
        return y - mean

    @staticmethod
    def constant(y):
        return 0.0


def with_power(mean, y):
    return 0.5 * (mean - y) ** 2.0


def with_integer(mean, y):
    return (mean - y) * 2


def with_stranger(mean, y):
    return cosh(mean - y)  # noqa: F821 - the point of the test


def with_method(mean, y):
    return mean.exp() - y


def with_branch(mean, y):
    return mean if mean > y else y


def with_other_names(x, y):
    return x - y


def with_target(mean, y):
    return mean * y


def with_chain_free(mean, y):
    return mean - y


def with_chain(mean, y):
    return (0.0 < mean < 1.0) * y


def with_global(mean, y):
    return SCALE * (mean - y)  # noqa: F821 - the point of the test


def with_abs(mean, y):
    return abs(mean - y)


def with_helper(mean, y):
    return sq(mean - y)  # noqa: F821 - the point of the test


def with_constant(mean, y):
    return math.pi * (mean - y)


def with_two_results(mean, y):
    return mean, y


def with_condition(mean, y):
    return mean > y


def without_result(mean, y):
    mean = y  # noqa: F841 - the point of the test


def with_loop(mean, y):
    for _ in (1.0, 2.0):
        mean = mean * y
    return mean


def with_torch(mean, y):
    return torch.log(mean - y)


EMPTY = Support("a number above itself", lambda y: y > y, members=(0.0, 1.0), outsiders=())
SPOILS = [
    (
        {"nll": with_power},
        "nll uses Pow, which formulas may not use: write power\\(x, 2.0\\), or x \\* x",
    ),
    ({"grad": with_integer}, "grad holds 2: write it as a float, 2.0"),
    ({"nll": with_stranger}, "nll calls cosh, which is not a primitive"),
    ({"nll": with_method}, "nll uses Attribute|calls mean.exp, which is not a primitive"),
    ({"nll": with_branch}, "nll uses IfExp, which formulas may not use"),
    ({"nll": with_other_names}, r"nll must take \('mean', 'y'\), but takes \('x', 'y'\)"),
    ({"nll": with_chain}, "nll chains comparisons: combine them with &"),
    ({"inputs": ("mean", "scale")}, r"nll must take \('mean', 'scale', 'y'\)"),
    ({"inputs": ()}, "names 0 inputs; it must name one input or more"),
    (
        {"inputs": "mean"},
        r"`inputs` must be a tuple of names, such as \('mean',\), but it is 'mean'",
    ),
    ({"normalized": False}, "states `normalized`: write `normalised`"),
    (
        {"domains": {"mean": real}},
        r"for each of its inputs \('mean',\), in a tuple, but `domains` is",
    ),
    ({"nll": with_abs}, r"calls abs, which is not a primitive: write absolute\(…\)"),
    ({"nll": with_helper}, "calls sq, which is not a primitive: write its formula in place"),
    ({"inputs": ("mask",)}, "names 'mask', which is a name of every loss's arguments"),
    ({"inputs": ("a", "a")}, "names 'a', which is not a new identifier: choose another"),
    ({"support": "real"}, "`support` must be of neglog.support, such as support.real"),
    ({"support": EMPTY}, "no number meets its support, a number above itself"),
    (
        {"nll": with_global},
        r"reads SCALE, which is neither an argument nor assigned in the formula",
    ),
    ({"nll": with_constant}, "reads math.pi: write its value as a float"),
    ({"nll": with_two_results}, "nll returns several values: the loss of an element is one number"),
    ({"nll": with_condition}, "returns a condition, .*: write where"),
    ({"nll": without_result}, "nll returns nothing: end it with return and the value"),
    ({"nll": lambda mean, y: mean - y}, "as a function with def"),
    ({"nll": with_loop}, "nll uses For, which formulas may not use: a formula has no loops"),
    (
        {"nll": with_torch},
        r"calls torch.log, which is not a primitive: write log\(…\), imported from",
    ),
    ({"domains": (real, real)}, "must state one domain for each of its inputs"),
    ({"information": with_target}, r"information must take \('mean',\), but takes"),
    ({"link": "probit"}, "states the link 'probit'; a link must be one of"),
    ({"link": "log", "domains": (nonnegative,)}, "for a first input that may be any number"),
]


def declare(base=Elementwise, **facts):
    body = {k: v for k, v in vars(Facts).items() if not k.startswith("__")}
    body |= {"__doc__": "A declaration."} | facts
    body = {k: staticmethod(v) if isinstance(v, FunctionType) else v for k, v in body.items()}
    return type("Trial", (base,), {k: v for k, v in body.items() if v is not None})


def test_a_declaration_is_found_by_its_key() -> None:
    trial = declare()
    assert by_key(trial.key) is trial
    assert trial.name == "trial"
    assert "trial" not in REGISTRY  # which holds the package's


def test_a_redefined_declaration_has_another_key() -> None:
    first, second, again = declare(), declare(nll=with_chain_free), declare()
    assert first.key != second.key
    assert first.key == again.key  # in another process too
    assert by_key(second.key) is second


def test_staticmethod_is_optional() -> None:
    class Plain(Elementwise):
        inputs, support = ("mean",), real

        def nll(mean, y):
            return 0.5 * (mean - y) * (mean - y)

        def grad(mean, y):
            return mean - y

    assert Plain.nll(3.0, 1.0) == 2.0
    assert Plain.grad(3.0, 1.0) == 2.0


def test_a_fault_is_shown_with_its_line() -> None:
    line = with_power.__code__.co_firstlineno + 1
    with pytest.raises(DeclarationError, match=rf"test_contract.py, line {line}: `return 0.5"):
        declare(nll=with_power)


@pytest.mark.parametrize("spoil, words", SPOILS, ids=range(len(SPOILS)))
def test_a_spoiled_declaration_is_refused(spoil, words) -> None:
    with pytest.raises(DeclarationError, match=words):
        declare(**spoil)
    assert "trial" not in REGISTRY


@pytest.mark.parametrize("fact", ["inputs", "support", "nll"])
def test_a_missing_fact_is_named(fact) -> None:
    with pytest.raises(DeclarationError, match=f"Trial does not state `{fact}`"):
        declare(**{fact: None})


def test_a_shape_is_needed() -> None:
    with pytest.raises(DeclarationError, match="must derive from Elementwise or Rows"):
        declare(base=Likelihood)


def test_source_text_is_needed() -> None:
    names: dict = {}
    exec("def nll(mean, y):\n    return mean - y\n", names)
    with pytest.raises(
        DeclarationError, match="has no source text: put it into a file or a notebook"
    ):
        declare(nll=names["nll"])


def test_a_declaration_cannot_be_instantiated() -> None:
    with pytest.raises(TypeError, match="Normal is a declaration: pass the class itself"):
        REGISTRY["normal"]()
