"""The data that rules about one batch read: tensors, loss, and derived facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from neglog import validation
from neglog.checking import evaluate, lineage
from neglog.checking.criterion import LABELS, SOFTMAX, Criterion
from neglog.checking.evaluate import Outcome
from neglog.checking.plain import plain
from neglog.errors import NeglogError, sentence, shape

# Operators that move or copy values and change none.
_COPY_OPERATORS: tuple[str, ...] = (
    "View",
    "UnsafeView",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Slice",
    "Select",
    "Clone",
)
_COPY_OPERATORS += ("Alias", "Expand", "ToCopy", "Transpose", "Permute", "T", "Flatten")
_PERMUTE_OPERATORS = ("Transpose", "Permute", "T")
# What makes of logits the input of losses that take none.
_LINKS = {"nll_loss": "LogSoftmax", "kl_div": "LogSoftmax", "binary_cross_entropy": "Sigmoid"}


@dataclass(frozen=True)
class Origin:
    """The last operator that made a tensor, as autograd recorded it; "" where it did not.

    Attributes:
        operator: its name, such as "Softmax" or "Addmm".
        permuted: whether dimensions were permuted after it.
        before: the operator before it.
        permuted_before: whether dimensions were permuted between the two.
    """

    operator: str = ""
    permuted: bool = False
    before: str = ""
    permuted_before: bool = False


@dataclass(frozen=True)
class Lineage:
    """Further facts from the graph of a loss's arguments; see `neglog.checking.lineage`.

    Attributes:
        view: a view that mixes classes with positions, in words.
        of_convolution: whether a convolution made what it views.
        target: how the target depends on parameters.
    """

    view: str = ""
    of_convolution: bool = False
    target: str = ""


def origin(tensor: Tensor) -> Origin:
    """Read from the graph which operator made a tensor.

    >>> found = origin(torch.ones(2, 3, requires_grad=True).softmax(1).transpose(0, 1))
    >>> found.operator, found.permuted, found.before
    ('Softmax', True, 'AccumulateGrad')
    """
    operator, node, permuted = _step(tensor.grad_fn)
    before, _, permuted_before = _step(node)
    return Origin(operator, permuted, before, permuted_before)


def _step(node: Any) -> tuple[str, Any, bool]:
    """Walk over moves to the operator before them; return it, its own source, and any turn."""
    permuted = False
    while node is not None:
        name = lineage.name_of(node)
        source = node.next_functions[0][0] if node.next_functions else None
        if name == "Hardtanh" and max(-node._saved_min_val, node._saved_max_val) > 1:
            # Limits that leave room for logits, or those of ReLU6.
            name = "Relu" if node._saved_min_val == 0 else "Clamp"
        if name not in _COPY_OPERATORS:
            return name, source, permuted
        permuted = permuted or name in _PERMUTE_OPERATORS
        node = source
    return "", None, permuted


@dataclass(eq=False)
class CheckedBatch:
    """The data that rules read.

    Attributes:
        criterion: the loss.
        input: the model output, detached.
        target: the target, detached.
        more: further tensors of the call, such as the variance.
        origin: the operator that made the input.
        has_graph: whether input and target require a gradient.
        read: what else the graph says of both.
        is_structure: whether only the outcome can be looked at, the arguments being no tensors.
        is_inner: whether another criterion computes this loss inside.
        extras: the options of the call that were taken out of the criterion, as given.
        given_reduction: the reduction, as given.
    """

    criterion: Criterion
    input: Tensor
    target: Tensor
    more: tuple[Any, ...] = ()
    origin: Origin = Origin()
    has_graph: tuple[bool, bool] = (False, False)
    read: Lineage = Lineage()
    is_structure: bool = False
    is_inner: bool = False
    extras: Mapping[str, Any] = field(default_factory=dict)
    given_reduction: str = "unknown"

    @cached_property
    def outcome(self) -> Outcome:
        """The loss and its gradient by the input, or the exception."""
        return evaluate.outcome(self.criterion, self.input, self.target, self.more)

    @cached_property
    def wide(self) -> Outcome:
        """The same in float64."""
        tensors = (self.input, self.target, *self.more)
        wide = [
            t.double() if isinstance(t, Tensor) and t.is_floating_point() else t for t in tensors
        ]
        return evaluate.outcome(self.criterion.wide(), wide[0], wide[1], tuple(wide[2:]))

    @cached_property
    def refusal(self) -> NeglogError | None:
        """The error of neglog's loss of the same name for these arguments."""
        call = replace(self.criterion, call=self.criterion.of_neglog())
        try:
            with torch.no_grad():
                call(self.input, self.target, *self.more)
        except NeglogError as fault:
            return fault
        except (TypeError, ValueError, RuntimeError, IndexError):  # the call itself will say it
            return None
        return None

    @property
    def wide_gradient(self) -> Tensor | None:
        """The gradient in float64, for a batch in half precision."""
        half_precision = (torch.float16, torch.bfloat16)
        return self.wide.gradient if self.input.dtype in half_precision else None

    @property
    def activation(self) -> str:
        """The operator before the link: before the loss, or before a softmax that it requires."""
        link = _LINKS.get(self.criterion.kind)
        if link is None:
            return self.origin.operator
        return self.origin.before if self.origin.operator == link else ""

    @property
    def loss(self) -> float:
        """The loss as one number, NaN if there is none."""
        loss = self.outcome.loss
        if loss is None or not loss.numel():
            return float("nan")
        return float(loss.double().mean())

    @property
    def is_part(self) -> bool:
        """Whether another criterion may drop some of these losses afterwards."""
        return self.is_inner and self.criterion.reduction == "none"

    @property
    def class_dim(self) -> int:
        """The dimension in which torch looks for the classes."""
        return 0 if self.input.dim() == 1 else 1

    @property
    def classes(self) -> int:
        """The size of that dimension."""
        return int(self.input.shape[self.class_dim])

    @property
    def ignored_label(self) -> int:
        """The label to ignore."""
        return int(self.criterion.options.get("ignore_index", -100))

    @cached_property
    def soft(self) -> bool:
        """Whether the target is a row of class probabilities."""
        return (
            self.criterion.kind in SOFTMAX
            and self.target.is_floating_point()
            and self.target.shape == self.input.shape
        )

    @cached_property
    def label_fault(self) -> str:
        """The error of neglog's losses if the labels do not match the logits, else ""."""
        if self.input.dim() == self.target.dim() == 1 and not self.soft:
            if self.target.numel() == 1:
                return ""  # as torch has it
            got = f"target is {shape(self.target)}"
            return sentence(f"for input {shape(self.input)} there is one label", got)
        try:
            validation.logits(self.input, single_class=True)
            if not self.soft:
                validation.labels(self.input, self.target)
        except NeglogError as fault:
            return str(fault)
        return ""

    @cached_property
    def has_rows(self) -> bool:
        """Whether this is a loss of rows over classes, whose shapes fit and hold something."""
        known = self.criterion.kind in LABELS and self.input.dim() > 0 and self.input.numel() > 0
        return known and not self.label_fault

    @cached_property
    def included(self) -> Tensor:
        """Which rows count: those whose label is not ignored."""
        if self.soft:
            shape = self.input.shape[:1] + self.input.shape[2:]
            return torch.ones(shape if self.input.dim() > 1 else (1,), dtype=torch.bool).reshape(-1)
        return (self.target != self.ignored_label).reshape(-1)

    @cached_property
    def rows(self) -> Tensor:
        """The rows that count, (R, C), in float32 or wider."""
        rows = self.over_classes(self.input)
        if bool(self.included.all()):
            return rows  # no copy: there may be many
        return rows[self.included.to(rows.device)]

    @cached_property
    def labels(self) -> Tensor:
        """The labels that count."""
        return self.target.reshape(-1)[self.included.to(self.target.device)].long()

    @property
    def precise(self) -> Tensor:
        """The input in float32 or wider."""
        return self.input if self.input.dtype == torch.float64 else self.input.float()

    def over_classes(self, tensor: Tensor) -> Tensor:
        """Lay the classes out as the last of two dimensions."""
        wide = tensor if tensor.dtype == torch.float64 else tensor.float()
        if wide.dim() == 1:
            return wide[None]
        return wide.movedim(1, -1).reshape(-1, wide.shape[1])

    @property
    def slack(self) -> float:
        """How far sums of rounded probabilities may be from 1."""
        floating = [t.dtype for t in (self.input, self.target) if t.is_floating_point()]
        return 1e-3 + 8 * max((torch.finfo(dtype).eps for dtype in floating), default=0.0)


def batch_of(
    criterion: Criterion, input: Tensor, target: Tensor, more: tuple[Any, ...] = ()
) -> CheckedBatch:
    """Return a batch in torch's conventions, its tensors detached and their graph read."""
    others = tuple(m.detach() if isinstance(m, Tensor) else m for m in more)
    view, of_convolution = lineage.mixing_view(input)
    read = Lineage(view, of_convolution, lineage.follows(input, target))
    graph = (input.requires_grad, target.requires_grad)
    detached, tensors = plain(criterion, input.detach(), target.detach(), others)
    batch = CheckedBatch(detached, *tensors, origin(input), graph, read)
    batch.extras, batch.given_reduction = criterion.options, criterion.reduction
    return batch


def first(mask: Tensor) -> str:
    """Describe the position of the first True element.

    >>> first(torch.tensor([[False, False], [False, True]]))
    'index (1, 1)'
    """
    places = mask.nonzero()
    if not len(places):
        return "no index"
    place = tuple(places[0].tolist())
    return f"index {place[0]}" if len(place) == 1 else f"index {place}" if place else "the scalar"


def describe_fraction(mask: Tensor) -> str:
    """Describe the number of True elements, and the first position.

    >>> describe_fraction(torch.tensor([False, True, True]))
    '2 of 3, the first at index 1'
    """
    return f"{int(mask.sum())} of {mask.numel()}, the first at {first(mask)}"


def looks_probable(tensor: Tensor, dim: int, slack: float) -> bool:
    """Return whether the values are probabilities that sum to 1 over a dimension."""
    if tensor.shape[dim] < 2 or not tensor.numel():
        return False
    least, most = tensor.aminmax()
    if not 0 <= float(least) <= float(most) <= 1 + slack:
        return False
    return bool(((tensor.sum(dim) - 1).abs() <= slack).all())


def is_log_normalised(tensor: Tensor, dim: int, slack: float) -> bool:
    """Return whether the values are log-probabilities, normalised over a dimension."""
    return bool((tensor.logsumexp(dim).abs() <= slack).all())


def readings(tensor: Tensor) -> list[tuple[Tensor, int]]:
    """Return every dimension over which a tensor may be a distribution, and all trailing ones.

    >>> [(tuple(t.shape), dim) for t, dim in readings(torch.zeros(2, 3, 4))]
    [((2, 3, 4), 0), ((2, 3, 4), 1), ((2, 3, 4), 2), ((24,), -1), ((2, 12), -1)]
    """
    each = [(tensor, dim) for dim in range(tensor.dim())]
    return each + [(tensor.flatten(start), -1) for start in range(tensor.dim() - 1)]
