"""A wrong declaration cannot be imported: each fault is named in a sentence."""

from __future__ import annotations

from types import FunctionType

import pytest
from torch import distributions

from neglog import REGISTRY
from neglog.errors import DeclarationError
from neglog.likelihood import Elementwise, Likelihood
from neglog.support import nonnegative, real


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


def with_chain(mean, y):
    return (0.0 < mean < 1.0) * y


SPOILS = [
    ({"nll": with_power}, "nll uses Pow, which formulas may not use"),
    ({"grad": with_integer}, "grad holds 2: write it as a float, 1.0"),
    ({"nll": with_stranger}, "nll calls cosh, which is not a primitive"),
    ({"nll": with_method}, "nll uses Attribute|calls mean.exp, which is not a primitive"),
    ({"nll": with_branch}, "nll uses IfExp, which formulas may not use"),
    ({"nll": with_other_names}, r"nll must take \('mean', 'y'\), but takes \('x', 'y'\)"),
    ({"nll": with_chain}, "nll chains comparisons: combine them with &"),
    ({"inputs": ("mean", "scale")}, r"nll must take \('mean', 'scale', 'y'\)"),
    ({"inputs": ("a", "b", "c")}, "names 3 inputs; the engine takes 2"),
    ({"inputs": ()}, "names 0 inputs; the engine takes 2"),
    ({"domains": (real, real)}, "must state one domain for each of its inputs"),
    ({"curvature": with_target}, "must state `information`: it is the curvature only if"),
    ({"smooth": False}, "must state `information`: it is the curvature only if"),
    ({"information": with_target}, r"information must take \('mean',\), but takes"),
    ({"link": "probit"}, "states the link 'probit'; a link must be one of"),
    ({"link": "log", "domains": (nonnegative,)}, "for one input that may be any number"),
    ({"__doc__": " "}, "has no docstring: say what it is for and give its source"),
]


@pytest.fixture(autouse=True)
def _registry_restored():
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def declare(base=Elementwise, **facts):
    body = {k: v for k, v in vars(Facts).items() if not k.startswith("__")}
    body |= {"__doc__": "A declaration."} | facts
    body = {k: staticmethod(v) if isinstance(v, FunctionType) else v for k, v in body.items()}
    return type("Trial", (base,), {k: v for k, v in body.items() if v is not None})


def test_a_complete_declaration_enters_the_registry() -> None:
    assert declare() is REGISTRY["trial"]


@pytest.mark.parametrize("spoil, words", SPOILS, ids=range(len(SPOILS)))
def test_a_spoiled_declaration_is_refused(spoil, words) -> None:
    with pytest.raises(DeclarationError, match=words):
        declare(**spoil)
    assert "trial" not in REGISTRY


@pytest.mark.parametrize(
    "fact", ["inputs", "support", "distribution", "nll", "grad", "curvature", "constant"]
)
def test_a_missing_fact_is_named(fact) -> None:
    with pytest.raises(DeclarationError, match=f"Trial does not state `{fact}`"):
        declare(**{fact: None})


def test_a_shape_is_needed() -> None:
    with pytest.raises(DeclarationError, match="must derive from Elementwise or Rows"):
        declare(base=Likelihood)


def test_source_text_is_needed() -> None:
    names: dict = {}
    exec("def nll(mean, y):\n    return mean - y\n", names)
    with pytest.raises(DeclarationError, match="has no source text: put it into a file"):
        declare(nll=names["nll"])


def test_a_declaration_cannot_be_instantiated() -> None:
    with pytest.raises(TypeError, match="Normal is a declaration: pass the class itself"):
        REGISTRY["normal"]()
