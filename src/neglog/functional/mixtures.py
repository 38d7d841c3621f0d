"""Likelihoods of vectors: mixtures of normals, and normals with correlated components."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neglog import engine, validation
from neglog.distributed.plan import Plan
from neglog.engine import ComposedProblem, reference, values
from neglog.errors import format_index, sentence, shape
from neglog.errors.tensors import InputShapeError, MatrixError
from neglog.functional.common import Extras, loss_in_its_own_dtype
from neglog.functional.composed import check_values, common, composed
from neglog.support import real

_FEW = 3  # dimensions, up to which forward substitution is faster than torch's
_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


@loss_in_its_own_dtype
def mixture_density_loss(
    logits: Tensor,
    mean: Tensor,
    log_scale: Tensor,
    target: Tensor,
    full: bool = False,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> Tensor:
    """Return the negative log-likelihood of a mixture of K normals with independent components.

    Args:
        logits: of the weights of the K normals, (…, K).
        mean: (…, K, D), or (…, K) for a target of single numbers.
        log_scale: logarithms of the standard deviations, in the shape of the means; or
            (…, K, 1) for one scale in all D dimensions.
        target: real numbers, (…, D), or (…) for single numbers.
        full: whether to add the constant ½ D ln 2π.

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` one per target, (…).

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: a prediction is not floating, or a target is complex.
        SupportError: a target is NaN or infinite (checked on a CPU).

    Source: C. M. Bishop, Mixture density networks, 1994. `torch.distributions.MixtureSameFamily`
    has the same density.

    >>> logits, mean = torch.zeros(1, 2), torch.tensor([[-1.0, 1.0]])
    >>> mixture_density_loss(logits, mean, torch.zeros(1, 2), torch.tensor([1.0]))
    tensor(0.5662)
    """
    reduction = validation.reduction(None, None, reduction)
    named = {"logits": logits, "mean": mean, "log_scale": log_scale}
    validation.tensors(**named, target=target)
    for name, tensor in named.items():
        validation.floating(tensor, name)
    validation.real(target=target)
    if mean.dim() == logits.dim():
        mean, log_scale, target = mean[..., None], log_scale[..., None], target[..., None]
    rows = _mixture_shape(logits, mean, log_scale, target)

    size, own = mean.shape[-1], log_scale.shape == mean.shape
    constant = size * _HALF_LOG_TAU if full else 0.0

    def formula(a: Tensor, m: Tensor, s: Tensor, y: Tensor, *, reduction: str) -> Tensor:
        m = m.unflatten(-1, mean.shape[-2:])
        s = s.unflatten(-1, log_scale.shape[-2:])
        root = torch.exp(-0.5 * s)  # exp(−s) may overflow where the error is 0
        z = (y[..., None, :] - m) * root * root
        quadratic = (0.5 * z * z + s if own else 0.5 * z * z).sum(-1)
        quadratic = quadratic if own else quadratic + size * s.squeeze(-1)
        each = constant - torch.logsumexp(a.log_softmax(-1) - quadratic, -1)
        return reference.reduced(each, reduction)

    def losses(a: Tensor, m: Tensor, s: Tensor, y: Tensor, reduction: str = "none") -> Tensor:
        arguments = (a, m.flatten(-2), s.flatten(-2), y)
        facts = (3, (constant, float(size), float(own)), (), reduction)
        return engine.loss(ComposedProblem("mixture_density", formula, arguments, *facts))

    tensors = (logits, mean, log_scale, target)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return composed(
        losses, tensors, rows, reduction, extras, common(*tensors), fillers=(0, 1, 0, 2),
        check=lambda included: check_values("target", target, real, included), reduces=True,
    )  # fmt: skip


def _mixture_shape(logits: Tensor, mean: Tensor, log_scale: Tensor, target: Tensor) -> torch.Size:
    """Return the shape of the losses."""
    fits = logits.dim() > 0 and mean.dim() == logits.dim() + 1 and mean.shape[:-1] == logits.shape
    if not fits or target.shape != logits.shape[:-1] + mean.shape[-1:] or not logits.shape[-1]:
        expected = "logits must be (…, K), mean (…, K, D) or (…, K), and target (…, D) or (…)"
        got = f"logits is {shape(logits)}, mean {shape(mean)} and target {shape(target)}"
        raise InputShapeError(sentence(expected, got))
    if log_scale.shape not in (mean.shape, (*logits.shape, 1)):
        expected = f"log_scale must be {tuple(mean.shape)}, or have one scale for each component"
        raise InputShapeError(sentence(expected, f"it is {shape(log_scale)}"))
    return logits.shape[:-1]


@loss_in_its_own_dtype
def multivariate_normal_nll_loss(
    mean: Tensor,
    scale_tril: Tensor,
    target: Tensor,
    full: bool = False,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> Tensor:
    """Return the negative log-likelihood of a normal vector with correlated components.

    Args:
        mean: (…, D).
        scale_tril: the Cholesky factor of the covariance, lower triangular with a positive
            diagonal, (…, D, D), or (D, D) for all targets. A network emits it, for example, as
            ``raw.tril(-1) + torch.diag_embed(softplus(raw.diagonal(dim1=-2, dim2=-1)))``.
        target: real numbers, the shape of the mean.
        full: whether to add the constant ½ D ln 2π.

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` one per target, (…).

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: a prediction is not floating, or a target is complex.
        SupportError: a target is NaN or infinite, a factor is not lower triangular, or its
            diagonal is not positive (checked on a CPU).

    Source: `torch.distributions.MultivariateNormal`; P. M. Williams, Using neural networks to model
    conditional multivariate densities, Neural Computation 8, 1996, for the factor.

    >>> factor = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    >>> multivariate_normal_nll_loss(torch.zeros(1, 2), factor, torch.tensor([[2.0, 0.0]]))
    tensor(1.1931)
    """
    reduction = validation.reduction(None, None, reduction)
    named = {"mean": mean, "scale_tril": scale_tril}
    validation.tensors(**named, target=target)
    for name, tensor in named.items():
        validation.floating(tensor, name)
    validation.real(target=target)
    validation.same_shape(mean, target, "target", "mean")
    alone = scale_tril.dim() == 2
    square = mean.shape[-1:] * 2
    if mean.dim() == 0 or scale_tril.shape not in (square, mean.shape[:-1] + square):
        each = (*mean.shape[:-1], *square)
        expected = f"scale_tril must be {each} or {tuple(square)} for mean {shape(mean)}"
        raise InputShapeError(sentence(expected, f"it is {shape(scale_tril)}"))

    constant = mean.shape[-1] * _HALF_LOG_TAU if full else 0.0

    def formula(m: Tensor, factor: Tensor, y: Tensor, *, reduction: str) -> Tensor:
        z = _solved(factor, y - m)
        logs = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return reference.reduced(0.5 * (z * z).sum(-1) + logs + constant, reduction)

    def of_rows(m: Tensor, factor: Tensor, y: Tensor, *, reduction: str) -> Tensor:
        return formula(m, factor.unflatten(-1, square), y, reduction=reduction)

    def losses(
        m: Tensor, y: Tensor, factor: Tensor | None = None, reduction: str = "none"
    ) -> Tensor:
        if factor is None:
            return formula(m, scale_tril.to(m.dtype), y, reduction=reduction)
        tensors, settings = (m, factor.flatten(-2), y.to(m.dtype)), (constant,)
        facts = (2, settings, (), reduction)
        return engine.loss(ComposedProblem("multivariate_normal", of_rows, tensors, *facts))

    def check(included: Tensor | None) -> None:
        check_values("target", target, real, included)
        _check_factor(scale_tril, None if alone and mean.dim() > 1 else included)

    tensors: tuple[Tensor, ...] = (mean, target)
    tensors = tensors if alone and mean.dim() > 1 else (*tensors, scale_tril)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    dtype = common(mean, scale_tril, target)
    return composed(
        losses, tensors, mean.shape[:-1], reduction, extras, dtype, check=check, reduces=True
    )


def _solved(factor: Tensor, error: Tensor) -> Tensor:
    """Return the solution of factor · z = error for lower triangular factors."""
    size = error.shape[-1]
    if not size:
        return error
    if factor.dim() == 2:  # one factor for all
        rows = error.reshape(-1, size).mT
        z: Tensor = torch.linalg.solve_triangular(factor, rows, upper=False)
        return z.mT.reshape(error.shape)
    if size > _FEW:
        z = torch.linalg.solve_triangular(factor, error[..., None], upper=False)
        return z.squeeze(-1)
    found: list[Tensor] = []  # of all matrices at once, since a call per small matrix is slow
    for i in range(size):
        rest = error[..., i]
        for j in range(i):
            rest = rest - factor[..., i, j] * found[j]
        found.append(rest / factor[..., i, i])
    return torch.stack(found, -1) if found else error


def _check_factor(factor: Tensor, included: Tensor | None) -> None:
    """Refuse matrices that are no Cholesky factors, if values may be read."""
    if not values.are_known(factor):
        return
    factor = factor.detach()
    if included is not None:
        factor = torch.where(included[..., None, None], factor, torch.eye(factor.shape[-1]))
    wrong = ~(factor.diagonal(dim1=-2, dim2=-1) > 0)
    if wrong.any():
        first = tuple(wrong.nonzero()[0].tolist())
        value = factor.diagonal(dim1=-2, dim2=-1)[first].item()
        expected = "scale_tril must have a positive diagonal"
        remedy = "pass its diagonal through softplus or exp"
        where = format_index((*first, first[-1]))
        raise MatrixError(sentence(expected, f"it is {value:g} at {where}", remedy=remedy))
    above = factor.triu(1)
    if above.any():
        first = tuple(above.nonzero()[0].tolist())
        expected = "scale_tril must be lower triangular"
        got = f"it is {factor[first].item():g} at {format_index(first)}"
        symmetric = torch.allclose(factor, factor.mT)
        cause = "this looks like a covariance matrix" if symmetric else ""
        remedy = "pass torch.linalg.cholesky(scale_tril)" if symmetric else "use scale_tril.tril()"
        raise MatrixError(sentence(expected, got, cause, remedy))
