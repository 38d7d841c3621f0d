"""Losses of policy optimisation with groups of completions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neglog import validation
from neglog.device import tensor_like
from neglog.errors import sentence, shape
from neglog.errors.arguments import IncompatibleOptionsError
from neglog.errors.tensors import InputShapeError
from neglog.functional.extras import wide
from neglog.preference.common import checked

_CLIPPED = ("dapo", "bnpo", "grpo", "dr_grpo")
_TYPES = (*_CLIPPED, "cispo")


def grpo_loss(
    logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor | None = None,
    *,
    old_logprobs: Tensor | None = None,
    reference_logprobs: Tensor | None = None,
    beta: float = 0.0,
    epsilon: float = 0.2,
    epsilon_high: float | None = None,
    delta: float | None = None,
    loss_type: str = "dapo",
    importance_sampling_level: str = "token",
    max_completion_length: int | None = None,
    normalizer: Tensor | float | None = None,
) -> Tensor:
    """Return the loss of group-relative policy optimisation and its variants.

    With the ratio ρ = π / π_old and the advantage A, the loss of a token is
    −min(ρ A, clip(ρ, 1 − ε, 1 + ε_high) A) + β KL; the variants differ in how they average.

    Args:
        logprobs: ln π of each token, (B, T).
        advantages: of each completion (B,), or of each token (B, T).
        mask: True for the tokens that count, (B, T); all without it.
        old_logprobs: ln π_old of the policy that sampled the tokens, (B, T); without it, the
            current one, detached.
        reference_logprobs: ln π_ref of each token, (B, T), for the divergence.
        beta: the weight of the divergence from the reference, estimated by
            π_ref / π − ln(π_ref / π) − 1.
        epsilon: how far a ratio may fall below 1.
        epsilon_high: how far it may exceed 1; epsilon by default.
        delta: the upper bound of the unclipped ratio.
        loss_type: ``"dapo"`` divides the sum over all tokens by the normalizer, by default their
            number; ``"bnpo"`` by their number in this batch; ``"grpo"`` averages over each
            completion first; ``"dr_grpo"`` divides by B · max_completion_length; ``"cispo"``
            weights ln π by the clipped ratio and divides as ``"dapo"``.
        importance_sampling_level: ``"token"``, or ``"sequence"`` for the geometric mean of the
            ratios of a completion, as in GSPO.
        max_completion_length: for ``"dr_grpo"``.
        normalizer: the divisor of ``"dapo"`` and ``"cispo"``: the number of tokens in all
            micro-batches of a step.

    Returns:
        One number; not a likelihood, so not in nats.

    Raises:
        ShapeError: the shapes do not match.
        ArgumentError: an option is invalid or would be ignored, or the reference is missing.

    Source: Z. Shao et al., DeepSeekMath, 2024; Q. Yu et al., DAPO, 2025; Z. Liu et al.,
    Understanding R1-Zero-like training, 2025; C. Zheng et al., GSPO, 2025.

    >>> logprobs = torch.tensor([[-1.0, -2.0], [-1.5, -0.5]])
    >>> grpo_loss(logprobs, torch.tensor([1.0, -1.0]), old_logprobs=logprobs - 0.1)
    tensor(0.)
    """
    validation.one_of("loss_type", loss_type, _TYPES)
    validation.one_of("importance_sampling_level", importance_sampling_level, ("token", "sequence"))
    validation.not_negative(beta=beta, epsilon=epsilon)
    high = epsilon if epsilon_high is None else epsilon_high
    validation.not_negative(epsilon_high=high)
    validation.positive(delta=1.0 if delta is None else delta)
    _used_only_with("max_completion_length", max_completion_length, ("dr_grpo",), loss_type)
    _used_only_with("normalizer", normalizer, ("dapo", "cispo"), loss_type)
    _used_only_with("delta", delta, _CLIPPED, loss_type)
    if loss_type == "dr_grpo":
        validation.needed("max_completion_length", max_completion_length, [loss_type])
        validation.positive(max_completion_length=max_completion_length)
    given = {"old_logprobs": old_logprobs, "reference_logprobs": reference_logprobs}
    checked(logprobs=logprobs, **{k: t for k, t in given.items() if t is not None})
    _two_dimensions(logprobs)
    if beta:
        validation.needed("reference_logprobs", reference_logprobs, ["beta"])
    computed = wide(logprobs.dtype)
    mask = _mask(mask, logprobs, computed)
    # Masked tokens may hold anything, such as NaN or -inf of padding.
    hidden = mask == 0
    logprobs = logprobs.to(computed).masked_fill(hidden, 0.0)
    old = logprobs.detach() if old_logprobs is None else _shown(old_logprobs, hidden, computed)
    advantages = _per_token(advantages, logprobs).masked_fill(hidden, 0.0)

    change = logprobs - old
    if importance_sampling_level == "sequence":
        change = ((change * mask).sum(-1) / mask.sum(-1).clamp(min=1)).unsqueeze(-1)
    ratio = change.exp()
    if loss_type == "cispo":
        each = -ratio.clamp(max=1 + high).detach() * advantages * logprobs
    else:
        clipped = ratio.clamp(1 - epsilon, 1 + high)
        bounded = ratio if delta is None else ratio.clamp(max=delta)
        each = -torch.min(bounded * advantages, clipped * advantages)
    if beta:
        assert reference_logprobs is not None
        away = _shown(reference_logprobs, hidden, computed) - logprobs
        each = each + beta * (torch.expm1(away) - away)
    return _averaged(each * mask, mask, loss_type, max_completion_length, normalizer)


def _averaged(
    each: Tensor,
    mask: Tensor,
    loss_type: str,
    max_completion_length: int | None,
    normalizer: Tensor | float | None,
) -> Tensor:
    if loss_type == "grpo":
        return (each.sum(-1) / mask.sum(-1).clamp(min=1)).mean()
    if loss_type == "dr_grpo":
        assert max_completion_length is not None
        return each.sum() / (len(each) * max_completion_length)
    count = mask.sum() if normalizer is None else tensor_like(normalizer, each)
    return each.sum() / count.clamp(min=1)


def _shown(tensor: Tensor, hidden: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype).masked_fill(hidden, 0.0)


def _mask(mask: Tensor | None, logprobs: Tensor, dtype: torch.dtype) -> Tensor:
    if mask is None:
        return torch.ones_like(logprobs, dtype=dtype)
    validation.tensors(mask=mask)
    validation.same_shape(logprobs, mask, "mask", "logprobs")
    return (mask != 0).to(dtype)


def _per_token(advantages: Tensor, logprobs: Tensor) -> Tensor:
    validation.tensors(advantages=advantages)
    if advantages.dim() == 1:
        validation.same_shape(logprobs[:, 0], advantages, "advantages", "logprobs[:, 0]")
        return advantages.to(logprobs).unsqueeze(1)
    validation.same_shape(logprobs, advantages, "advantages", "logprobs")
    return advantages.to(logprobs)


def _two_dimensions(logprobs: Tensor) -> None:
    if logprobs.dim() != 2:
        expected = "logprobs must hold the tokens of completions, (B, T)"
        raise InputShapeError(sentence(expected, f"its shape is {shape(logprobs)}"))


def _used_only_with(name: str, value: Any, types: tuple[str, ...], loss_type: str) -> None:
    if value is not None and loss_type not in types:
        expected = f"{name} requires loss_type {' or '.join(map(repr, types))}"
        raise IncompatibleOptionsError(sentence(expected, f"it is {loss_type!r}"))
