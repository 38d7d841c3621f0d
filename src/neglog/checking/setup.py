"""A model, a loss and a loader together, as the rules see them; the walk over the loader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from neglog.checking import evaluate
from neglog.checking.batch import Batch, Origin, made, origin
from neglog.checking.criterion import Criterion
from neglog.errors import ArgumentError, sentence


@dataclass(eq=False)
class Setup:
    """What the rules of a training set-up look at.

    Attributes:
        model: the network.
        criterion: the loss.
        batches: what the loader and the model gave, in order.
        features: the model's input in the first batch.
        exhausted: whether the last batch is the loader's last.
        gradient: the largest gradient of a parameter, None where it is unknown.
        fault: what the model raised or returned instead of a tensor.
    """

    model: nn.Module
    criterion: Criterion
    batches: list[Batch] = field(default_factory=list)
    features: Any = None
    exhausted: bool = False
    gradient: float | None = None
    fault: str = ""

    @property
    def trainable(self) -> list[nn.Parameter]:
        """The parameters that training changes."""
        return [p for p in self.model.parameters() if p.requires_grad]


def walked(model: nn.Module, criterion: Criterion, loader: Iterable[Any], batches: int) -> Setup:
    """Run the model on the loader's first batches.

    Raises:
        ArgumentError: the loader is empty, or does not yield pairs.
    """
    setup = Setup(model, criterion)
    with evaluate.without_trace(*_generators(loader)):
        items = list(islice(loader, batches + 1))
        setup.exhausted = len(items) <= batches
        if not items:
            raise ArgumentError(
                sentence("loader must yield at least one batch", "it is empty", remedy="fill it")
            )
        for item in items[:batches]:
            features, target = _pair(item)
            if not _step(setup, features, target):
                break
    return setup


def _step(setup: Setup, features: Any, target: Tensor) -> bool:
    """Add one batch; return whether the walk can go on."""
    where = next((p.device for p in setup.model.parameters()), torch.device("cpu"))
    features, target = _moved(features, where), _moved(target, where)
    emitted, setup.fault = evaluate.attempt(evaluate.predictions, setup.model, features)
    if setup.fault:
        return False
    more: tuple[Any, ...] = ()
    if isinstance(emitted, (tuple, list)) and setup.criterion.kind == "gaussian_nll_loss":
        emitted, *rest = emitted
        more = tuple(rest)
    if not isinstance(emitted, Tensor):
        setup.fault = f"it returns {type(emitted).__name__}, and the loss takes a tensor"
        return False
    if not setup.batches:
        setup.features = features
        setup.gradient = _largest_gradient(setup, emitted, target, more)
    source = origin(emitted) if emitted.grad_fn is not None else Origin()
    graph = (emitted.requires_grad, False)
    setup.batches.append(made(setup.criterion, emitted, target, more, source, graph))
    return True


def _largest_gradient(
    setup: Setup, emitted: Tensor, target: Tensor, more: tuple[Any, ...]
) -> float | None:
    """Return the largest gradient that one batch gives a parameter; no `.grad` is touched."""
    if not setup.trainable or not emitted.requires_grad:
        return None
    loss, error = evaluate.attempt(setup.criterion, emitted, target, *more)
    if error or not isinstance(loss, Tensor) or not loss.requires_grad:
        return None
    gradients, error = evaluate.attempt(
        lambda: torch.autograd.grad(loss.sum(), setup.trainable, allow_unused=True)
    )
    if error:
        return None
    return max(
        (float(g.abs().max()) for g in gradients if g is not None and g.numel()), default=0.0
    )


def _pair(item: Any) -> tuple[Any, Tensor]:
    if isinstance(item, Tensor) or not isinstance(item, (tuple, list)) or len(item) < 2:
        kind = type(item).__name__
        wanted = "loader must yield pairs (x, y)"
        raise ArgumentError(
            sentence(wanted, f"its first batch is {kind}", remedy="wrap it so that it does")
        )
    if not isinstance(item[1], Tensor):
        wanted = "loader must yield pairs (x, y) whose y is a torch.Tensor"
        got = f"it is {type(item[1]).__name__}"
        raise ArgumentError(sentence(wanted, got, remedy="use torch.as_tensor(y)"))
    return item[0], item[1]


def _moved(features: Any, where: torch.device) -> Any:
    if isinstance(features, Tensor):
        # A tensor of torch.inference_mode cannot be saved for the backward pass.
        return (features.clone() if features.is_inference() else features).to(where)
    if isinstance(features, Mapping):
        return {key: _moved(value, where) for key, value in features.items()}
    if isinstance(features, (tuple, list)):
        return type(features)(_moved(value, where) for value in features)
    return features


def _generators(loader: Any) -> list[torch.Generator]:
    """Find the generators that a pass over a data loader would advance."""
    sampler = getattr(loader, "sampler", None)
    inner = getattr(getattr(loader, "batch_sampler", None), "sampler", None)
    found = [getattr(owner, "generator", None) for owner in (loader, sampler, inner)]
    unique = {id(g): g for g in found if isinstance(g, torch.Generator)}
    return list(unique.values())
