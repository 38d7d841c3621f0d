"""The structure of all messages: expected, got, likely cause, remedy, and a code.

Every class also derives from the exceptions torch raises for the same fault, so that an
``except`` clause written for ``torch.nn`` keeps working. What is raised is a kind of error, a
subclass with a code; the modules of this package declare the kinds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


class NeglogError(Exception):
    """The base class of neglog's errors.

    Attributes:
        code: the code of a kind of error, such as "NL401", which ends its messages.
        cause: what often leads to the error.
        remedy: what to do.
        example: code that raises the error, run in an empty folder; `torch`, `neglog`, `Path`,
            pandas as `pd` and `neglog.functional` as `F` are imported.
    """

    code = cause = remedy = example = ""

    def __init_subclass__(cls, **stated: str) -> None:
        """Declare a kind of error: its code, cause, remedy and example."""
        super().__init_subclass__()
        for name, text in stated.items():
            setattr(cls, name, text)

    def __str__(self) -> str:
        """Return the message, which ends with the code."""
        message = super().__str__()
        return f"{message} [{self.code}]" if self.code else message


class ArgumentError(NeglogError, TypeError, ValueError, RuntimeError):
    """An invalid argument: a wrong type, a wrong option, a wrong weight."""


class DeclarationError(NeglogError, TypeError):
    """A likelihood whose declaration is incomplete or uses words outside the vocabulary."""


class DtypeError(NeglogError, TypeError, RuntimeError, ValueError):
    """Tensors whose dtypes do not match."""


class FitError(NeglogError, ValueError):
    """A table, an option or a saved model that `fit` or `predict` cannot use."""


class ShapeError(NeglogError, ValueError, RuntimeError):
    """Tensors whose shapes do not match."""


class SupportError(NeglogError, ValueError, IndexError, RuntimeError):
    """A value outside the support or domain of the likelihood."""


class BenchError(
    NeglogError,
    ValueError,
    code="NL604",
    cause="No case contains the text, the file cannot be written, or there is no GPU.",
    remedy="Choose one of the cases that the message lists, or another file.",
    example="from pathlib import Path\n\nfrom neglog.bench import files\n\n"
    'files.check(Path("missing/out.md"))',
):
    """An option that `bench` cannot use, or a subprocess that failed."""


class CheckError(
    NeglogError,
    ValueError,
    code="NL114",
    cause="`neglog.check` was called with `raise_on` and found a mistake.",
    remedy="Apply the fix that the finding states.",
    example="perfect = torch.eye(8)\nneglog.check(\n"
    '    neglog.CrossEntropyLoss(), perfect, torch.arange(8), raise_on="heuristic"\n)',
):
    """`neglog.check` found mistakes, and was asked to raise."""


class DerivativeError(
    NeglogError,
    NotImplementedError,
    code="NL115",
    cause="Losses with a linear layer have first and second derivatives only.",
    remedy="Call the loss of the logits, which torch differentiates to any order.",
    example="x = torch.ones(2, 4, requires_grad=True)\n"
    "loss = F.linear_cross_entropy(x, torch.rand(3, 4), torch.tensor([0, 1]))\n"
    "for _ in range(3):\n"
    "    (slope,) = torch.autograd.grad(loss, x, create_graph=True)\n    loss = slope.sum()",
):
    """A loss does not have a derivative of this order."""


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
