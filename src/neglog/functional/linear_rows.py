"""Statistics of each row of a linear layer's softmax, from one pass over its logits."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from neglog import validation
from neglog.engine import projection
from neglog.engine.projection import Head
from neglog.functional.common import loss_in_its_own_dtype, statistics
from neglog.functional.layer import Layer
from neglog.likelihoods import Categorical


class LinearStatistics(NamedTuple):
    """The outputs of `linear_statistics`, each in the rows' leading shape, or None.

    Attributes:
        nll: minus the log-probability of the label, in nats.
        logsumexp: the log-sum-exp of the logits.
        entropy: of the row's distribution, in nats.
        kl: the divergence of the row's distribution from the teacher's, Σ q ln(q / p), in nats.
        top1: the class with the largest logit, -1 for an ignored row.
        correct: whether top1 is the label.
        rank: how many classes have a larger logit than the label, -1 for an ignored row.
        log_sum_sq_probs: ln Σ p², minus the collision entropy of the row's distribution, in nats.
        mean_logits: the mean of the logits, after softcap and temperature.
    """

    nll: Tensor | None = None
    logsumexp: Tensor | None = None
    entropy: Tensor | None = None
    kl: Tensor | None = None
    top1: Tensor | None = None
    correct: Tensor | None = None
    rank: Tensor | None = None
    log_sum_sq_probs: Tensor | None = None
    mean_logits: Tensor | None = None


_OF_LABELS = ("nll", "correct", "rank")


@statistics
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
    """Return statistics of each row of a linear layer's softmax (`Categorical`), from one pass.

    Args:
        input: rows (…, features).
        linear_weight: (C, features).
        target: labels (…) of any integer dtype, for ``"nll"``, ``"correct"`` and ``"rank"``.
        outputs: the names of the fields of `LinearStatistics` to compute.
        linear_bias: (C,).
        teacher: another layer's input (…, E), weight (C, E) and optional bias (C,), for
            ``"kl"``. They are constants.
        ignore_index: the label of ignored rows: their statistics are 0, their top1 and rank -1,
            their correct False; exclude them from the divisor of a mean.
        softcap: logits become softcap · tanh(logits / softcap), the teacher's too.
        temperature: divides the logits, after softcap, the teacher's too.

    Returns:
        Tensors in float32, or float64 for a float64 input; all but ``top1``, ``correct`` and
        ``rank`` are in nats and differentiable.

    Raises:
        ShapeError: the shapes of input, layer, target and teacher do not match.
        ArgumentError: an output is unknown, its target or teacher is missing, or no output uses
            the teacher.
        SupportError: a label is out of range (checked on a CPU).

    >>> found = linear_statistics(torch.eye(2), torch.zeros(4, 2), torch.tensor([1, 3]))
    >>> found.entropy
    tensor([1.3863, 1.3863])
    """
    validation.outputs(outputs, LinearStatistics._fields)
    validation.needed("target", target, [name for name in outputs if name in _OF_LABELS])
    validation.needed("teacher", teacher, [name for name in outputs if name == "kl"])
    validation.unused("teacher", teacher, "kl", outputs)
    validation.positive(temperature=temperature, softcap=1.0 if softcap is None else softcap)
    layer = Layer(input, linear_weight, linear_bias, memory)
    validation.flat(linear_weight)
    operands = layer.operands(None)
    ignored = validation.ignored(ignore_index)
    if target is not None:
        validation.labels_only("target", target)
        operands, ignored = layer.with_class_targets(target, None, ignored)
    if teacher is not None:
        operands = layer.with_teacher(operands, teacher)
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
    """Return the log-probability of one class in each row's softmax (`Categorical`).

    Policy-gradient and preference losses are built from it. It accepts any upstream gradient;
    rows whose gradient is 0 are skipped in the backward pass.

    Args:
        input: rows (…, features).
        linear_weight: (C, features).
        index: classes (…) of any integer dtype.
        linear_bias: (C,).
        ignore_index: the class of ignored rows; their log-probability is 0.

    Returns:
        Log-probabilities in nats, in index's shape, in float32, or float64 for a float64 input.

    Raises:
        ShapeError: the shapes of input, layer and index do not match.
        SupportError: an index is out of range (checked on a CPU).

    >>> selected_logprobs(torch.eye(2), torch.zeros(4, 2), torch.tensor([1, 3]))
    tensor([-1.3863, -1.3863])
    """
    validation.labels_only("index", index)
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
