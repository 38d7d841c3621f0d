"""The loss of any declaration: what all losses of declared likelihoods share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from neglog import validation
from neglog.engine import ElementwiseProblem, reference
from neglog.functional.common import ElementwiseRequest, Extras
from neglog.likelihood import Elementwise

_NO_EXTRAS = Extras()


def declared(
    likelihood: type[Elementwise],
    inputs: Sequence[Tensor | float],
    target: Tensor,
    settings: Sequence[float] = (),
    reduction: str = "mean",
    extras: Extras = _NO_EXTRAS,
    *,
    given: Sequence[Tensor | float] = (),
    full: bool = False,
    factor: float = 1.0,
    ignore_index: int | None = None,
) -> ElementwiseRequest:
    """Return the request of an elementwise loss after checking its arguments.

    The first input and the target have one shape. The other tensors may be numbers, or broadcast
    into that shape: a parameter that is shared gets the sum of its gradients.

    Args:
        likelihood: the declaration.
        inputs: the tensors of its `inputs`.
        target: the targets.
        settings: the numbers of its `settings`.
        reduction: as in torch.
        extras: the keyword-only arguments of all losses.
        given: the tensors of its `given`.
        full: whether to add the constant that `nll` omits.
        factor: multiplies the loss.
        ignore_index: the target to ignore.

    Raises:
        ArgumentError: an argument is not a tensor, or has an invalid value.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
    """
    reduction = validation.reduction(None, None, reduction)
    first, *others = inputs
    validation.tensors(input=first, target=target)
    assert isinstance(first, Tensor)
    first, target = validation.aligned(first, target)
    names = (*likelihood.inputs[1:], *likelihood.given)
    spread = [
        validation.shared(name, tensor, first)
        for name, tensor in zip(names, (*others, *given), strict=True)
    ]
    validation.no_gradient(**dict(zip(likelihood.given, spread[len(others) :], strict=True)))
    dtype = validation.common_dtype(first, target, *spread, whole=True)
    x, y, *rest = (t.to(dtype) for t in (first, target, *spread))
    parts = (x, *rest[: len(others)]), y, tuple(rest[len(others) :]), tuple(map(float, settings))
    problem = ElementwiseProblem(likelihood, *parts, factor=factor, reduction=reduction)
    counts = validation.counted(y, ignore_index)
    constant = reference.constant if full else None
    return ElementwiseRequest(problem, extras, counts=counts, constant=constant)
