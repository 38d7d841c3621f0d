"""A model, a loss and a loader together, as the rules see them; the walk over the loader."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

import torch
from torch import Tensor, nn

from neglog.checking import evaluate
from neglog.checking.batch import Batch, made_of
from neglog.checking.criterion import LABELS, Criterion
from neglog.checking.evaluate import Outcome
from neglog.checking.plans import Plan, of_criterion, plans
from neglog.checking.structures import loss_of, mapped, tensors, words
from neglog.checking.watch import Watch
from neglog.errors import ArgumentError, sentence


@dataclass(eq=False)
class Setup:
    """What the rules of a training set-up look at.

    Attributes:
        model: the network.
        criterion: the loss.
        batches: what the loader and the model gave, in order.
        inner: the losses that the model and the criterion computed inside.
        features: the model's input in the first batch.
        exhausted: whether the last batch is the loader's last.
        loss: the loss of the first batch, NaN where it is unknown.
        has_graph: whether that loss depends on anything that can be trained.
        gradient: the largest gradient of a parameter, None where it is unknown.
        fault: what the model raised or returned instead of a tensor.
        unseen: what was not looked at, in sentences.
    """

    model: nn.Module
    criterion: Criterion
    batches: list[Batch] = field(default_factory=list)
    inner: list[list[Batch]] = field(default_factory=list)
    features: Any = None
    exhausted: bool = False
    loss: float = float("nan")
    has_graph: bool = True
    gradient: float | None = None
    fault: str = ""
    unseen: list[str] = field(default_factory=list)

    @property
    def trainable(self) -> list[nn.Parameter]:
        """The parameters of the model that training changes."""
        return [p for p in self.model.parameters() if p.requires_grad]


def walked(model: nn.Module, criterion: Criterion, loader: Iterable[Any], batches: int) -> Setup:
    """Run the model on the loader's first batches.

    Raises:
        ArgumentError: the loader is empty, or does not yield batches.
    """
    model = getattr(model, "_orig_mod", model)  # of torch.compile
    setup = Setup(model, criterion)
    with evaluate.without_trace(*_generators(loader)):
        items = list(islice(loader, batches + 1))
        setup.exhausted = len(items) <= batches
        if not items:
            raise ArgumentError(
                sentence("loader must yield at least one batch", "it is empty", remedy="fill it")
            )
        for item in items[:batches]:
            if not _step(setup, item):
                break
    return setup


def _step(setup: Setup, item: Any) -> bool:
    """Add one batch; return whether the walk can go on."""
    where = next((p.device for p in setup.model.parameters()), torch.device("cpu"))
    known = setup.criterion.kind != "other"
    faults = []
    for plan in plans(setup.model, mapped(item, lambda tensor: _own(tensor, where))):
        watch = Watch()
        with watch:
            emitted, fault = evaluate.attempt(
                evaluate.predictions, setup.model, plan.arguments, plan.named
            )
        if fault:
            faults.append(fault)
            continue
        if not setup.inner:
            setup.features = plan.arguments[0] if len(plan.arguments) == 1 else None
        return (
            _built_in(setup, plan, emitted, watch)
            if known
            else _own_loss(setup, plan, emitted, watch)
        )
    setup.fault = faults[0]
    return False


def _built_in(setup: Setup, plan: Plan, emitted: Any, watch: Watch) -> bool:
    more: tuple[Any, ...] = ()
    if isinstance(emitted, (tuple, list)) and setup.criterion.kind == "gaussian_nll_loss":
        emitted, *rest = emitted
        more = tuple(rest)
    if not isinstance(emitted, Tensor):
        setup.fault = f"it returns {words(emitted)}, and the loss takes a tensor"
        return False
    target = _target(setup, plan, emitted)
    if not setup.batches:
        loss, _ = evaluate.attempt(setup.criterion, emitted, target, *more)
        setup.gradient = _largest_gradient(setup, loss)
        setup.has_graph = emitted.requires_grad
    setup.inner.append(watch.batches())
    setup.batches.append(made_of(setup.criterion, emitted, target, more))
    if len(setup.batches) == 1:
        setup.loss = setup.batches[0].loss
    return True


def _target(setup: Setup, plan: Plan, emitted: Tensor) -> Tensor:
    """Return what a built-in loss compares the output with."""
    x, y = plan.arguments[:1], plan.target
    alone = y is None and x and isinstance(x[0], Tensor)
    if alone and setup.criterion.kind not in LABELS and x[0].shape == emitted.shape:
        return cast(Tensor, x[0])  # an autoencoder
    if alone:
        raise ArgumentError(
            sentence(
                "loader must yield pairs (x, y)",
                "its first batch holds no target",
                remedy="add it, or pass a criterion that needs none",
            )
        )
    if not isinstance(y, Tensor):
        wanted = "loader must yield pairs (x, y) whose y is a torch.Tensor"
        got = f"it is {type(y).__name__}"
        raise ArgumentError(sentence(wanted, got, remedy="use torch.as_tensor(y)"))
    return y


def _own_loss(setup: Setup, plan: Plan, emitted: Any, watch: Watch) -> bool:
    """Call a criterion of the user's with what the model returned."""
    inside = watch.batches()
    result: Any = None
    errors: list[tuple[str, Watch]] = []
    fitting = of_criterion(setup.criterion.call, emitted, plan)
    for arguments in fitting:
        own = Watch()
        with own:
            result, error = evaluate.attempt(setup.criterion, *arguments)
        if not error:
            errors = []
            break
        errors.append((error, own))
    if not fitting:
        setup.unseen.append("the criterion, which cannot be called with (output, target)")
        return False
    if errors:
        own = errors[0][1]
    first = not setup.inner
    setup.inner.append(inside + own.batches())
    outcome = evaluate.judged(result, errors[0][0] if errors else "", emitted)
    if first and outcome.loss is not None:
        loss = loss_of(result)
        setup.loss = float(outcome.loss.double().mean()) if outcome.loss.numel() else float("nan")
        setup.has_graph = loss is not None and loss.requires_grad
        setup.gradient = _largest_gradient(setup, loss)
    setup.batches.append(_observed(setup.criterion, emitted, plan.target, outcome))
    return not errors


def observe(batch: Batch, input: Tensor, target: Tensor, more: tuple[Any, ...]) -> list[Batch]:
    """Call a criterion of the user's once; note its outcome and return the losses inside."""
    leaf = input.clone() if input.requires_grad else input.detach().clone()
    if leaf.is_floating_point() and not leaf.requires_grad:
        leaf.requires_grad_()
    watch = Watch()
    with watch:
        others = (_own(t, t.device) if isinstance(t, Tensor) else t for t in (target, *more))
        result, error = evaluate.attempt(batch.criterion, leaf, *others)
    batch.__dict__["outcome"] = evaluate.judged(result, error, leaf)
    return watch.batches()


def _observed(criterion: Criterion, emitted: Any, target: Any, outcome: Outcome) -> Batch:
    """Return a batch of a loss that was computed already."""
    if isinstance(emitted, Tensor) and isinstance(target, Tensor):
        batch = made_of(criterion, emitted, target)
    else:
        held = next((t for t in tensors(emitted)), torch.zeros(1))
        batch = made_of(criterion, held, held)
        batch.is_structure = True
    batch.__dict__["outcome"] = outcome
    return batch


def _largest_gradient(setup: Setup, loss: Any) -> float | None:
    """Return the largest gradient that one batch gives a parameter; no `.grad` is touched."""
    if not setup.trainable or not isinstance(loss, Tensor) or not loss.requires_grad:
        return None
    gradients, error = evaluate.attempt(
        lambda: torch.autograd.grad(
            loss.sum(), setup.trainable, allow_unused=True, retain_graph=True
        )
    )
    if error:
        return None
    return max(
        (float(g.abs().max()) for g in gradients if g is not None and g.numel()), default=0.0
    )


def _own(tensor: Tensor, where: torch.device) -> Tensor:
    """Return a copy that a model or a criterion may overwrite, where the model is."""
    # A tensor of torch.inference_mode cannot be saved for the backward pass.
    copied = tensor.clone() if tensor.grad_fn is not None or tensor.is_inference() else None
    if copied is None:
        copied = tensor.detach().clone().requires_grad_(tensor.requires_grad)
    return copied.to(where)


def _generators(loader: Any) -> list[torch.Generator]:
    """Find the generators that a pass over a data loader would advance."""
    sampler = getattr(loader, "sampler", None)
    inner = getattr(getattr(loader, "batch_sampler", None), "sampler", None)
    found = [getattr(owner, "generator", None) for owner in (loader, sampler, inner)]
    unique = {id(g): g for g in found if isinstance(g, torch.Generator)}
    return list(unique.values())
