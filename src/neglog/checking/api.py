"""`neglog.check`: the rules applied to a batch, or to a model with its loss and its loader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, overload

from torch import Tensor, nn

from neglog import validation
from neglog.checking.batch import CheckedBatch, batch_of
from neglog.checking.criterion import Criterion, identify
from neglog.checking.evaluate import without_trace
from neglog.checking.report import CERTAINTIES, Report
from neglog.checking.rule import Findings
from neglog.checking.rules import BATCH_RULES, SETUP_RULES
from neglog.checking.setup import Setup, collect, observe
from neglog.errors import CheckError, sentence, shape
from neglog.errors.arguments import OptionError, SetupError


@overload
def check(
    criterion: Callable[..., Any],
    input: Tensor,
    target: Tensor,
    /,
    *more: Any,
    raise_on: str | None = None,
    **call_options: Any,
) -> Report: ...


@overload
def check(
    model: nn.Module,
    criterion: Callable[..., Any],
    loader: Iterable[Any],
    /,
    *,
    batches: int = 8,
    raise_on: str | None = None,
    **call_options: Any,
) -> Report: ...


def check(
    subject: Callable[..., Any],
    first: Any,
    second: Any,
    /,
    *more: Any,
    batches: int = 8,
    raise_on: str | None = None,
    **call_options: Any,
) -> Report:
    """Find mistakes in a loss and a batch, or in a training set-up.

    Call it as ``check(criterion, input, target)`` or ``check(model, criterion, loader)``. It does
    not change the model, its mode, its gradients and statistics, or any random state. (It consumes
    the batches that it reads from an iterator.)

    A criterion of torch.nn or neglog is called with a tensor from the model. Any other callable is
    called with the model's output, and may return a tensor, a tuple that begins with the loss, or a
    dict. The losses of torch and neglog that it calls are checked too.

    Args:
        subject: the criterion, of neglog or torch.nn or any callable; or the model.
        first: the prediction; or the criterion.
        second: the target; or an iterable of batches: pairs (x, y), or dicts, named tuples or
            objects whose names match the model's parameters, or inputs only.
        *more: further tensors, such as the variance of `GaussianNLLLoss`.
        batches: how many batches of the loader to check.
        raise_on: raise an error for findings of at least this certainty: "certain",
            "near certain" or "heuristic".
        **call_options: further keyword arguments of the criterion.

    Returns:
        The findings, most serious first; print it. Its `unseen` lists what was not checked.

    Raises:
        ArgumentError: an argument is not a tensor, criterion, option or loader of batches.
        CheckError: there is a finding of the certainty `raise_on`.

    >>> import torch
    >>> probabilities = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    >>> report = check(nn.CrossEntropyLoss(), probabilities, torch.tensor([0, 1]))
    >>> report[0].code, report[0].certainty
    ('double-softmax', 'near certain')
    """
    if raise_on is not None and raise_on not in CERTAINTIES:
        raise OptionError(
            sentence(f"raise_on must be None or one of {CERTAINTIES}", f"it is {raise_on!r}")
        )
    if callable(first) and not isinstance(first, Tensor):
        report = _of_setup(subject, first, second, batches, more, call_options)
    else:
        report = _of_batch(subject, first, second, more, call_options)
    if raise_on is not None and (serious := report.at_least(raise_on)):
        raise CheckError(str(serious))
    return report


def _of_batch(
    call: Callable[..., Any],
    input: Any,
    target: Any,
    more: tuple[Any, ...],
    options: dict[str, Any],
) -> Report:
    _check_criterion(call)
    validation.any_tensors(input=input, target=target)
    criterion = identify(call, more, options)
    if criterion.kind != "other":
        input, target, more = criterion.arranged((input, target, *more))
    findings = Findings()
    with without_trace():
        batch = batch_of(criterion, input, target, more)
        inner = observe(batch, input, target, more) if criterion.kind == "other" else []
        for checked in (*inner, batch):
            findings.apply(BATCH_RULES, checked)
    subject = f"{criterion.name} on {_words(batch)}"
    return Report(findings.ordered(1), subject, findings.skipped, _unseen(criterion, inner))


def _unseen(criterion: Criterion, inner: list[CheckedBatch]) -> list[str]:
    """Note that a custom loss calls no known loss; neglog's own check their arguments."""
    call = criterion.call
    home = type(call).__module__ if isinstance(call, nn.Module) else call.__module__
    if criterion.kind != "other" or inner or home.partition(".")[0] == "neglog":
        return []
    return [f"the formula of {criterion.name}, which calls no loss of torch or neglog"]


def _of_setup(
    model: Any,
    call: Callable[..., Any],
    loader: Any,
    batches: Any,
    more: tuple[Any, ...],
    options: dict[str, Any],
) -> Report:
    _check_criterion(call)
    _check_setup(model, loader, batches, more)
    setup = collect(model, identify(call, (), options), loader, batches)
    findings = Findings()
    with without_trace():
        for batch in (*setup.batches, *chain(*setup.inner)):
            findings.apply(BATCH_RULES, batch)
        findings.apply_to_setup(SETUP_RULES, setup)
    count = len(setup.batches)
    unseen = [*setup.unseen]
    if setup.batches:
        unseen += _unseen(setup.criterion, list(chain(*setup.inner)))
    return Report(findings.ordered(count), _describe(setup), findings.skipped, unseen)


def _check_criterion(call: Any) -> None:
    if isinstance(call, type):
        got, remedy = f"it is the class {call.__name__}", f"make one, {call.__name__}()"
        raise SetupError(sentence("criterion must be callable with tensors", got, remedy=remedy))
    if not callable(call):
        got = f"it is {type(call).__name__}"
        raise SetupError(sentence("criterion must be callable", got))


def _check_setup(model: Any, loader: Any, batches: Any, more: tuple[Any, ...]) -> None:
    if not isinstance(model, nn.Module):
        raise SetupError(
            sentence("model must be a torch.nn.Module", f"it is {type(model).__name__}")
        )
    if isinstance(loader, Tensor) or not isinstance(loader, Iterable):
        got, remedy = f"it is {type(loader).__name__}", "a list [(x, y)] will do"
        raise SetupError(sentence("loader must yield pairs (x, y)", got, remedy=remedy))
    if type(batches) is not int or batches < 1:
        raise SetupError(
            sentence("batches must be a whole number of 1 or more", f"it is {batches!r}")
        )
    if more:
        expected = "a training set-up is (model, criterion, loader)"
        raise SetupError(sentence(expected, f"got {len(more)} more", remedy="pass options by name"))


def _describe(setup: Setup) -> str:
    name, loss = type(setup.model).__name__, setup.criterion.name
    if not setup.batches:
        return f"{name} with {loss}"
    count = len(setup.batches)
    plural = "batch" if count == 1 else "batches"
    words = f"{name} with {loss} on {count} {plural}"
    first = setup.batches[0]
    return words if first.is_structure else f"{words}, the first {_words(first)}"


def _words(batch: CheckedBatch) -> str:
    x, y = batch.input, batch.target
    words = (f"{name} {shape(t)} {_dtype(t)}" for name, t in (("input", x), ("target", y)))
    return ", ".join(words)


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
