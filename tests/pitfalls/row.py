"""What is recorded of one pitfall, and helpers to provoke it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

import neglog

RAISED = "raised by the loss"
PASS = "found in the kernel's pass"
EXACT = "computed exactly"
CHECK = "found by check"
OPTION = "an option"
OUTSIDE = "out of scope"
OUTCOMES = (RAISED, PASS, EXACT, CHECK, OPTION, OUTSIDE)


@dataclass(frozen=True)
class Row:
    """One way to be wrong with a loss.

    Attributes:
        number: its place in the table.
        title: what goes wrong.
        torch: what torch 2.13 does.
        neglog: what neglog does; of what is out of scope, why.
        outcome: one of `OUTCOMES`, the first line of defence where there are several.
        provoke: makes the mistake and asserts the outcome.
        thread: the number of a PyTorch issue, if there is one.
    """

    number: int
    title: str
    torch: str
    neglog: str
    outcome: str
    provoke: Callable[[], None]
    thread: int | None = None


def refuses(words: str, call: Callable[[], object]) -> None:
    """Assert that a call raises one of neglog's errors with this text."""
    with pytest.raises(neglog.NeglogError) as caught:
        call()
    assert words in str(caught.value), str(caught.value)


def finds(code: str, *arguments: object, **options: object) -> neglog.checking.report.Finding:
    """Assert that `neglog.check` has this finding, and return it."""
    report = neglog.check(*arguments, **options)
    (finding,) = [finding for finding in report if finding.code == code]
    return finding


def quietly(call: Callable[[], Tensor]) -> Tensor:
    """Call torch, which warns of some of these mistakes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


def slope(loss: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the gradient of a loss."""
    leaf = x.detach().clone().requires_grad_()
    loss(leaf).backward()
    assert leaf.grad is not None
    return leaf.grad


def close(got: Tensor | float, expected: Tensor | float, digits: float = 1e-3) -> None:
    """Assert equality to three digits, or to as many as asked."""
    got, expected = (torch.as_tensor(v, dtype=torch.float64) for v in (got, expected))
    torch.testing.assert_close(got, expected, rtol=digits, atol=digits * 1e-3, equal_nan=True)
