"""Shared parts of the docstrings of losses: common parameters, return value, source."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from neglog.docstrings import completed, section, with_sections
from neglog.likelihood import Likelihood
from neglog.likelihoods import REGISTRY

PARAMETERS = {
    "size_average": "deprecated, see `reduction`.",
    "reduce": "deprecated, see `reduction`.",
    "reduction": 'how the losses are reduced: ``"mean"``, ``"sum"``, ``"none"``, or '
    '``"batchmean"``, the sum divided by the size of the first dimension.',
    "mask": 'True for the losses to include, in the shape of the losses with ``reduction="none"``, '
    "or in its leading dimensions. A masked loss contributes exactly 0 to loss and gradient, even "
    "if it is NaN, and is not part of a mean's divisor.",
    "sample_weight": "the weight of each loss, in the same shapes as `mask`. A mean divides by the "
    "sum of these weights. A weight of 0 has the same effect as a mask.",
    "normalizer": 'the divisor of ``reduction="mean"`` instead of the count: a number, or a '
    "0-dimensional tensor. With the count of the whole batch, the losses of micro-batches, or of "
    "the processes of a data-parallel run, add up to the loss of the whole batch.",
    "empty": 'the mean over no losses: ``"nan"``, as in torch, or ``"zero"``, a 0 that is part of '
    "the graph.",
    "plan": "how rows are split over processes, a `neglog.distributed.Plan`. The loss is then this "
    "process's share of the loss of all rows, and a mean divides by the count of all processes.",
    "ignore_index": "the target value to ignore, with the same effect as a mask.",
    "class_dim": "the dimension of the classes.",
    "label_smoothing": "the fraction of each target that is spread evenly over the classes.",
    "softcap": "logits become softcap · tanh(logits / softcap).",
    "temperature": "divides the logits, after softcap; target probabilities are not changed.",
    "memory": 'bytes for the logits, as a number or as ``"256MiB"``. By default 1/16 of the '
    "machine's memory, at most 256 MiB; one row always fits.",
    "loss_dtype": "the dtype of the loss, the input's by default; computed in float32 or more.",
}
"""The parameters of several losses. A docstring that describes one itself keeps its own text."""

P = ParamSpec("P")
T = TypeVar("T")
_RETURNS = (
    'The loss in nats: one number, or with ``reduction="none"`` the loss of each element in the '
    "input's shape."
)


def documented(function: Callable[..., Any]) -> str | None:
    """Return the docstring of a loss, with its common parameters, result and source.

    The source is that of the likelihood that the first paragraph names.
    """
    doc = completed(function.__doc__, inspect.signature(function).parameters, PARAMETERS)
    if doc is None:
        return None
    return with_sections(doc, {"Returns": _RETURNS, "Source": _source(doc)})


def with_documentation(function: Callable[P, T]) -> Callable[P, T]:
    """Complete the docstring of a loss that no other decorator completes."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    call.__doc__ = documented(function)
    return call


def likelihoods_of(doc: str | None) -> list[type[Likelihood]]:
    """Return the likelihoods of a loss: those that the first paragraph of its docstring names."""
    return _named((doc or "").split("\n\n")[0])


def _named(text: str) -> list[type[Likelihood]]:
    by_class = {likelihood.__name__: likelihood for likelihood in REGISTRY.values()}
    return [by_class[name] for name in re.findall(r"`(\w+)`", text) if name in by_class]


def _source(text: str) -> str:
    """Return the source of the likelihood that a text names; empty if it names none."""
    found = _named(text)
    if not found:
        return ""
    source = section(found[0].__doc__, "Source")
    return _source(source) if source.startswith("as for ") else source
