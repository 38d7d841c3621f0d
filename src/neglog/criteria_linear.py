"""The losses of a linear layer as modules, which hold the layer."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from neglog import functional
from neglog.compatibility import TorchLinearCrossEntropyLoss
from neglog.criterion import Criterion


class LinearCrossEntropyLoss(Criterion, TorchLinearCrossEntropyLoss):
    """A linear layer and cross-entropy in one: see `neglog.functional.linear_cross_entropy`.

    The layer is `linear`, an `nn.Linear` without a bias unless ``bias=True``. To share a weight
    with an embedding, assign it: ``criterion.linear.weight = embedding.weight``.

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

    def _layer(self) -> tuple[Tensor, Tensor | None]:
        """Return the layer's weight (classes, …, features) and bias (classes, …)."""
        shape = (self.num_classes, *self.out_features)
        weight, bias = self.linear.weight, self.linear.bias
        if not self.out_features:
            return weight, bias
        return weight.reshape(*shape, -1), None if bias is None else bias.reshape(shape)
