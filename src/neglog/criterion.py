"""What all losses share as modules: options that torch has not, and the way to the function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor, nn

from neglog import guards


class Criterion(nn.Module):
    """What all criteria share: the options that torch has not, and the way to the function."""

    __signature__: ClassVar[inspect.Signature]
    _of_torch: ClassVar[inspect.Signature]
    _function: ClassVar[Callable[..., Any]]
    _passed_on: ClassVar[tuple[str, ...]] = ()  # attributes of torch's that the function takes
    _added: ClassVar[dict[str, Any]] = {}  # further options of the constructor, with defaults
    _defaults: ClassVar[dict[str, Any]]  # of the function, for what it is passed
    reduction: str
    empty: str = "nan"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        loss = nn.modules.loss._Loss
        torchs = [b for b in cls.__bases__ if issubclass(b, loss) and not issubclass(b, Criterion)]
        if not torchs:
            if "__init__" in vars(cls):  # a user's own
                _, *parameters = inspect.signature(cls.__init__).parameters.values()
                cls.__signature__ = inspect.Signature(parameters)
            return
        cls._added = {"empty": "nan"} | cls._added
        for name, default in cls._added.items():
            setattr(cls, name, default)  # for criteria that were pickled before there was one
        of_function = inspect.signature(cls._function).parameters
        names = (*cls._passed_on, *cls._added)
        cls._defaults = {name: of_function[name].default for name in names}
        cls._of_torch = inspect.signature(torchs[0])
        if "__init__" not in vars(cls):
            cls.__signature__ = _with_keywords(cls._of_torch, cls._added)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        guards.not_called(type(self).__name__, args)
        added = {name: kwargs.pop(name) for name in self._added if name in kwargs}
        given = self._of_torch.bind(*args, **kwargs)
        options = {"size_average": None, "reduce": None, "reduction": "mean"} | given.arguments
        guards.reduction(options["size_average"], options["reduce"], options["reduction"])
        for name in ("weight", "pos_weight"):
            if given.arguments.get(name) is not None:
                given.arguments[name] = guards.constant_weight(name, given.arguments[name])
        super().__init__(*given.args, **given.kwargs)
        guards.one_of("empty", added.get("empty", "nan"), ("nan", "zero"))
        self._check(added)
        for name, value in added.items():
            setattr(self, name, value)

    def _check(self, added: dict[str, Any]) -> None:
        """Refuse options that no call would take; of those that a subclass adds."""

    def sum_and_count(self, *tensors: Tensor, **extras: Any) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses, and what a mean would divide it by.

        Args:
            tensors: what `forward` takes by position.
            extras: `mask` and `sample_weight`, as `forward` takes them.

        >>> import torch
        >>> from neglog import MSELoss
        >>> MSELoss().sum_and_count(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
        (tensor(4.), tensor(2.))
        """
        pair: tuple[Tensor, Tensor] = self._call(guards.PAIR, *tensors, **extras)
        return pair

    def _loss(self, *tensors: Any, **extras: Any) -> Tensor:
        loss: Tensor = self._call(self.reduction, *tensors, **extras)
        return loss

    def _call(self, reduction: str, *tensors: Any, **extras: Any) -> Any:
        """Call the function with what is not its default: fewer options are a shorter way."""
        options = {name: extra for name, extra in extras.items() if extra is not None}
        if reduction != "mean":
            options["reduction"] = reduction
        for name, default in self._defaults.items():
            value = getattr(self, name)
            if value is not default and (isinstance(value, Tensor) or value != default):
                options[name] = value
        return type(self)._function(*tensors, **options)


def _with_keywords(signature: inspect.Signature, added: dict[str, Any]) -> inspect.Signature:
    kind = inspect.Parameter.KEYWORD_ONLY
    extra = [inspect.Parameter(name, kind, default=value) for name, value in added.items()]
    return signature.replace(parameters=[*signature.parameters.values(), *extra])


class OfPairs(Criterion):
    """A criterion of two tensors, `input` and `target`."""

    def forward(
        self,
        input: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of a batch.

        Args:
            input: what the network emits.
            target: the truth.
            mask: which losses count, True where they do.
            sample_weight: how much each loss counts.
            normalizer: what a mean divides by instead of the count.
        """
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(input, target, **extras)
