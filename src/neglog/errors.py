"""The structure of all messages: expected, got, likely cause, remedy.

Every class also derives from the exceptions torch raises for the same fault, so that an
``except`` clause written for ``torch.nn`` keeps working.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


class NeglogError(Exception):
    """The base class of neglog's errors."""


class ArgumentError(NeglogError, TypeError, ValueError, RuntimeError):
    """An invalid argument: a wrong type, a wrong option, a wrong weight."""


class BenchError(NeglogError, ValueError):
    """An option that `bench` cannot use, or a subprocess that failed."""


class CheckError(NeglogError, ValueError):
    """The findings of `neglog.check`, if it was asked to raise."""


class DeclarationError(NeglogError, TypeError):
    """A likelihood whose declaration is incomplete or uses words outside the vocabulary."""


class DerivativeError(NeglogError, NotImplementedError):
    """A derivative of an order that a loss does not have."""


class DtypeError(NeglogError, TypeError, RuntimeError, ValueError):
    """Tensors whose dtypes do not match."""


class FitError(NeglogError, ValueError):
    """A table, an option or a saved model that `fit` or `predict` cannot use."""


class ShapeError(NeglogError, ValueError, RuntimeError):
    """Tensors whose shapes do not match."""


class SupportError(NeglogError, ValueError, IndexError, RuntimeError):
    """A value outside the support or domain of the likelihood."""


def sentence(expected: str, got: str, cause: str = "", remedy: str = "") -> str:
    """Build a message from parts without capital letters and full stops.

    >>> sentence("expected two columns", "got three", remedy="drop one")
    'expected two columns, but got three; drop one.'
    """
    tail = "".join(f"; {part}" for part in (cause, remedy) if part)
    return f"{expected}, but {got}{tail}."


def shape(tensor: Any) -> str:
    """Write a tensor's shape as a tuple: (64, 1)."""
    return str(tuple(tensor.shape))


def format_index(index: tuple[int, ...]) -> str:
    """Write an index: of a vector, of anything larger, or of a scalar."""
    return f"index {index[0] if len(index) == 1 else index}" if index else "the scalar"


def outside(name: str, words: str, values: Tensor, invalid: Tensor) -> str:
    """Describe how many values lie outside a set, the first of them, and the likely cause."""
    first = tuple(invalid.nonzero()[0].tolist())
    value = values[first].item()
    count = int(invalid.sum())
    cause = remedy = ""
    if value != value:
        cause = "NaN often comes from a missing value or an earlier overflow"
    elif "0 to 1" in words and name == "input":
        cause, remedy = "these look like logits", "use binary_cross_entropy_with_logits"
    elif "0 to 1" in words and values.max() == 255:
        cause, remedy = "this looks like a 0/255 mask", "divide the target by 255"
    elif "0 to 1" in words and values.abs().eq(1).all():
        cause, remedy = "these look like −1/+1 labels", "pass (target + 1) / 2"
    elif words == "−1 or +1" and ((values == 0) | (values == 1)).all():
        cause, remedy = "these look like 0/1 labels", "pass 2 * target - 1"
    elif "0 or more" in words and name == "target" and _may_be_logarithms(values):
        cause, remedy = "these look like logarithms", "pass log_target=True"
    got = (
        f"{count} of {values.numel()} values are not, the first {value:g} at {format_index(first)}"
    )
    return sentence(f"{name} must hold {words} everywhere", got, cause, remedy)


def _may_be_logarithms(values: Tensor) -> bool:
    return bool((values <= 0).all() and (values != values.round()).any())


def wrong_labels(labels: Tensor, invalid: Tensor, classes: int, ignored: int) -> str:
    """Describe how many labels are out of range, the first of them, and the likely cause."""
    first = tuple(invalid.nonzero()[0].tolist())
    values = labels[labels != ignored]
    low, high = int(values.min()), int(values.max())
    cause = remedy = ""
    if low == 1 and high == classes:
        cause, remedy = f"the labels look 1-based (1..{classes})", "subtract 1"
    elif high == 255 or low == -1:
        stray = 255 if high == 255 else -1
        cause, remedy = f"{stray} often marks what to ignore", f"pass ignore_index={stray}"
    got = (
        f"target has {int(invalid.sum())} of {labels.numel()} values outside "
        f"(smallest {low}, largest {high}), the first {labels[first].item()} "
        f"at {format_index(first)}"
    )
    return sentence(
        f"labels must lie in [0, {classes - 1}] for {classes} classes", got, cause, remedy
    )


def listed(names: list[Any], most: int = 8) -> str:
    """Write names one after the other, the first few of them."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
