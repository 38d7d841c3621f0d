"""The losses with a linear layer as modules that hold the layer."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from neglog import functional, validation
from neglog.compatibility import TorchLinearCrossEntropyLoss
from neglog.criterion import Criterion, Weight, with_parameters
from neglog.distributed.plan import Plan
from neglog.engine.projection.workspace import bytes_of


class LinearCrossEntropyLoss(Criterion, TorchLinearCrossEntropyLoss):
    """A linear layer and cross-entropy in one: see `neglog.functional.linear_cross_entropy`.

    It replaces the last `nn.Linear` of a model and `nn.CrossEntropyLoss`, and its input is the
    input of that layer. Pass its parameters to the optimizer and save them in checkpoints. The
    layer is `linear`: ``criterion.linear(rows)`` returns the logits of a prediction, before softcap
    and temperature. To share the weight with an embedding, assign it:
    ``criterion.linear.weight = embedding.weight``.

    Args:
        in_features: the size of a row.
        num_classes: the number of classes.
        out_features: the shape (d₁, …) of the losses of one row, each with its own layer.
        bias: whether the layer has a bias.
        device: of the layer.
        dtype: of the layer.

    >>> import torch
    >>> criterion = LinearCrossEntropyLoss(8, 1000, memory="64MiB")
    >>> criterion(torch.zeros(2, 5, 8), torch.zeros(2, 5, dtype=torch.long)).detach()
    tensor(6.9078)
    """

    _mean_over = "labels"
    _function = staticmethod(functional.linear_cross_entropy)
    _passed_on = ("weight", "ignore_index", "label_smoothing", "options")

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        reduction: str = "mean",
        weight: Weight | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
        empty: str = "nan",
        plan: Plan | None = None,
        softcap: float | None = None,
        temperature: float = 1.0,
        z_loss: float = 0.0,
        offset: Weight | None = None,
        scale: float | None = None,
        margin: float = 0.0,
        margin_type: str = "arcface",
        memory: int | str | None = None,
        loss_dtype: torch.dtype | None = None,
    ) -> None:
        validation.floating_dtype("loss_dtype", loss_dtype)
        if memory is not None:
            validation.workspace(memory, bytes_of(memory))
        super().__init__(
            in_features=in_features,
            num_classes=num_classes,
            out_features=out_features,
            bias=bias,
            device=device,
            dtype=dtype,
            reduction=reduction,
            weight=weight,
            ignore_index=ignore_index,
            label_smoothing=label_smoothing,
            options=options,
            empty=empty,
            plan=plan,
            softcap=softcap,
            temperature=temperature,
            z_loss=z_loss,
            offset=offset,
            scale=scale,
            margin=margin,
            margin_type=margin_type,
            memory=memory,
            loss_dtype=loss_dtype,
        )

    @with_parameters
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
                these classes.
        """
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        weight, bias = self._layer()
        return self._loss(input, weight, target, linear_bias=bias, **extras)

    @with_parameters
    def sum_and_count(
        self,
        input: Tensor,
        target: Tensor | tuple[Tensor, Tensor],
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean.

        Args:
            input: rows, as in `forward`.
            target: as in `forward`.
        """
        extras = {"mask": mask, "sample_weight": sample_weight}
        weight, bias = self._layer()
        return self._sum_and_count(input, weight, target, linear_bias=bias, **extras)

    @with_parameters
    def count(
        self, target: Tensor, *, mask: Tensor | None = None, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the divisor of a mean, over all processes if the criterion has a `plan`.

        Args:
            target: labels, or probabilities of all classes.
        """
        return self._count(target, mask, sample_weight)

    def extra_repr(self) -> str:
        """Show torch's options, and additional options that differ from their defaults."""
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
        validation.rows_of_layer(weight, math.prod(shape))
        if not self.out_features:
            return weight, bias
        return weight.reshape(*shape, -1), None if bias is None else bias.reshape(shape)
