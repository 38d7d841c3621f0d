"""Numbers for each row of a linear layer's softmax, from one pass over its logits."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from neglog import guards
from neglog.engine import projection
from neglog.engine.projection import Head
from neglog.families import Categorical
from neglog.functional.common import loss_in_its_own_dtype
from neglog.functional.layer import Layer


class LinearStatistics(NamedTuple):
    """What was asked of `linear_statistics`, each of the rows' leading shape; the rest is None.

    Attributes:
        nll: minus the log-probability of the label, in nats.
        logsumexp: the logarithm of the sum of the logits' powers.
        entropy: of the row's distribution, in nats.
        kl: the divergence of the row's distribution from the teacher's, Σ q ln(q / p), in nats.
        top1: the class with the largest logit, -1 for a row that does not count.
        correct: whether that is the label.
        rank: how many classes have a larger logit than the label, -1 likewise.
    """

    nll: Tensor | None = None
    logsumexp: Tensor | None = None
    entropy: Tensor | None = None
    kl: Tensor | None = None
    top1: Tensor | None = None
    correct: Tensor | None = None
    rank: Tensor | None = None


_OF_LABELS = ("nll", "correct", "rank")


@loss_in_its_own_dtype
def linear_statistics(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor | None = None,
    *,
    outputs: tuple[str, ...] = ("nll", "logsumexp", "entropy"),
    linear_bias: Tensor | None = None,
    teacher: tuple[Tensor, ...] | None = None,
    ignore_index: int = -100,
    softcap: float | None = None,
    temperature: float = 1.0,
    memory: int | str | None = None,
) -> LinearStatistics:
    """Return several numbers for each row of a linear layer's softmax, from one pass.

    Args:
        input: rows (…, features).
        linear_weight: (C, features).
        target: labels (…) of any integer dtype, for ``"nll"``, ``"correct"`` and ``"rank"``.
        outputs: which fields of `LinearStatistics` are wanted: ``"nll"``, ``"logsumexp"``,
            ``"entropy"``, ``"kl"`` (Σ q ln(q / p), q the teacher's), ``"top1"``, ``"correct"``,
            ``"rank"``.
        linear_bias: (C,).
        teacher: another layer's input (…, E), weight (C, E) and, if it has one, bias (C,), for
            ``"kl"``. They are constants.
        ignore_index: the label of rows that do not count: their numbers are 0, their top1 and
            rank -1, and they are not correct; divide by the number of the others.
        softcap: logits become softcap · tanh(logits / softcap), the teacher's too.
        temperature: what logits are divided by, after that, the teacher's too.
        memory: bytes for logits and what is made of them, as in `linear_cross_entropy`.

    Returns:
        Numbers in float32, or in float64 for an input of that; the first four are differentiable.

    Raises:
        ShapeError: the shapes of input, layer, target and teacher do not belong together.
        ArgumentError: an output is unknown, or what it needs is missing.
        SupportError: a label is no class (found on a CPU).

    >>> found = linear_statistics(torch.eye(2), torch.zeros(4, 2), torch.tensor([1, 3]))
    >>> found.entropy
    tensor([1.3863, 1.3863])
    """
    guards.outputs(outputs, LinearStatistics._fields)
    guards.needed("target", target, [name for name in outputs if name in _OF_LABELS])
    guards.needed("teacher", teacher, [name for name in outputs if name == "kl"])
    guards.positive(temperature=temperature, softcap=1.0 if softcap is None else softcap)
    layer = Layer(input, linear_weight, linear_bias, memory)
    guards.flat(linear_weight)
    operands = layer.operands(None)
    ignored = guards.ignored(ignore_index)
    if target is not None:
        guards.labels_only("target", target)
        operands, ignored = layer.classified(target, None, ignored)
    if teacher is not None and "kl" in outputs:
        operands = layer.taught(operands, teacher)
    head = Head(
        Categorical.name,
        tuple(outputs),
        ignored=ignored,
        softcap=float(softcap or 0.0),
        temperature=float(temperature),
    )
    layer.check(head, operands)
    lines = projection.outputs(head, operands, layer.budget)
    shaped = [line.reshape(layer.leading) for line in lines]
    return LinearStatistics(**dict(zip(outputs, shaped, strict=True)))


@loss_in_its_own_dtype
def selected_logprobs(
    input: Tensor,
    linear_weight: Tensor,
    index: Tensor,
    *,
    linear_bias: Tensor | None = None,
    ignore_index: int = -100,
    softcap: float | None = None,
    temperature: float = 1.0,
    memory: int | str | None = None,
) -> Tensor:
    """Return the log-probability that each row's softmax gives to one class.

    It is what policy-gradient and preference losses are made of, and differentiable with any
    gradient from above; rows whose gradient is 0 are not multiplied again.

    Args:
        input: rows (…, features).
        linear_weight: (C, features).
        index: classes (…) of any integer dtype.
        linear_bias: (C,).
        ignore_index: the class of rows that do not count: their log-probability is 0.
        softcap: logits become softcap · tanh(logits / softcap).
        temperature: what logits are divided by, after that.
        memory: bytes for logits, as in `linear_cross_entropy`.

    Returns:
        Nats, of index's shape, in float32, or in float64 for an input of that.

    Raises:
        ShapeError: the shapes of input, layer and index do not belong together.
        SupportError: an index is no class (found on a CPU).

    >>> selected_logprobs(torch.eye(2), torch.zeros(4, 2), torch.tensor([1, 3]))
    tensor([-1.3863, -1.3863])
    """
    guards.labels_only("index", index)
    found = linear_statistics(
        input,
        linear_weight,
        index,
        outputs=("nll",),
        linear_bias=linear_bias,
        ignore_index=ignore_index,
        softcap=softcap,
        temperature=temperature,
        memory=memory,
    )
    assert found.nll is not None
    return torch.neg(found.nll)
