"""How far a loss in float32 is from the exact one: neglog's, and the textbook's formula."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import sympy
import torch

from neglog import functional
from neglog.explanation import chain, exact, values
from neglog.likelihood import Elementwise

_POINTS = 161
_LARGEST = 1e9  # ulps that are drawn: of a loss that is 0, infinite or NaN


@dataclass(frozen=True)
class Errors:
    """Errors in units in the last place of float32, at values of the first output."""

    x: np.ndarray
    textbook: np.ndarray
    neglog: np.ndarray


def of_first_output(likelihood: type[Elementwise]) -> Errors | None:
    """Return the errors by the first output, or None if no textbook's formula is known.

    The other arguments are those of the first sample that `neglog explain` shows.
    """
    known = chain.of(likelihood)
    if known.density is None:
        return None
    example = values.of_elements(likelihood, {})
    fixed = example.samples(likelihood)[0][1:]
    x = _grid(likelihood)
    columns = [x, *(np.full_like(x, value) for value in fixed)]
    true = _exact(likelihood, columns)
    return Errors(
        x, _ulps(_textbook(known, columns), true), _ulps(_ours(likelihood, columns), true)
    )


def _grid(likelihood: type[Elementwise]) -> np.ndarray:
    domain = likelihood.domains[0]
    if domain.contains(-1.0):
        high = 40.0 if domain.contains(40.0) else 0.0
        return np.linspace(-40.0, high, _POINTS, dtype=np.float32)
    if domain.contains(2.0):
        return np.geomspace(1e-3, 1e3, _POINTS, dtype=np.float32)
    return np.linspace(0.001, 0.999, _POINTS, dtype=np.float32)


def _exact(likelihood: type[Elementwise], columns: list[np.ndarray]) -> list[Any]:
    declared = exact.loss(likelihood)
    with mpmath.workdps(exact.DIGITS):
        return [declared(*map(float, sample)) for sample in zip(*columns, strict=True)]


def _textbook(known: chain.Chain, columns: list[np.ndarray]) -> np.ndarray:
    """Evaluate −ln of the density as it is written, in float32."""
    formula = -sympy.log(known.density.rewrite(sympy.exp))
    function = sympy.lambdify(known.symbols, formula, modules=["scipy", "numpy"])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return np.broadcast_to(np.asarray(function(*columns), dtype=np.float32), columns[0].shape)


def _ours(likelihood: type[Elementwise], columns: list[np.ndarray]) -> np.ndarray:
    tensors = [torch.from_numpy(column) for column in columns]
    outputs, rest = tensors[: len(likelihood.inputs)], tensors[len(likelihood.inputs) : -1]
    named = dict(zip((*likelihood.given, *likelihood.settings), rest, strict=True))
    options = {n: float(t[0]) if n in likelihood.settings else t for n, t in named.items()}
    loss = functional.likelihood_loss(
        likelihood, tuple(outputs), tensors[-1], reduction="none", full=True, **options
    )
    return loss.numpy()


def _ulps(found: np.ndarray, true: list[Any]) -> np.ndarray:
    errors = []
    for value, right in zip(found.tolist(), true, strict=True):
        if not np.isfinite(value):
            errors.append(_LARGEST)
            continue
        unit = float(np.spacing(np.float32(abs(right))))
        errors.append(min(float(abs(mpmath.mpf(value) - right)) / unit, _LARGEST))
    return np.array(errors)
