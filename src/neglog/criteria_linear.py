"""The losses of a linear layer as modules, which hold the layer."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from torch import Tensor

from neglog import functional, guards
from neglog.compatibility import TorchLinearCrossEntropyLoss
from neglog.criterion import Criterion
from neglog.engine.projection.workspace import bytes_of


class LinearCrossEntropyLoss(Criterion, TorchLinearCrossEntropyLoss):
    """A linear layer and cross-entropy in one: see `neglog.functional.linear_cross_entropy`.

    It replaces the last `nn.Linear` of a model and `nn.CrossEntropyLoss`, and takes the rows that
    the layer would have taken; so its parameters belong into the optimizer and into a checkpoint.
    The layer is `linear`: ``criterion.linear(rows)`` are the logits of a prediction, before softcap
    and temperature. To share a weight with an embedding of as many words as there are classes,
    assign it: ``criterion.linear.weight = embedding.weight``.

    Args:
        in_features: the size of a row.
        num_classes: how many classes there are.
        out_features: the shape (d₁, …) of the losses of one row, each with a layer of its own.
        bias: whether the layer has a bias.
        device: of the layer.
        dtype: of the layer.
        reduction: as in `linear_cross_entropy`; so are weight, ignore_index, label_smoothing,
            options, softcap, temperature, z_loss, memory, loss_dtype and empty.

    >>> import torch
    >>> criterion = LinearCrossEntropyLoss(8, 1000, memory="64MiB")
    >>> criterion(torch.zeros(2, 5, 8), torch.zeros(2, 5, dtype=torch.long)).detach()
    tensor(6.9078)
    """

    _function = staticmethod(functional.linear_cross_entropy)
    _passed_on = ("weight", "ignore_index", "label_smoothing", "options")
    _added: ClassVar[dict[str, Any]] = {
        "softcap": None,
        "temperature": 1.0,
        "z_loss": 0.0,
        "memory": None,
        "loss_dtype": None,
    }

    def forward(
        self,
        input: Tensor,
        target: Tensor | tuple[Tensor, Tensor],
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of a batch.

        Args:
            input: rows (…, in_features); (N, in_features) if there are `out_features`.
            target: labels, probabilities, or a pair of the probabilities of a few classes and
                the classes.
            mask: which losses count, True where they do.
            sample_weight: how much each loss counts.
            normalizer: what a mean divides by instead of the count.
        """
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        weight, bias = self._layer()
        return self._loss(input, weight, target, linear_bias=bias, **extras)

    def sum_and_count(self, *tensors: Any, **extras: Any) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses, and what a mean would divide it by.

        Args:
            tensors: the input and the target.
            extras: `mask` and `sample_weight`, as `forward` takes them.
        """
        input, target = tensors
        weight, bias = self._layer()
        return super().sum_and_count(input, weight, target, linear_bias=bias, **extras)

    def _check(self, added: dict[str, Any]) -> None:
        given = self._added | added
        guards.positive(temperature=given["temperature"])
        if given["softcap"] is not None:
            guards.positive(softcap=given["softcap"])
        guards.not_negative(z_loss=given["z_loss"])
        guards.loss_dtype(given["loss_dtype"])
        if given["memory"] is not None:
            guards.workspace(given["memory"], bytes_of(given["memory"]))

    def extra_repr(self) -> str:
        """Show torch's options, and those added that are not the default."""
        shown = [super().extra_repr()]
        for name, default in self._added.items():
            value = getattr(self, name)
            if value != default:
                shown.append(f"{name}={value!r}")
        return ", ".join(part for part in shown if part)

    def _layer(self) -> tuple[Tensor, Tensor | None]:
        """Return the layer's weight (classes, …, features) and bias (classes, …)."""
        shape = (self.num_classes, *self.out_features)
        weight, bias = self.linear.weight, self.linear.bias
        guards.rows_of_layer(weight, math.prod(shape))
        if not self.out_features:
            return weight, bias
        return weight.reshape(*shape, -1), None if bias is None else bias.reshape(shape)
