"""The loss of single completions that are desirable or not."""

from __future__ import annotations

import torch
from torch import Tensor

from neglog import validation
from neglog.preference.common import checked, reduced


def kto_loss(
    logprobs: Tensor,
    reference_logprobs: Tensor,
    desirable: Tensor,
    *,
    beta: float = 0.1,
    kl: Tensor | float = 0.0,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
    loss_type: str = "kto",
    reduction: str = "mean",
    normalizer: Tensor | float | None = None,
) -> Tensor:
    """Return the loss of Kahneman–Tversky optimisation.

    With the log-ratio r = ln π(y | x) − ln π_ref(y | x) it is λ_D σ(β (kl − r)) of a desirable
    completion and λ_U σ(β (r − kl)) of an undesirable one.

    Args:
        logprobs: ln π(y | x), the log-probabilities of completions, summed over tokens, (B,).
        reference_logprobs: those of the reference model, the same shape.
        desirable: True for desirable completions, the same shape.
        beta: the strength of the penalty for leaving the reference, above 0.
        kl: the estimated divergence from the reference, in nats: a number, without a gradient;
            below 0 it counts as 0. ``"apo_zero_unpaired"`` does not use it.
        desirable_weight: λ_D.
        undesirable_weight: λ_U.
        loss_type: ``"kto"`` or ``"apo_zero_unpaired"``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        normalizer: the divisor of a mean.

    Raises:
        ShapeError: the shapes differ.
        DtypeError: desirable is not boolean.
        ArgumentError: an option is invalid.

    Source: K. Ethayarajh et al., KTO, ICML 2024; K. D'Oosterlinck et al., APO, TACL 2025.

    >>> logprobs, reference = torch.tensor([-10.0, -10.0]), torch.tensor([-12.0, -12.0])
    >>> kto_loss(logprobs, reference, torch.tensor([True, False]), reduction="none")
    tensor([0.4502, 0.5498])
    """
    validation.one_of("loss_type", loss_type, ("kto", "apo_zero_unpaired"))
    validation.positive(beta=beta)
    validation.not_negative(
        desirable_weight=desirable_weight, undesirable_weight=undesirable_weight
    )
    checked(logprobs=logprobs, reference_logprobs=reference_logprobs)
    validation.tensors(desirable=desirable)
    validation.boolean(desirable=desirable)
    validation.same_shape(logprobs, desirable, "desirable", "logprobs")
    if not isinstance(kl, Tensor):
        validation.number("kl", kl)
    like = torch.empty((), dtype=torch.float64 if logprobs.dtype == torch.float64 else None)
    origin = torch.as_tensor(kl).detach().to(logprobs.device, like.dtype).clamp(min=0)
    if loss_type == "apo_zero_unpaired":
        origin = torch.zeros_like(origin)

    def loss(logprobs: Tensor, reference: Tensor, good: Tensor) -> Tensor:
        reward = beta * (logprobs - reference - origin)
        good = good > 0
        weight = torch.where(good, desirable_weight, undesirable_weight)
        return weight * torch.where(good, -reward, reward).sigmoid()

    tensors = logprobs, reference_logprobs, desirable.to(logprobs)
    return reduced(loss, tensors, reduction, normalizer)
