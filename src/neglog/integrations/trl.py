"""TRL's per-token log-probabilities, computed by `neglog.functional.linear_statistics`."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from neglog import validation
from neglog.functional import linear_statistics

_NAMES = {
    "entropy": "entropy",
    "log_sum_sq_probs": "log_sum_sq_probs",
    "mean_logits": "mean_logits",
    "is_top1": "correct",
}


class LogProbs(NamedTuple):
    """What TRL's `ChunkedLogProbFunction` returns, of each row; None for what was not requested.

    Attributes:
        log_probs: of the target, in nats.
        entropy: in nats.
        log_sum_sq_probs: ln Σ p², without a gradient.
        mean_logits: the mean logit, without a gradient.
        is_top1: whether the target is the first class with the largest logit.
    """

    log_probs: Tensor
    entropy: Tensor | None = None
    log_sum_sq_probs: Tensor | None = None
    mean_logits: Tensor | None = None
    is_top1: Tensor | None = None


def chunked_log_probs(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    temperature: float = 1.0,
    chunk_size: int | None = None,
    final_logit_softcapping: float | None = None,
    logit_scale: float = 1.0,
    outputs: Sequence[str] = tuple(_NAMES),
) -> LogProbs:
    """Return log-probabilities of targets with the contract of TRL's `ChunkedLogProbFunction`.

    The logits are softcap · tanh(scale · (x Wᵀ + b) / softcap) / temperature, and never in memory.

    Args:
        hidden: rows (N, H).
        weight: (V, H).
        bias: (V,), or None.
        targets: classes (N,).
        temperature: divides the logits, above 0.
        chunk_size: TRL's width of a block of classes; unused, since neglog chooses its own.
        final_logit_softcapping: the bound of the logits, or None.
        logit_scale: multiplies the logits before softcapping, above 0.
        outputs: among ``"entropy"``, ``"log_sum_sq_probs"``, ``"mean_logits"`` and ``"is_top1"``;
            others, such as ``"log_probs"``, are always computed or unknown to the kernel.

    Returns:
        Tensors (N,) in float32, or float64 for float64 rows. `log_probs` and `entropy` have
        gradients.

    Raises:
        ShapeError: the shapes of rows, layer and targets do not match.
        ArgumentError: an option is invalid.
        SupportError: a target is out of range (checked on a CPU).

    Source: TRL 1.16, `trl.kernels`.

    >>> import torch
    >>> found = chunked_log_probs(torch.eye(2), torch.zeros(4, 2), None, torch.tensor([1, 3]))
    >>> found.log_probs
    tensor([-1.3863, -1.3863])
    """
    validation.positive(temperature=temperature, logit_scale=logit_scale)
    wanted = [name for name in _NAMES if name in outputs]
    softcap = final_logit_softcapping
    found = linear_statistics(
        hidden,
        weight,
        targets,
        outputs=("nll", *(_NAMES[name] for name in wanted)),
        linear_bias=bias,
        # s · tanh(k z / s) = k · (s / k) · tanh(z / (s / k))
        softcap=None if softcap is None else softcap / logit_scale,
        temperature=temperature / logit_scale,
    )
    assert found.nll is not None
    lines = {name: getattr(found, _NAMES[name]) for name in wanted}
    for name in {"log_sum_sq_probs", "mean_logits"} & {*lines}:
        lines[name] = lines[name].detach()
    return LogProbs(-found.nll, **lines)


class _Function:
    """A stand-in for TRL's `ChunkedLogProbFunction`."""

    apply = staticmethod(chunked_log_probs)


@contextlib.contextmanager
def fused_lm_head() -> Iterator[None]:
    """Let TRL's trainers compute log-probabilities by neglog inside a `with`.

    It replaces the function that TRL's `add_fused_lm_head` calls, which SFT, DPO, KTO, GRPO and
    RLOO use.

    Raises:
        ImportError: TRL is not installed.
        AttributeError: this version of TRL has no such function.
    """
    utils: Any = importlib.import_module("trl.trainer.utils")
    before = utils._ChunkedLogProbFunction
    utils._ChunkedLogProbFunction = _Function
    try:
        yield
    finally:
        utils._ChunkedLogProbFunction = before
