"""Possible calls of a model and a criterion with what a loader yields."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from neglog.checking.structures import fields
from neglog.errors import sentence
from neglog.errors.arguments import SetupError

_TARGETS = ("labels", "label", "targets", "target", "y", "ys", "mask", "masks")
_TRUTHS = (*_TARGETS, "y_true", "true", "truth", "gt", "tgt")
_TRUTHS_FIRST = ("y_true", "true", "truth", "gt", "target", "targets", "label", "labels")
INPUTS: tuple[str, ...] = (
    "x",
    "input",
    "inputs",
    "input_ids",
    "image",
    "images",
    "features",
    "pixel_values",
)
INPUTS += ("data", "src", "tokens", "img", "imgs")


@dataclass(frozen=True)
class CallPlan:
    """One way to call the model, and the arguments of the criterion in addition to the output.

    Attributes:
        arguments: the positional arguments of the model.
        named: what the model gets by keyword.
        target: the criterion's second argument.
        item: the whole entry of the loader, where a criterion may take that instead.
    """

    arguments: tuple[Any, ...]
    named: Mapping[str, Any]
    target: Any
    item: Any = None


class Call:
    """The known parameters of a callable."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._signature: inspect.Signature | None = None
        try:
            self._signature = inspect.signature(call)
        except (TypeError, ValueError, AttributeError):  # made in C, or scripted
            return

    def binds(self, *arguments: Any, **named: Any) -> bool:
        """Return True if these arguments match the signature."""
        try:
            return self._signature is None or bool(self._signature.bind(*arguments, **named))
        except TypeError:
            return False

    @property
    def names(self) -> list[str]:
        """The parameters that can be passed by keyword."""
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return [p.name for p in self._parameters() if p.kind in kinds]

    @property
    def required(self) -> int:
        """The number of required positional arguments."""
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
        return sum(p.kind in kinds and p.default is p.empty for p in self._parameters())

    def _parameters(self) -> list[inspect.Parameter]:
        return [] if self._signature is None else list(self._signature.parameters.values())


def plans(model: nn.Module, item: Any) -> list[CallPlan]:
    """Return the calls that match the model's signature, the most likely first.

    Raises:
        ArgumentError: the loader does not yield batches.
    """
    forward = Call(model.forward)
    found = list(_all(forward, item))
    fitting = [p for p in found if forward.binds(*p.arguments, **p.named)]
    return fitting or found[:1]


def _all(forward: Call, item: Any) -> Iterator[CallPlan]:
    named = fields(item)
    plain = isinstance(item, (tuple, list)) and not any(name in named for name in _TARGETS)
    if isinstance(item, Tensor):
        yield CallPlan((item,), {}, None)
    elif plain:
        yield from _of_sequence(forward, list(item))
    elif named:
        yield from _of_names(forward, item, named)
    else:
        kind = type(item).__name__
        expected = "loader must yield pairs (x, y)"
        got, remedy = f"its first batch is {kind}", "wrap it so that it does"
        raise SetupError(sentence(expected, got, remedy=remedy))


def _of_sequence(forward: Call, parts: list[Any]) -> Iterator[CallPlan]:
    if len(parts) < 2:
        for x in parts:
            yield from _of_pair(forward, x, None)
        return
    count = forward.required
    if len(parts) > 2 and count > 1:
        rest = parts[count:] or parts[-1:]
        yield CallPlan(tuple(parts[:count]), {}, rest[0] if len(rest) == 1 else tuple(rest))
    yield from _of_pair(forward, parts[0], parts[1])
    if len(parts) > 2:
        yield CallPlan((parts[0],), {}, tuple(parts[1:]))
        yield CallPlan(tuple(parts[:-1]), {}, parts[-1])


def _of_pair(forward: Call, x: Any, y: Any) -> Iterator[CallPlan]:
    whole, several = CallPlan((x,), {}, y), []
    if isinstance(x, (tuple, list)):
        several.append(CallPlan(tuple(x), {}, y))
    elif isinstance(x, Mapping) and all(isinstance(key, str) for key in x):
        several.append(CallPlan((), x, y))
    one = forward.required == 1 and not (isinstance(x, Mapping) and forward.names[:1] == [*x])
    yield from (whole, *several) if one else (*several, whole)
    yield CallPlan((x, y), {}, y)  # with the target, as for teacher forcing


def _of_names(forward: Call, item: Any, named: dict[str, Any]) -> Iterator[CallPlan]:
    label = next((name for name in _TARGETS if name in named), None)
    taken = {name: named[name] for name in forward.names if name in named}
    rest = {name: part for name, part in named.items() if name != label}

    def target(*used: str) -> Any:
        """Return the part named as a target, or else the parts the model does not take."""
        unused = [part for name, part in named.items() if name not in used]
        return named[label] if label else unused[0] if used and len(unused) == 1 else item

    if taken:
        yield CallPlan((), taken, target(*taken), item)
    if len(rest) == 1:
        yield CallPlan(tuple(rest.values()), {}, target(*rest), item)
    yield CallPlan((item,), {}, target(), item)
    for name in sorted(rest, key=lambda name: name not in INPUTS):
        yield CallPlan((rest[name],), {}, target(name), item)
    if isinstance(item, Mapping):
        yield CallPlan((), rest, target(*rest), item)
        yield CallPlan((), named, target(), item)


def of_criterion(criterion: Callable[..., Any], out: Any, plan: CallPlan) -> list[tuple[Any, ...]]:
    """Return the possible arguments of a custom criterion."""
    y = plan.target
    found: list[tuple[Any, ...]] = [(out, y), (out,)]
    if plan.item is not None:
        found.insert(1, (out, plan.item))
    if y is None and len(plan.arguments) == 1:  # an autoencoder's target is its input
        found[:1] = [(out, plan.arguments[0]), (out, y)]
    parts = tuple(out) if isinstance(out, (tuple, list)) else (out,)
    rest = tuple(y) if isinstance(y, (tuple, list)) else (y,)
    found += [(parts[0], y, *parts[1:]), (*parts, y), (*parts, *rest), parts]
    if len(plan.arguments) == 1:  # of an autoencoder whose batches have labels
        found.append((parts[0], plan.arguments[0], *parts[1:]))
    call = Call(criterion.forward if isinstance(criterion, nn.Module) else criterion)
    if call.names[:1] and call.names[0] in _TRUTHS_FIRST:  # as (y_true, y_pred)
        found.insert(0, (y, out))
    named = dict.fromkeys(_TRUTHS, y)
    named |= dict.fromkeys(INPUTS, plan.arguments[0] if len(plan.arguments) == 1 else y)

    def misplaced(arguments: tuple[Any, ...]) -> int:
        """Count the arguments, after the first, that the parameter's name says are another's."""
        pairs = [*zip(call.names, arguments, strict=False)][1:]
        return sum(name in named and part is not named[name] for name, part in pairs)

    return sorted((each for each in found if call.binds(*each)), key=misplaced)
