"""Losses of pairs of completions without a reference model."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from neglog import validation
from neglog.preference.common import checked, preferred, reduced, smoothing_only_for


def simpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    *,
    beta: float = 2.0,
    gamma: float = 1.0,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    normalizer: Tensor | float | None = None,
) -> Tensor:
    """Return the loss of simple preference optimisation: −ln σ(β (c − r) − γ), in nats.

    Args:
        chosen: the mean log-probability of the tokens of each chosen completion, (B,).
        rejected: that of the rejected completions, the same shape.
        beta: the scale of the reward, above 0.
        gamma: the margin by which the reward should exceed the other.
        label_smoothing: the probability that a label is wrong, in [0, 0.5).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        normalizer: the divisor of a mean.

    Raises:
        ShapeError: the shapes differ.
        ArgumentError: an option is invalid.

    Source: Y. Meng et al., SimPO, NeurIPS 2024. TRL's `simpo_gamma` is gamma.

    >>> simpo_loss(torch.tensor([-0.5]), torch.tensor([-1.5]))
    tensor(0.3133)
    """
    validation.positive(beta=beta)
    validation.number("gamma", gamma)
    validation.within("[0, 0.5)", label_smoothing=label_smoothing)
    checked(chosen=chosen, rejected=rejected)

    def loss(c: Tensor, r: Tensor) -> Tensor:
        return preferred(beta * (c - r) - gamma, label_smoothing)

    return reduced(loss, (chosen, rejected), reduction, normalizer)


def cpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    *,
    beta: float = 0.1,
    loss_type: str = "sigmoid",
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    normalizer: Tensor | float | None = None,
) -> Tensor:
    """Return the preference term of contrastive preference optimisation, in nats.

    Add the behaviour-cloning term, the mean negative log-likelihood of the chosen completions, to
    get the whole loss.

    Args:
        chosen: the log-probabilities of the chosen completions, summed over tokens, (B,).
        rejected: those of the rejected completions, the same shape.
        beta: the scale of the reward, above 0.
        loss_type: ``"sigmoid"``, ``"hinge"`` or ``"ipo"``.
        label_smoothing: the probability that a label is wrong, in [0, 0.5), for ``"sigmoid"``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        normalizer: the divisor of a mean.

    Raises:
        ShapeError: the shapes differ.
        ArgumentError: an option is invalid, or would be ignored.

    Source: H. Xu et al., Contrastive preference optimization, ICML 2024.

    >>> cpo_loss(torch.tensor([-10.0]), torch.tensor([-20.0]))
    tensor(0.3133)
    """
    kinds: dict[str, Callable[[Tensor], Tensor]] = {
        "sigmoid": lambda d: preferred(beta * d, label_smoothing),
        "hinge": lambda d: relu(1 - beta * d),
        "ipo": lambda d: (d - 0.5 / beta) ** 2,
    }
    validation.one_of("loss_type", loss_type, tuple(kinds))
    validation.positive(beta=beta)
    smoothing_only_for(("sigmoid",), loss_type, label_smoothing)
    checked(chosen=chosen, rejected=rejected)
    return reduced(lambda c, r: kinds[loss_type](c - r), (chosen, rejected), reduction, normalizer)


def orpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    *,
    beta: float = 0.1,
    reduction: str = "mean",
    normalizer: Tensor | float | None = None,
) -> Tensor:
    """Return the odds-ratio term of ORPO: −β ln σ(logit P_w − logit P_l), in nats.

    Add the mean negative log-likelihood of the chosen completions to get the whole loss.

    Args:
        chosen: ln P_w, the mean log-probability of the tokens of each chosen completion, (B,).
        rejected: ln P_l, that of the rejected completions, the same shape.
        beta: the weight of the term, above 0.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        normalizer: the divisor of a mean.

    Raises:
        ShapeError: the shapes differ.
        ArgumentError: an option is invalid.

    Source: J. Hong et al., ORPO, EMNLP 2024.

    >>> orpo_loss(torch.tensor([-0.5]), torch.tensor([-1.5]), beta=1.0)
    tensor(0.1709)
    """
    validation.positive(beta=beta)
    checked(chosen=chosen, rejected=rejected)
    return reduced(lambda c, r: beta * _odds_ratio(c, r), (chosen, rejected), reduction, normalizer)


def _odds_ratio(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Return −ln σ(ln odds of chosen − ln odds of rejected), where odds are P / (1 − P).

    As ln(1 + x) of the odds ratio x it has a gradient at P = 1, as ln(1 + eˢ) no overflow.
    """
    near = chosen > -1
    c, r = torch.where(near, chosen, -0.5), torch.where(near, rejected, -0.5)
    ratio = (r - c).exp() * torch.expm1(c) / torch.expm1(r)
    far = torch.where(near, -2.0, chosen)
    s = (rejected - far) + torch.log1p(-far.exp()) - torch.log(-torch.expm1(rejected))
    return torch.where(near, torch.log1p(ratio), softplus(s))
