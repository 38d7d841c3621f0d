"""The two places where transformers accepts a loss: a model's, and the Trainer's."""

from __future__ import annotations

import difflib
from typing import Any

import torch
from torch import Tensor

from neglog import validation
from neglog.errors import sentence
from neglog.errors.arguments import (
    IncompatibleOptionsError,
    MissingArgumentError,
    UnknownNameError,
)
from neglog.functional import cross_entropy, sum_and_count

_OPTIONS = ("weight", "label_smoothing", "z_loss", "ignore_index", "shift", "aux_loss_coef")


def loss_function(
    logits: Tensor,
    labels: Tensor | None,
    vocab_size: int | None = None,
    num_items_in_batch: Tensor | int | None = None,
    ignore_index: int = -100,
    shift_labels: Tensor | None = None,
    *,
    shift: bool = True,
    weight: Tensor | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    **others: Any,
) -> Tensor:
    """Return the `Categorical` loss of a language model, for ``model.loss_function``.

    Set ``model.loss_function = loss_function``, or with options
    ``functools.partial(loss_function, label_smoothing=0.1)``. On a model of `neglog.patch` it
    computes the loss without logits.

    Args:
        logits: (…, L, C).
        labels: (…, L) of any integer dtype.
        vocab_size: C; unused, since the logits state it.
        num_items_in_batch: the divisor, such as the number of labels of all batches whose
            gradients are accumulated; by default the number of this batch, weighted as `weight`.
        ignore_index: the label to ignore.
        shift_labels: (…, L), the label of each position; if given, `labels` are not read.
        shift: whether the label of a position is the next one, as in a causal model; False for a
            masked language model.
        weight: one weight per class, (C,).
        label_smoothing: the share of the target spread over all classes.
        z_loss: the weight of the squared log-sum-exp of the logits, for a model of `neglog.patch`.
        others: arguments of the model's forward, ignored.

    Returns:
        The loss in nats, in float32, or float64 for float64 logits.

    Raises:
        ArgumentError: an ignored argument resembles an option; `z_loss` is used with logits.
        SupportError: a label is out of range (checked on a CPU).

    >>> import torch
    >>> loss_function(torch.zeros(1, 3, 4), torch.tensor([[0, 1, 3]]))
    tensor(1.3863)
    """
    _refuse_misspelled(others)
    if shift_labels is None:
        validation.any_tensors(labels=labels)
        assert labels is not None
        shift_labels = _shifted(labels, ignore_index) if shift else labels
    options = {"weight": weight, "label_smoothing": label_smoothing}
    if z_loss and isinstance(logits, Tensor):
        expected, remedy = "z_loss requires a model of neglog.patch", "patch the model"
        raise IncompatibleOptionsError(sentence(expected, "it returned logits", remedy=remedy))
    if z_loss:
        options["z_loss"] = z_loss
    rows, classes = logits.reshape(-1, logits.shape[-1]), shift_labels.reshape(-1)
    total, count = sum_and_count(
        cross_entropy, rows, classes.to(rows.device), ignore_index=ignore_index, **options
    )
    if num_items_in_batch is not None:
        count = torch.as_tensor(num_items_in_batch, device=total.device)
    loss: Tensor = total / count
    return loss


def compute_loss(
    outputs: Any,
    labels: Tensor,
    num_items_in_batch: Tensor | int | None = None,
    *,
    shift: bool | None = None,
    aux_loss_coef: float | None = None,
    ignore_index: int = -100,
    weight: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the `Categorical` loss of a model's output, for ``Trainer(compute_loss_func=…)``.

    Pass it as it is, or with options as
    ``functools.partial(compute_loss, label_smoothing=0.1)``. With gradient accumulation the
    gradient is that of one batch of all sequences, whatever their lengths.

    Args:
        outputs: a model's output with `logits` (…, C).
        labels: (…) of any integer dtype.
        num_items_in_batch: the divisor, which Trainer counts: see `loss_function`.
        shift: whether the label of a position is the next one. By default it is for an output of
            a causal language model, and not for one of a masked, encoder-decoder or
            classification model.
        aux_loss_coef: the factor of the output's `aux_loss`, which routers of experts return.
        ignore_index: the label to ignore.
        weight: one weight per class, (C,).
        label_smoothing: the share of the target spread over all classes.

    Returns:
        The loss in nats, in float32, or float64 for float64 logits.

    Raises:
        ArgumentError: the output does not show whether to shift, or has an `aux_loss` without a
            factor.
        SupportError: a label is out of range (checked on a CPU).

    >>> import torch
    >>> outputs = {"logits": torch.zeros(1, 3, 4)}
    >>> compute_loss(outputs, torch.tensor([[0, 1, 3]]), shift=True)
    tensor(1.3863)
    """
    logits = outputs["logits"]
    loss = loss_function(
        logits,
        labels,
        num_items_in_batch=num_items_in_batch,
        ignore_index=ignore_index,
        shift=_is_causal(outputs) if shift is None else shift,
        weight=weight,
        label_smoothing=label_smoothing,
    )
    auxiliary = outputs.get("aux_loss")
    if auxiliary is None:
        return loss
    if aux_loss_coef is None:
        got = "the model returned an aux_loss"
        remedy = "pass the model's router_aux_loss_coef, or 0 to drop the aux_loss"
        raise MissingArgumentError(
            sentence("compute_loss requires aux_loss_coef", got, remedy=remedy)
        )
    total: Tensor = loss + aux_loss_coef * auxiliary.to(loss.device)
    return total


def _shifted(labels: Tensor, ignored: int) -> Tensor:
    """Return the label that follows each position, ignored at the last."""
    padded = torch.nn.functional.pad(labels, (0, 1), value=ignored)
    return padded[..., 1:]


def _is_causal(outputs: Any) -> bool:
    """Return whether an output's class is that of a causal language model."""
    kind = type(outputs).__name__
    if "CausalLM" in kind:
        return True
    if any(name in kind for name in ("MaskedLM", "Seq2SeqLM", "Classifier")):
        return False
    expected = "compute_loss requires shift=True or shift=False"
    got = f"{kind} does not show whether the model predicts the next label"
    raise MissingArgumentError(sentence(expected, got))


def _refuse_misspelled(names: Any) -> None:
    """Refuse a name that is nearly one of an option."""
    for name in names:
        close = difflib.get_close_matches(name, _OPTIONS, n=1, cutoff=0.8)
        if close:
            expected = f"loss_function has the option {close[0]}"
            raise UnknownNameError(sentence(expected, f"{name} was passed"))
