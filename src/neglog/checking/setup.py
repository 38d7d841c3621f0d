"""The data that rules about a training set-up read, collected from the loader."""

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
from neglog.checking.plans import Plan, of_criterion, plans
from neglog.checking.structures import loss_of, mapped, tensors, words
from neglog.checking.watch import Watch
from neglog.errors import ArgumentError, sentence


@dataclass(eq=False)
class Setup:
    """The data that rules about a training set-up read.

    Attributes:
        model: the network.
        criterion: the loss.
        batches: what the loader and the model gave, in order.
        inner: the losses that the model and the criterion computed inside.
        plan: how the model was called with the first batch.
        exhausted: whether the last batch is the loader's last.
        loss: the loss of the first batch, NaN where it is unknown.
        has_graph: whether a loss depends on anything that can be trained.
        gradient: the largest gradient of a parameter, None where it is unknown.
        fault: what the model raised.
        returned: what the model returned where the loss takes a tensor.
        unseen: what was not looked at, in sentences.
    """

    model: nn.Module
    criterion: Criterion
    batches: list[Batch] = field(default_factory=list)
    inner: list[list[Batch]] = field(default_factory=list)
    plan: Plan | None = None
    exhausted: bool = False
    loss: float = float("nan")
    has_graph: bool = False
    gradient: float | None = None
    fault: str = ""
    returned: str = ""
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
    modules = [m for m in (model, criterion.call) if isinstance(m, nn.Module)]
    with evaluate.without_trace(*_generators(loader)), evaluate.kept_buffers(modules):
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
    """Add one batch, called in the first way that works; return whether the walk can go on."""
    where = next((p.device for p in setup.model.parameters()), torch.device("cpu"))
    faults, tries = [], []
    ways = plans(setup.model, mapped(item, lambda tensor: _own(tensor, where)))
    if setup.criterion.kind != "other":
        ways = [way for way in ways if isinstance(way.target, Tensor)] or ways
    for plan in ways:
        watch = Watch()
        with watch:
            emitted, fault = evaluate.attempt(
                evaluate.predictions, setup.model, plan.arguments, plan.named
            )
        if fault:
            faults.append(fault)
            continue
        tries.append(_tried(setup.criterion, plan, emitted, watch.batches()))
        if not tries[-1].error:
            return _add(setup, tries[-1])
    if not tries:
        setup.fault = faults[0]
        return False
    return _add(setup, max(tries, key=lambda t: (t.called, len(t.inner))))


@dataclass(frozen=True, eq=False)
class _Try:
    """A call of the model and the criterion, with its results."""

    plan: Plan
    emitted: Any
    inner: list[Batch]
    result: Any = None
    error: str = ""
    called: bool = False
    more: tuple[Any, ...] = ()


def _tried(criterion: Criterion, plan: Plan, emitted: Any, inner: list[Batch]) -> _Try:
    if criterion.kind == "other":
        return _of_own(criterion, plan, emitted, inner)
    more: tuple[Any, ...] = ()
    if isinstance(emitted, (tuple, list)) and criterion.kind == "gaussian_nll_loss":
        emitted, *rest = emitted
        more = tuple(rest)
    if not isinstance(emitted, Tensor):
        return _Try(plan, emitted, inner, error="no tensor", called=True)
    result, error = evaluate.attempt(criterion, emitted, _target(criterion, plan, emitted), *more)
    return _Try(plan, emitted, inner, result, error, True, more)


def _of_own(criterion: Criterion, plan: Plan, emitted: Any, inner: list[Batch]) -> _Try:
    """Call a criterion of the user's with what the model returned."""
    failed: list[_Try] = []
    for arguments in of_criterion(criterion.call, emitted, plan):
        watch = Watch()
        with watch:
            result, error = evaluate.attempt(criterion, *arguments)
        error = error or evaluate.without_loss(result)
        tried = _Try(plan, emitted, inner + watch.batches(), result, error, True)
        if not error:
            return tried
        failed.append(tried)
    # The call that got as far as a loss is likely the one that the user means.
    return max(failed, key=lambda t: len(t.inner), default=_Try(plan, emitted, inner, error="none"))


def _add(setup: Setup, tried: _Try) -> bool:
    """Add what came of one batch; return whether the walk can go on."""
    criterion, emitted, first = setup.criterion, tried.emitted, not setup.inner
    if first:
        setup.plan = tried.plan
    if not tried.called:
        setup.unseen.append("the criterion, which cannot be called with (output, target)")
        return False
    if criterion.kind != "other" and not isinstance(emitted, Tensor):
        setup.returned = words(emitted)
        return False
    loss = loss_of(tried.result)
    if criterion.kind == "other":
        batch = _observed(criterion, tried)
        setup.has_graph |= loss is None or loss.requires_grad
    else:
        target = _target(criterion, tried.plan, emitted)
        batch = made_of(criterion, emitted, target, tried.more)
        setup.has_graph |= emitted.requires_grad
    if first:
        setup.loss = batch.loss
        setup.gradient = _largest_gradient(setup, loss)
    setup.inner.append(tried.inner)
    setup.batches.append(batch)
    return criterion.kind != "other" or not tried.error


def _target(criterion: Criterion, plan: Plan, emitted: Tensor) -> Tensor:
    """Return the target of a built-in loss."""
    x, y = plan.arguments[:1], plan.target
    alone = y is None and x and isinstance(x[0], Tensor)
    if alone and criterion.kind not in LABELS and x[0].shape == emitted.shape:
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


def _observed(criterion: Criterion, tried: _Try) -> Batch:
    """Return the batch of a loss that has been computed."""
    emitted, target = tried.emitted, tried.plan.target
    if isinstance(emitted, Tensor) and isinstance(target, Tensor):
        batch = made_of(criterion, emitted, target)
    else:
        held = next(tensors(emitted), torch.zeros(1))
        batch = made_of(criterion, held, held)
        batch.is_structure = True
    batch.__dict__["outcome"] = evaluate.judged(tried.result, tried.error, emitted)
    return batch


def _largest_gradient(setup: Setup, loss: Any) -> float | None:
    """Return the largest gradient of a parameter for one batch, without changing `.grad`."""
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
    """Return a copy, on the model's device, that a model or a criterion may overwrite."""
    # A tensor of torch.inference_mode cannot be saved for the backward pass.
    copied = tensor.clone() if tensor.grad_fn is not None or tensor.is_inference() else None
    if copied is None:
        copied = tensor.detach().clone().requires_grad_(tensor.requires_grad)
    return copied.to(where)


def _generators(loader: Any) -> list[torch.Generator]:
    """Return the generators that a pass over a data loader would advance."""
    sampler = getattr(loader, "sampler", None)
    inner = getattr(getattr(loader, "batch_sampler", None), "sampler", None)
    found = [getattr(owner, "generator", None) for owner in (loader, sampler, inner)]
    unique = {id(g): g for g in found if isinstance(g, torch.Generator)}
    return list(unique.values())
