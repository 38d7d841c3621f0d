"""The loss of a declared likelihood as a module."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from neglog import validation
from neglog.criterion import with_parameters
from neglog.distributed.plan import Plan, checked_plan
from neglog.functional.likelihood import OF_ROWS, declaration, loss_of, refuse_unknown, settings
from neglog.likelihood import Likelihood


class LikelihoodLoss(nn.Module):
    """The loss of a declared likelihood: see `neglog.functional.likelihood_loss`.

    Args:
        likelihood: the declaration, a class that derives from `neglog.Elementwise` or
            `neglog.Rows`.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        full: whether to add the `constant` of the declaration.
        empty: the mean over no elements: ``"nan"``, or ``"zero"`` for a 0 that is part of the
            graph.
        options: the `settings` of the declaration by name, which are numbers; for `neglog.Rows`
            also `weight`, `ignore_index`, `label_smoothing` and `class_dim`, as in
            `neglog.CrossEntropyLoss`.

    Raises:
        ArgumentError: an option is missing, unknown or of the wrong type.

    >>> import torch
    >>> from neglog.likelihoods import Gamma
    >>> criterion = LikelihoodLoss(Gamma, shape=3.0)
    >>> criterion
    LikelihoodLoss(Gamma, shape=3.0, reduction='mean')
    >>> criterion(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(6.)

    Source: that of the declaration.
    """

    weight: Tensor | None

    def __init__(
        self,
        likelihood: type[Likelihood],
        *,
        reduction: str = "mean",
        full: bool = False,
        empty: str = "nan",
        plan: Plan | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        declaration(likelihood)
        validation.reduction(None, None, reduction)
        validation.one_of("empty", empty, ("nan", "zero"))
        of_rows = {} if likelihood.elementwise else OF_ROWS
        refuse_unknown(likelihood, options, (*likelihood.settings, *of_rows))
        numbers = settings(likelihood, options)
        self.likelihood, self.reduction, self.full, self.empty = likelihood, reduction, full, empty
        self.plan = None if plan is None else checked_plan(plan)
        self.settings = dict(zip(likelihood.settings, numbers, strict=True))
        self.options = {name: v for name, v in options.items() if name not in self.settings}
        weight = self.options.pop("weight", None)
        if weight is not None:
            weight = validation.constant_weight("weight", weight)
        self.register_buffer("weight", weight)

    @with_parameters
    def forward(
        self,
        *tensors: Tensor | float,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
        **given: Tensor | float,
    ) -> Tensor:
        """Return the loss of a batch, in nats.

        Args:
            tensors: the inputs of the declaration in their order, then the target.
            given: its `given` tensors by name.
        """
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(tensors, {**given, **extras}, self.reduction)

    @with_parameters
    def sum_and_count(
        self,
        *tensors: Tensor | float,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        **given: Tensor | float,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean.

        Args:
            tensors: the inputs of the declaration in their order, then the target.
            given: its `given` tensors by name.
        """
        extras = {"mask": mask, "sample_weight": sample_weight}
        pair: Any = self._loss(tensors, {**given, **extras}, validation.PAIR)
        both: tuple[Tensor, Tensor] = pair
        return both

    def _loss(self, tensors: tuple[Any, ...], options: dict[str, Any], reduction: str) -> Tensor:
        """Call the function with the options that differ from its defaults, which is faster."""
        chosen = {name: value for name, value in options.items() if value is not None}
        if self.empty != "nan":
            chosen["empty"] = self.empty
        if self.plan is not None:
            chosen["plan"] = self.plan
        if self.full:
            chosen["full"] = True
        if self.weight is not None:
            chosen["weight"] = self.weight
        return loss_of(self.likelihood)(
            *tensors, reduction=reduction, **self.settings, **self.options, **chosen
        )

    def extra_repr(self) -> str:
        """Return the declaration and the options that differ from their defaults."""
        options: dict[str, Any] = {**self.settings, "reduction": self.reduction, **self.options}
        options |= {"full": True} if self.full else {}
        options |= {"empty": self.empty} if self.empty != "nan" else {}
        shown = [f"{name}={value!r}" for name, value in options.items()]
        return ", ".join([self.likelihood.__name__, *shown])
