"""The pages of losses of several tensors: `neglog explain cox_ph_loss`."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from neglog import criteria, functional
from neglog.errors import listed, sentence
from neglog.errors.declaring import ExampleValueError
from neglog.explanation import arguments, pictures, steps
from neglog.explanation.arguments import Given
from neglog.explanation.lessons import LESSONS, Lesson, layer
from neglog.explanation.values import one_number
from neglog.finding import without_module
from neglog.report.document import Code, Document, Part, Section, Table, Text, number
from neglog.translation import gettext as _
from neglog.translation import joined

_LARGEST = 1e-6  # relative difference of two float64 formulas, of which one loses digits


def lesson_of(name: Any) -> Lesson | None:
    """Return the explanation of a function or a module by its name; None if it has none."""
    if not isinstance(name, str):
        return None
    known = {_plain(function): lesson for function, lesson in LESSONS.items()}
    for module in criteria.__all__:
        found = getattr(getattr(criteria, module), "_function", None)
        if found is not None and found.__name__ in LESSONS:
            known[_plain(module)] = LESSONS[found.__name__]
    known |= {spelling.removesuffix("loss"): lesson for spelling, lesson in known.items()}
    return known.get(_plain(without_module(name)))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def document(lesson: Lesson, given: Mapping[str, Given]) -> Document:
    """Explain a loss on the user's numbers, or on its example.

    Raises:
        ArgumentError: a value is missing, unknown or not a number.
        ShapeError: a value has not as many dimensions as the example's.
    """
    options = _options(lesson, given)
    numbers = {name: value for name, value in given.items() if name not in options}
    tensors = _tensors(lesson, numbers)
    first = next(iter(tensors))
    found, slope = _computed(lesson, tensors, options)
    expected, expected_slope = _by_textbook(lesson, tensors, options)
    sections = [
        steps.training_flow(f"{first} = f(X, w)"),
        Section(_("The model"), [Text(_(lesson.model))]),
        _likelihood(lesson),
        _derivative(lesson, first),
        Section(
            _("The numbers"),
            [_whose(tensors, options, bool(numbers)), *_tables(lesson, tensors, found, slope)],
        ),
        pictures.of_tensors(
            lambda moved: _textbook(lesson, {**tensors, first: moved}.values(), options),
            tensors[first], first, lesson.is_likelihood,
        ),
        _computed_form(lesson, [
            _verdict(_("loss"), found, expected),
            _verdict(_("derivative"), slope, expected_slope),
        ]),
    ]  # fmt: skip
    title = _("{name}: a likelihood") if lesson.is_likelihood else _("{name}: a score")
    return Document(title.format(name=lesson.function), _(lesson.model), sections)


def _likelihood(lesson: Lesson) -> Section:
    """State the probability of the targets, its logarithm, and the loss."""
    parts: list[Part] = [Text(_(lesson.likelihood))]
    if lesson.is_likelihood:
        parts.append(Text(_(
            "Maximum likelihood: these targets were observed, so take the weights at which P is "
            "largest. The logarithm rises with P and turns products into sums, "
            "ln(a·b) = ln a + ln b; optimizers minimise, so its sign is reversed: the loss is "
            "−ln P."
        )))  # fmt: skip
    else:
        parts.append(Text(_(
            "So there is no logarithm to take, and this page begins with the loss."
        )))  # fmt: skip
    return Section(_("From the likelihood to the loss"), [*parts, _source(lesson.loss)])


def _derivative(lesson: Lesson, first: str) -> Section:
    words = _("By {name}; autograd computes those by other tensors.").format(name=first)
    code = [_source(lesson.slope)] if lesson.slope is not None else []
    return Section(_("The derivative"), [Text(words), *code])


def _computed_form(lesson: Lesson, verdicts: list[Text]) -> Section:
    return Section(
        _("The computed form"),
        [
            Text(_("The code that runs, which avoids overflow and cancellation:")),
            _source(_call(lesson)),
            Text(_("Compared with the formulas above, on these numbers in float64:")),
            *verdicts,
        ],
    )


def _whose(tensors: Mapping[str, Tensor], options: Mapping[str, Any], custom: bool) -> Text:
    """Say whose numbers these are."""
    names = " ".join(f"{name}=…" for name in tensors)
    example = _("These numbers are an example; pass your own: {names}.").format(names=names)
    words = _("Your numbers.") if custom else example
    if options:
        settings = ", ".join(f"{name} = {value}" for name, value in options.items())
        words = joined(words, _("With {settings}.").format(settings=settings))
    return Text(words)


def _call(lesson: Lesson) -> Callable[..., Any]:
    """Return neglog's function, or the method of its layer."""
    found: Callable[..., Any] = getattr(
        functional, lesson.function, criteria.AdaptiveLogSoftmaxWithLoss.forward
    )
    source: Callable[..., Any] = inspect.unwrap(found)
    return source


def _choices(lesson: Lesson) -> dict[str, Any]:
    """Return the options that a reader may choose, and their defaults."""
    parameters = inspect.signature(lesson.loss).parameters.values()
    return {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}


def _options(lesson: Lesson, given: Mapping[str, Given]) -> dict[str, Any]:
    """Return the options among the values, each of the kind of its default."""
    found: dict[str, Any] = {}
    for name, default in _choices(lesson).items():
        if name in given and isinstance(default, str):
            found[name] = given[name]
        elif name in given:
            value = one_number(name, given[name])
            found[name] = int(value) if isinstance(default, int) and value % 1 == 0 else value
    return found


def _tensors(lesson: Lesson, given: Mapping[str, Given]) -> dict[str, Tensor]:
    """Return the tensors by name; whole numbers in the example are integers."""
    names = list(lesson.example)
    for name in given:
        if name not in names:
            expected = (
                f"{lesson.function} takes values of {listed([*names, *_choices(lesson)], 20)}"
            )
            raise ExampleValueError(sentence(expected, f"{name!r} is passed"))
    missing = [name for name in names if name not in given]
    if given and missing:
        expected = f"{lesson.function} requires values of {listed(names, 20)}"
        remedy = f"pass {' '.join(f'{name}=…' for name in missing)} too"
        raise ExampleValueError(sentence(expected, f"{listed(missing, 20)} missing", remedy=remedy))
    found = {}
    for name, example in lesson.example.items():
        like = torch.as_tensor(example)
        like = like.double() if like.is_floating_point() else like
        found[name] = _parsed(name, given[name], like) if given else like
    return found


def _parsed(name: str, value: Given, like: Tensor) -> Tensor:
    """Return the user's numbers: semicolons separate rows, commas numbers."""
    if isinstance(value, str):
        rows = [arguments.numbers(name, row) for row in value.split(";")]
        tensor = torch.tensor(rows) if len({*map(len, rows)}) == 1 else None
    else:
        tensor = torch.as_tensor(value)
    if tensor is None:
        expected = f"every row of {name} must hold the same number of values"
        raise ExampleValueError(sentence(expected, f"the rows hold {listed([*map(len, rows)])}"))
    if isinstance(value, str) and len(tensor) == 1:
        tensor = tensor.reshape(tensor.shape if like.dim() == 2 else -1)
        tensor = tensor.squeeze() if like.dim() == 0 else tensor
    if tensor.dim() != like.dim():
        expected = f"{name} must have {like.dim()} dimensions, such as {like.tolist()}"
        raise ExampleValueError(sentence(expected, f"it has {tensor.dim()}"))
    return tensor.to(like.dtype)


def _computed(
    lesson: Lesson, tensors: Mapping[str, Tensor], options: Mapping[str, Any]
) -> tuple[Tensor, Tensor]:
    """Return neglog's sum of the losses, and its derivative by the first tensor."""
    first, *others = tensors.values()
    leaf = first.clone().requires_grad_()
    if hasattr(functional, lesson.function):
        loss = getattr(functional, lesson.function)(
            leaf, *others, reduction="sum", **lesson.options, **options
        )
    else:
        loss = layer()(leaf, *others).loss * len(leaf)
    return loss.detach(), torch.autograd.grad(loss, leaf)[0]


def _by_textbook(
    lesson: Lesson, tensors: Mapping[str, Tensor], options: Mapping[str, Any]
) -> tuple[Tensor, Tensor]:
    first, *others = tensors.values()
    leaf = first.clone().requires_grad_()
    loss = _textbook(lesson, [leaf, *others], options)
    if lesson.slope is None:
        return loss.detach(), torch.autograd.grad(loss, leaf)[0]
    return loss.detach(), lesson.slope(first, *others, **options)


def _textbook(lesson: Lesson, tensors: Iterable[Tensor], options: Mapping[str, Any]) -> Tensor:
    """Return the textbook's sum of the losses."""
    before = () if hasattr(functional, lesson.function) else (layer(),)
    loss: Tensor = lesson.loss(*before, *tensors, **options)
    return loss


def _verdict(what: str, found: Tensor, expected: Tensor) -> Text:
    """Say whether two results are equal up to rounding."""
    equal = torch.allclose(found, expected, rtol=_LARGEST, atol=_LARGEST)
    words = _("equal up to rounding") if equal else _("DIFFERENT")
    return steps.judged(what, words, equal)


def _tables(
    lesson: Lesson, tensors: Mapping[str, Tensor], loss: Tensor, slope: Tensor
) -> list[Table]:
    first = next(iter(tensors))
    name = _("loss (nats)") if lesson.is_likelihood else _("loss")
    totals = [[name, number(loss.item())]]
    if lesson.is_likelihood:
        totals += [["ln P", number(-loss.item())], ["P", number((-loss).exp().item())]]
    rows = [[name, _numbers(tensor)] for name, tensor in tensors.items()]
    rows.append([f"∂/∂{first}", _numbers(slope)])
    caption = _("The sum over all samples. Semicolons separate rows.")
    return [
        Table([_("tensor"), _("numbers")], rows),
        Table([_("sum"), _("value")], totals, caption=caption),
    ]


def _numbers(tensor: Tensor) -> str:
    rows = tensor.reshape(1, -1) if tensor.dim() < 2 else tensor
    return "; ".join(", ".join(number(v) for v in row) for row in rows.tolist())


def _source(function: Callable[..., Any]) -> Code:
    """Return the source of a function without its decorators and its docstring."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    found = ast.parse("\n".join(lines)).body[0]
    assert isinstance(found, ast.FunctionDef)
    doc = found.body[0]
    kept = lines[found.lineno - 1 : doc.lineno - 1] + lines[doc.end_lineno :]
    return Code("\n".join(kept))
