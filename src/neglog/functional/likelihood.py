"""The loss of a declared likelihood, built in or a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from neglog import validation
from neglog.distributed.plan import Plan
from neglog.engine.fast_path import Request
from neglog.errors import listed, sentence
from neglog.errors.arguments import (
    CalledClassError,
    MissingArgumentError,
    OptionError,
    UnknownNameError,
)
from neglog.functional.classes import declared_rows
from neglog.functional.common import Extras, loss
from neglog.functional.declared import declared
from neglog.functional.documentation import with_documentation
from neglog.likelihood import Elementwise, Likelihood, Rows

OF_ROWS: dict[str, Any] = {
    "weight": None, "ignore_index": -100, "label_smoothing": 0.0, "class_dim": 1,
}  # fmt: skip
"""Further options of losses of rows, with their defaults."""


@with_documentation
def likelihood_loss(
    likelihood: type[Likelihood],
    input: Tensor | Sequence[Tensor | float],
    target: Tensor,
    *others: Tensor,
    reduction: str = "mean",
    full: bool = False,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    **options: Any,
) -> Tensor:
    """Return the negative log-likelihood of targets under a declared likelihood.

    Args:
        likelihood: the declaration, a class that derives from `neglog.Elementwise` or
            `neglog.Rows`.
        input: the tensors of its `inputs`, in their order; one tensor for one input. The first has
            the shape of the losses; others may be numbers, or broadcast into it. For `Rows`,
            (N, C) or (N, C, d₁, …).
        target: the targets, in the shape of the first input; for `Rows`, labels (N,) or
            (N, d₁, …), or probabilities of the input's shape.
        others: refused: pass several inputs as one tuple.
        full: whether to add the `constant` of the declaration.
        options: the `settings` of the declaration, which are numbers, and its `given` tensors, by
            name. For `Rows` also `weight`, `ignore_index`, `label_smoothing` and `class_dim`, as in
            `cross_entropy`.

    Raises:
        ArgumentError: the number of inputs does not fit, or an option is missing, unknown or of
            the wrong type.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: an input or a target is outside its set (checked on a CPU).

    >>> from neglog.likelihoods import Gamma
    >>> from neglog.functional import likelihood_loss
    >>> likelihood_loss(Gamma, torch.tensor([0.0]), torch.tensor([2.0]), shape=3.0)
    tensor(6.)

    Source: that of the declaration.
    """
    declaration(likelihood)
    if others:
        names = ", ".join(likelihood.inputs)
        expected = "likelihood_loss takes a declaration, its inputs and a target"
        got = f"got {len(others) + 2} tensors after the declaration"
        remedy = f"pass the inputs as one tuple, ({names}{',' * (len(likelihood.inputs) == 1)})"
        raise CalledClassError(sentence(expected, got, remedy=remedy))
    inputs = (input,) if isinstance(input, Tensor) or not isinstance(input, Sequence) else input
    return loss_of(likelihood)(
        *inputs, target, reduction=reduction, full=full, mask=mask, sample_weight=sample_weight,
        normalizer=normalizer, empty=empty, plan=plan, **options,
    )  # fmt: skip


def declaration(likelihood: Any) -> None:
    """Refuse what is not a declaration."""
    declared = isinstance(likelihood, type) and issubclass(likelihood, Likelihood)
    if declared and likelihood not in (Likelihood, Elementwise, Rows):
        return
    expected = "likelihood must be a class that derives from neglog.Elementwise or neglog.Rows"
    raise OptionError(sentence(expected, f"it is {likelihood!r}"))


def loss_of(likelihood: type[Likelihood]) -> Callable[..., Tensor]:
    """Return the loss of a declaration as a function of its inputs, the target and options."""
    if likelihood not in _losses:
        build = _of_elements if issubclass(likelihood, Elementwise) else _of_rows
        _losses[likelihood] = loss(build(likelihood))
    return _losses[likelihood]


_losses: dict[type[Likelihood], Callable[..., Tensor]] = {}


def _of_elements(likelihood: Any) -> Callable[..., Request]:
    def function(
        *tensors: Any, reduction: str = "mean", full: bool = False, **options: Any
    ) -> Request:
        *inputs, target = _counted(likelihood, tensors, options)
        extras = _extras(options)
        known = dict.fromkeys(likelihood.given)
        refuse_unknown(likelihood, options, (*likelihood.settings, *known))
        given = [_there(likelihood, name, options) for name in known]
        return declared(
            likelihood, inputs, target, settings(likelihood, options), reduction, extras,
            given=given, full=full,
        )  # fmt: skip

    return function


def _of_rows(likelihood: Any) -> Callable[..., Request]:
    def function(
        *tensors: Any, reduction: str = "mean", full: bool = False, **options: Any
    ) -> Request:
        input, target = _counted(likelihood, tensors, options)
        extras = _extras(options)
        refuse_unknown(likelihood, options, (*likelihood.settings, *OF_ROWS))
        chosen = {name: options.get(name, default) for name, default in OF_ROWS.items()}
        chosen["reduction"] = validation.reduction(None, None, reduction)
        chosen["settings"] = settings(likelihood, options)
        return declared_rows(likelihood, input, target, extras=extras, **chosen)

    return function


def _counted(
    likelihood: type[Likelihood], tensors: Sequence[Any], options: Mapping[str, Any]
) -> Sequence[Any]:
    """Refuse a number of inputs that does not fit, and tensors on different devices."""
    names = (*likelihood.inputs, "target")
    validation.same_device([*zip(names, tensors, strict=False), *options.items()])
    if len(tensors) == len(likelihood.inputs) + 1:
        return tensors
    expected = f"{likelihood.__name__} takes {listed([*likelihood.inputs])} and a target"
    got = f"got {len(tensors)} tensors, the target included"
    raise MissingArgumentError(sentence(expected, got))


def _extras(options: dict[str, Any]) -> Extras:
    names = ("mask", "sample_weight", "normalizer", "empty", "plan")
    return Extras(**{name: options.pop(name) for name in names if name in options})


def refuse_unknown(
    likelihood: type[Likelihood], options: Mapping[str, Any], names: Sequence[str]
) -> None:
    """Refuse options that a declaration does not have."""
    for name in options:
        if name not in names:
            known = f"it has {listed(list(names))}" if names else "it has none"
            expected = f"{likelihood.__name__} has no setting {name!r}"
            raise UnknownNameError(f"{expected}: {known}.")


def settings(likelihood: type[Likelihood], options: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the settings of a declaration as numbers."""
    values = {name: _there(likelihood, name, options) for name in likelihood.settings}
    return tuple(_number(likelihood, name, value) for name, value in values.items())


def _there(likelihood: type[Likelihood], name: str, options: Mapping[str, Any]) -> Any:
    if name not in options:
        raise MissingArgumentError(f"{likelihood.__name__} requires {name}: pass {name}=….")
    return options[name]


def _number(likelihood: type[Likelihood], name: str, value: Any) -> float:
    """Return the value of a setting; refuse what is not a number."""
    symbol = isinstance(value, (torch.SymFloat, torch.SymInt))
    if not symbol and (isinstance(value, bool) or not isinstance(value, Real)):
        got = "it is a tensor" if isinstance(value, Tensor) else f"it is {value!r}"
        remedy = f"to learn it, declare {name} as an input" if isinstance(value, Tensor) else ""
        expected = f"{name} of {likelihood.__name__} must be a number"
        raise OptionError(sentence(expected, got, remedy=remedy))
    return float(value)
