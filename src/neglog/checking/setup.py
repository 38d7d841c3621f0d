"""The data that rules about a training set-up read, collected from the loader."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, cast

import torch
from torch import Tensor, nn

from neglog.checking import evaluate
from neglog.checking.batch import CheckedBatch, batch_of
from neglog.checking.criterion import LABELS, STRUCTURED, Criterion
from neglog.checking.plans import CallPlan, of_criterion, plans
from neglog.checking.recorder import LossRecorder
from neglog.checking.structures import loss_of, mapped, tensors, words
from neglog.errors import sentence
from neglog.errors.arguments import SetupError


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
    batches: list[CheckedBatch] = field(default_factory=list)
    inner: list[list[CheckedBatch]] = field(default_factory=list)
    plan: CallPlan | None = None
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


def collect(model: nn.Module, criterion: Criterion, loader: Iterable[Any], batches: int) -> Setup:
    """Run the model on the loader's first batches.

    Raises:
        ArgumentError: the loader is empty, or does not yield batches.
    """
    model = getattr(model, "_orig_mod", model)  # of torch.compile
    if criterion.kind in STRUCTURED:  # of several tensors; the recorder finds the loss inside
        criterion = replace(criterion, kind="other", names=())
    setup = Setup(model, criterion)
    modules = [m for m in (model, criterion.call) if isinstance(m, nn.Module)]
    with evaluate.without_trace(*_generators(loader)), evaluate.kept_buffers(modules):
        items = list(islice(loader, batches + 1))
        setup.exhausted = len(items) <= batches
        if not items:
            raise SetupError(
                sentence("loader must yield at least one batch", "it is empty", remedy="fill it")
            )
        for item in items[:batches]:
            if not _step(setup, item):
                break
    return setup


def _step(setup: Setup, item: Any) -> bool:
    """Add one batch with the first call that works; return whether to continue."""
    where = next((p.device for p in setup.model.parameters()), torch.device("cpu"))
    faults, attempts = [], []
    candidates = plans(setup.model, mapped(item, lambda tensor: _copy_to(tensor, where)))
    if setup.criterion.kind != "other":
        candidates = [
            candidate for candidate in candidates if isinstance(candidate.target, Tensor)
        ] or candidates
    for plan in candidates:
        recorder = LossRecorder()
        with recorder:
            output, fault = evaluate.attempt(
                evaluate.predictions, setup.model, plan.arguments, plan.named
            )
        if fault:
            faults.append(fault)
            continue
        attempts.append(_attempt(setup.criterion, plan, output, recorder.batches()))
        if not attempts[-1].error:
            return _record(setup, attempts[-1])
    if not attempts:
        setup.fault = faults[0]
        return False
    return _record(setup, max(attempts, key=lambda t: (t.called, len(t.inner))))


@dataclass(frozen=True, eq=False)
class _Attempt:
    """A call of the model and the criterion, with its results."""

    plan: CallPlan
    output: Any
    inner: list[CheckedBatch]
    result: Any = None
    error: str = ""
    called: bool = False
    more: tuple[Any, ...] = ()


def _attempt(
    criterion: Criterion, plan: CallPlan, output: Any, inner: list[CheckedBatch]
) -> _Attempt:
    if criterion.kind == "other":
        return _attempt_custom(criterion, plan, output, inner)
    more: tuple[Any, ...] = ()
    if isinstance(output, (tuple, list)) and criterion.has_several_inputs:
        output, *rest = output
        more = tuple(rest)
    if not isinstance(output, Tensor):
        return _Attempt(plan, output, inner, error="no tensor", called=True)
    result, error = evaluate.attempt(criterion, output, _target(criterion, plan, output), *more)
    return _Attempt(plan, output, inner, result, error, True, more)


def _attempt_custom(
    criterion: Criterion, plan: CallPlan, output: Any, inner: list[CheckedBatch]
) -> _Attempt:
    """Call a criterion of the user's with what the model returned."""
    failed: list[_Attempt] = []
    for arguments in of_criterion(criterion.call, output, plan):
        recorder = LossRecorder()
        with recorder:
            result, error = evaluate.attempt(criterion, *arguments)
        error = error or evaluate.without_loss(result)
        attempt = _Attempt(plan, output, inner + recorder.batches(), result, error, True)
        if not error:
            return attempt
        failed.append(attempt)
    # The call that got as far as a loss, or past the criterion's signature, is likely the one that
    # the user means.
    return max(
        failed,
        key=lambda t: (len(t.inner), not t.error.startswith("TypeError")),
        default=_Attempt(plan, output, inner, error="none"),
    )


def _record(setup: Setup, attempt: _Attempt) -> bool:
    """Record the results of one batch; return whether to continue."""
    criterion, output, first = setup.criterion, attempt.output, not setup.inner
    if first:
        setup.plan = attempt.plan
    if not attempt.called:
        setup.unseen.append("the criterion, which cannot be called with (output, target)")
        return False
    if criterion.kind != "other" and not isinstance(output, Tensor):
        setup.returned = words(output)
        return False
    loss = loss_of(attempt.result)
    if criterion.kind == "other":
        batch = _observed(criterion, attempt)
        setup.has_graph |= loss is None or loss.requires_grad
    else:
        target = _target(criterion, attempt.plan, output)
        batch = batch_of(criterion, output, target, attempt.more)
        setup.has_graph |= output.requires_grad
    if first:
        setup.loss = batch.loss
        setup.gradient = _largest_gradient(setup, loss)
    setup.inner.append(attempt.inner)
    setup.batches.append(batch)
    return criterion.kind != "other" or not attempt.error


def _target(criterion: Criterion, plan: CallPlan, output: Tensor) -> Tensor:
    """Return the target of a built-in loss."""
    x, y = plan.arguments[:1], plan.target
    single_input = y is None and x and isinstance(x[0], Tensor)
    if single_input and criterion.kind not in LABELS and x[0].shape == output.shape:
        return cast(Tensor, x[0])  # an autoencoder
    if single_input:
        raise SetupError(
            sentence(
                "loader must yield pairs (x, y)",
                "its first batch holds no target",
                remedy="add it, or pass a criterion that needs none",
            )
        )
    if not isinstance(y, Tensor):
        expected = "loader must yield pairs (x, y) whose y is a torch.Tensor"
        got = f"it is {type(y).__name__}"
        raise SetupError(sentence(expected, got, remedy="use torch.as_tensor(y)"))
    return y


def observe(
    batch: CheckedBatch, input: Tensor, target: Tensor, more: tuple[Any, ...]
) -> list[CheckedBatch]:
    """Call a criterion of the user's once; note its outcome and return the losses inside."""
    leaf = input.clone() if input.requires_grad else input.detach().clone()
    if leaf.is_floating_point() and not leaf.requires_grad:
        leaf.requires_grad_()
    recorder = LossRecorder()
    with recorder:
        others = (_copy_to(t, t.device) if isinstance(t, Tensor) else t for t in (target, *more))
        result, error = evaluate.attempt(batch.criterion, leaf, *others)
    batch.__dict__["outcome"] = evaluate.outcome_of(result, error, leaf)
    return recorder.batches()


def _observed(criterion: Criterion, attempt: _Attempt) -> CheckedBatch:
    """Return the batch of a loss that has been computed."""
    output, target = attempt.output, attempt.plan.target
    if isinstance(output, Tensor) and isinstance(target, Tensor):
        batch = batch_of(criterion, output, target)
    else:
        first_tensor = next(tensors(output), torch.zeros(1))
        batch = batch_of(criterion, first_tensor, first_tensor)
        batch.is_structure = True
    batch.__dict__["outcome"] = evaluate.outcome_of(attempt.result, attempt.error, output)
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


def _copy_to(tensor: Tensor, where: torch.device) -> Tensor:
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
