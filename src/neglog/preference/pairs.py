"""Losses of pairs of completions, one of which is preferred."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from neglog import validation
from neglog.preference.common import checked, preferred, reduced, smoothing_only_for


class _Pair(NamedTuple):
    """The log-ratios of a pair of completions, and the options of the loss."""

    chosen: Tensor  # ln π(y_w | x) - ln π_ref(y_w | x)
    rejected: Tensor
    chosen_logprob: Tensor  # ln π(y_w | x)
    rejected_logprob: Tensor
    chosen_length: Tensor
    rejected_length: Tensor
    beta: float
    smoothing: float
    tau: float

    @property
    def logit(self) -> Tensor:
        """Return the reward of the chosen completion minus that of the rejected one."""
        return self.beta * (self.chosen - self.rejected)

    @property
    def logit_per_token(self) -> Tensor:
        """Return the same, of means over tokens."""
        chosen, rejected = (
            ratio / length.clamp(min=1) for ratio, length in zip(self[:2], self[4:6], strict=True)
        )
        return self.beta * (chosen - rejected)


def _ipo(pair: _Pair) -> Tensor:
    return (pair.logit_per_token / pair.beta - 0.5 / pair.beta) ** 2


def _exo(pair: _Pair) -> Tensor:
    """Return KL(q ‖ p) of q = (σ(logit), σ(−logit)) from p = (1 − ε, ε)."""
    logit, smoothing = pair.logit, torch.tensor(pair.smoothing, dtype=torch.float64)
    right = logit.sigmoid() * (-softplus(-logit) - torch.log1p(-smoothing).item())
    wrong = (-logit).sigmoid() * (-softplus(logit) - smoothing.log().item())
    return right + wrong


def _nca(pair: _Pair) -> Tensor:
    chosen, rejected = pair.beta * pair.chosen, pair.beta * pair.rejected
    return softplus(-chosen) + 0.5 * softplus(chosen) + 0.5 * softplus(rejected)


def _robust(pair: _Pair) -> Tensor:
    right, wrong = softplus(-pair.logit), softplus(pair.logit)
    return ((1 - pair.smoothing) * right - pair.smoothing * wrong) / (1 - 2 * pair.smoothing)


def _bco(pair: _Pair) -> Tensor:
    return softplus(-pair.beta * pair.chosen) + softplus(pair.beta * pair.rejected)


def _sppo(pair: _Pair) -> Tensor:
    return (pair.chosen - 0.5 / pair.beta) ** 2 + (pair.rejected + 0.5 / pair.beta) ** 2


def _aot(pair: _Pair) -> Tensor:
    """Compare the sorted log-ratios of policy and reference, as distributions over the batch."""
    policy = pair.chosen_logprob - pair.rejected_logprob
    reference = policy - (pair.chosen - pair.rejected)
    return _of_sorted(pair, policy, reference)


def _aot_unpaired(pair: _Pair) -> Tensor:
    return _of_sorted(pair, pair.chosen, pair.rejected)


def _of_sorted(pair: _Pair, above: Tensor, below: Tensor) -> Tensor:
    delta = above.sort(dim=0).values - below.sort(dim=0).values
    return preferred(pair.beta * delta, pair.smoothing)


def _apo_zero(pair: _Pair) -> Tensor:
    return (-pair.beta * pair.chosen).sigmoid() + (pair.beta * pair.rejected).sigmoid()


def _apo_down(pair: _Pair) -> Tensor:
    return (pair.beta * pair.chosen).sigmoid() + (-pair.logit).sigmoid()


def _discopop(pair: _Pair) -> Tensor:
    logit = pair.logit
    return torch.lerp(softplus(-logit), (-logit).exp(), (logit / pair.tau).sigmoid())


def _sft(pair: _Pair) -> Tensor:
    """Return −ln π(y_w | x) so that the mean is over all tokens of the batch."""
    return -pair.chosen_logprob / pair.chosen_length.mean()


_LOSSES: dict[str, Callable[[_Pair], Tensor]] = {
    "sigmoid": lambda pair: preferred(pair.logit, pair.smoothing),
    "hinge": lambda pair: relu(1 - pair.logit),
    "ipo": _ipo,
    "exo_pair": _exo,
    "nca_pair": _nca,
    "robust": _robust,
    "bco_pair": _bco,
    "sppo_hard": _sppo,
    "aot": _aot,
    "aot_unpaired": _aot_unpaired,
    "apo_zero": _apo_zero,
    "apo_down": _apo_down,
    "discopop": _discopop,
    "sft": _sft,
    "sigmoid_norm": lambda pair: preferred(pair.logit_per_token),
}
_PER_TOKEN = ("ipo", "sft", "sigmoid_norm")
_SMOOTHED = ("sigmoid", "exo_pair", "robust", "aot", "aot_unpaired")


def dpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    loss_type: str = "sigmoid",
    label_smoothing: float = 0.0,
    chosen_length: Tensor | None = None,
    rejected_length: Tensor | None = None,
    discopop_tau: float = 0.05,
    reduction: str = "mean",
    normalizer: Tensor | float | None = None,
) -> Tensor:
    """Return the loss of direct preference optimisation, in nats.

    With the log-ratios r = ln π(y | x) − ln π_ref(y | x), the default is −ln σ(β (r_w − r_l)): the
    `Bernoulli` loss of the event that the chosen completion wins.

    Args:
        chosen: ln π(y_w | x), the log-probabilities of the chosen completions, summed over their
            tokens, (B,).
        rejected: ln π(y_l | x), of the rejected completions, the same shape.
        reference_chosen: those of the reference model, the same shape.
        reference_rejected: those of the reference model, the same shape.
        beta: the strength of the penalty for leaving the reference, above 0.
        loss_type: ``"sigmoid"``, ``"hinge"``, ``"ipo"``, ``"exo_pair"``, ``"nca_pair"``,
            ``"robust"``, ``"bco_pair"``, ``"sppo_hard"``, ``"aot"``, ``"aot_unpaired"``,
            ``"apo_zero"``, ``"apo_down"``, ``"discopop"``, ``"sft"`` or ``"sigmoid_norm"``, as in
            TRL.
        label_smoothing: the probability that a label is wrong, in [0, 0.5), for ``"sigmoid"``,
            ``"exo_pair"``, ``"robust"``, ``"aot"`` and ``"aot_unpaired"``.
        chosen_length: the tokens of the chosen completions, for ``"ipo"``, ``"sft"`` and
            ``"sigmoid_norm"``, the same shape.
        rejected_length: those of the rejected completions.
        discopop_tau: the temperature of ``"discopop"``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        normalizer: the divisor of a mean, such as the number of pairs in all micro-batches.

    Raises:
        ShapeError: the shapes differ.
        ArgumentError: an option is invalid, would be ignored, or a length is missing.

    Source: R. Rafailov et al., Direct preference optimization, NeurIPS 2023; the other types as in
    TRL's `DPOTrainer`, which cites each.

    >>> logprobs = torch.tensor([[-10.0], [-12.0], [-11.0], [-11.0]])
    >>> dpo_loss(*logprobs, beta=0.5)
    tensor(0.3133)
    """
    validation.one_of("loss_type", loss_type, tuple(_LOSSES))
    validation.positive(beta=beta, discopop_tau=discopop_tau)
    smoothing_only_for(_SMOOTHED, loss_type, label_smoothing)
    if loss_type == "exo_pair":
        validation.positive(label_smoothing=label_smoothing)
    tensors = {
        "chosen": chosen, "rejected": rejected,
        "reference_chosen": reference_chosen, "reference_rejected": reference_rejected,
    }  # fmt: skip
    checked(**tensors)
    lengths = {"chosen_length": chosen_length, "rejected_length": rejected_length}
    for name, length in lengths.items():
        if loss_type in _PER_TOKEN:
            validation.needed(name, length, [loss_type])
        if length is not None:
            validation.same_shape(chosen, length, name, "chosen")
    one = torch.ones_like(chosen)
    counted = [one if length is None else length.to(chosen) for length in lengths.values()]

    def loss(c: Tensor, r: Tensor, rc: Tensor, rr: Tensor, lc: Tensor, lr: Tensor) -> Tensor:
        pair = _Pair(c - rc, r - rr, c, r, lc, lr, beta, label_smoothing, discopop_tau)
        return _LOSSES[loss_type](pair)

    return reduced(loss, (*tensors.values(), *counted), reduction, normalizer)


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
