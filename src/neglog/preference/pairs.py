"""Losses of pairs of completions, compared with a reference model."""

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
