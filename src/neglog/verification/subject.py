"""A declaration with numbers for its settings, as the checks read it."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mpmath as mp
import torch
from torch import Tensor

from neglog import derivation
from neglog.likelihood import Likelihood
from neglog.primitives import digits
from neglog.primitives.binding import bind
from neglog.support import Support, binary

DIGITS = 60
INFINITE = mp.mpf(10) ** 4000
"""Stands for an infinite argument, so that a formula's result is its limit."""

nonpositive = Support("a number of 0 or less", lambda x: x <= 0.0, (-3.0, -0.5, 0.0), (1.0,))


@dataclass(frozen=True)
class Subject:
    """A declaration and its settings."""

    likelihood: type[Likelihood]
    settings: tuple[float, ...]

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return the names of the arguments of `nll`."""
        return (*self.likelihood.term_inputs(), "y")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the names of the arguments by which `nll` is differentiated."""
        return self.likelihood.inputs if self.likelihood.elementwise else ("log_p",)

    @property
    def domains(self) -> tuple[Support, ...]:
        """Return the valid numbers of each input."""
        return self.likelihood.domains if self.likelihood.elementwise else (nonpositive,)

    @property
    def support(self) -> Support:
        """Return the valid targets; of a row, the part of the target on one class."""
        return self.likelihood.support if self.likelihood.elementwise else binary

    @property
    def given(self) -> tuple[str, ...]:
        """Return the names of the constant tensors."""
        return self.likelihood.given if self.likelihood.elementwise else ()

    @property
    def given_domains(self) -> tuple[Support, ...]:
        """Return the valid numbers of each constant tensor."""
        return self.likelihood.given_domains if self.given else ()

    def text(self) -> str:
        """Return the source text of `nll`."""
        return textwrap.dedent(inspect.getsource(self.likelihood.nll)).strip()

    def exact(self, fact: str) -> Callable[..., Any]:
        """Return a formula that computes in mpmath."""
        return in_digits(getattr(self.likelihood, fact))

    @cached_property
    def derived(self) -> dict[str, Callable[..., Any]]:
        """Return the derived derivatives, by the names under which a declaration states them."""
        facts = (self.likelihood.nll, self.arguments, self.inputs, self.likelihood.smooth)
        return {
            "grad": derivation.gradient(*facts),
            "curvature": derivation.curvature(*facts),
            "grad_target": derivation.grad_target(*facts),
        }

    def constant(self, y: Any) -> Any:
        """Return the terms that `nll` omits, in torch."""
        fixed = [torch.full_like(y, s) for s in self.settings]
        return self.likelihood.constant(*fixed, y)

    def where(self, point: Sequence[float]) -> str:
        """Name a point: its arguments and their values."""
        pairs = zip(self.arguments, point, strict=True)
        return ", ".join(f"{name} = {value:.9g}" for name, value in pairs)


def in_digits(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Return a formula that computes in mpmath, from floats or mpmath's numbers."""
    bound = bind(formula, digits.VOCABULARY, mp.mpf)
    words = {name: digits.dividing_by_zero(name) for name in digits.VOCABULARY}
    guarded = bind(formula, words, mp.mpf)

    def compute(*arguments: Any) -> Any:
        try:
            return _real(bound(*map(mp.mpf, arguments)))
        except (ValueError, ZeroDivisionError):  # in a branch that is not chosen
            found = tuple(map(digits.plain, parts(guarded(*map(digits.Real, arguments)))))
            return _real(found if len(found) > 1 else found[0])

    return compute


def _real(result: Any) -> Any:
    """Return a result with NaN for complex numbers, as of a logarithm below 0."""
    found = tuple(mp.nan if isinstance(v, mp.mpc) else v for v in parts(result))
    return found if isinstance(result, tuple) else found[0]


def parts(result: Any) -> tuple[Any, ...]:
    """Return the values of a formula, one or several, as a tuple."""
    return result if isinstance(result, tuple) else (result,)


def columns(points: Sequence[Sequence[float]]) -> list[Tensor]:
    """Return points as one float64 tensor for each argument."""
    return list(torch.tensor(points, dtype=torch.float64).unbind(1))
