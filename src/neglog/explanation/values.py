"""The user's numbers by name, and examples where there are none."""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from neglog.errors import listed, sentence
from neglog.errors.declaring import ExampleValueError
from neglog.explanation import arguments
from neglog.explanation.arguments import Given
from neglog.likelihood import Likelihood
from neglog.support import Support, unit_interval

_COUNT = 4
_REAL = (0.3, -0.6, 1.2, 0.1)
_NUMBERS = (_REAL, (0.5, 2.0, 1.5, 3.0), (-0.5, -2.0, -1.5, -3.0), (0.3, 0.8, 0.5, 0.1))
_SETTINGS = (0.5, 2.0, 1.5, 1.0, 0.25)
_GIVEN = (1.0, 5.0, 0.5)
_ROUNDED = 0.005  # by which the sum of probabilities may differ from 1
_FLOOR = 1e-6  # `eps` is a floor, which should not matter in an example


@dataclass(frozen=True)
class Values:
    """A value of each argument of a declaration's `nll`.

    Attributes:
        columns: a number per sample for each input, given tensor and the target, by name.
        settings: the numbers of the settings, by name.
        custom: whether the user passed the columns.
    """

    columns: dict[str, list[float]]
    settings: dict[str, float]
    custom: bool

    def samples(self, likelihood: type[Likelihood]) -> list[tuple[float, ...]]:
        """Return the arguments of `nll` of each sample."""
        count = len(self.columns["y"])
        fixed = [[value] * count for value in self.settings.values()]
        free = [self.columns[name] for name in (*likelihood.inputs, *likelihood.given)]
        return list(zip(*free, *fixed, self.columns["y"], strict=True))


def by_name(texts: Sequence[str]) -> dict[str, str]:
    """Split texts such as ``location=0.3``."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            expected = "values are passed as name=value, such as y=1"
            raise ExampleValueError(sentence(expected, f"one is {text!r}"))
        if name.strip() in found:
            expected = "each value must be passed once"
            raise ExampleValueError(sentence(expected, f"{name.strip()} is passed twice"))
        found[name.strip()] = value
    return found


def named(
    likelihood: type[Likelihood], z: Given, y: Given, values: Mapping[str, Given]
) -> dict[str, Given]:
    """Return all values by the names of the declaration: z is its input, if it has one."""
    names = (*likelihood.inputs, *likelihood.given, *likelihood.settings, "y")
    found = dict(values)
    if "p" in found and "p" not in names:
        found |= probabilities(likelihood, found.pop("p"), z)
    output = likelihood.inputs[0] if len(likelihood.inputs) == 1 else "z"
    for name, short, value in ((output, "z", z), ("y", "y", y)):
        if value is not None and name in found:
            got = f"{name} is passed as {name}= and as --{short}"
            raise ExampleValueError(sentence("each value must be passed once", got))
        if value is not None:
            found[name] = value
    for name in found:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            meant = f"; did you mean {close[0]}" if close else ""
            expected = f"{likelihood.__name__} takes values of {listed(list(names), 20)}"
            raise ExampleValueError(sentence(expected, f"{name!r} is passed{meant}"))
    _complete(likelihood, names, found)
    return found


def probabilities(likelihood: type[Likelihood], p: Given, z: Given) -> dict[str, Given]:
    """Return the model output with given probabilities: of label 1, or of the classes in rows.

    Raises:
        ArgumentError: the likelihood has no probabilities, they are not between 0 and 1, or the
            model output is passed too.
    """
    if z is not None:
        raise ExampleValueError(sentence("pass z or p", "both are passed"))
    output = likelihood.inputs[0]
    if not likelihood.elementwise:
        rows = arguments.rows(p, "p")
        for place, row in enumerate(rows):
            _check_probabilities(row)
            if abs(math.fsum(row) - 1) > _ROUNDED:
                got = f"row {place + 1} sums to {math.fsum(row):.4g}"
                raise ExampleValueError(sentence("every row of p must sum to 1", got))
        return {output: [[math.log(each) for each in row] for row in rows]}
    numbers = arguments.numbers("p", _as_list(p))
    _check_probabilities(numbers)
    if likelihood.inputs == ("logit",):
        return {output: [math.log(each) - math.log1p(-each) for each in numbers]}
    if len(likelihood.inputs) == 1 and likelihood.domains[0] is unit_interval:
        return {output: numbers}
    expected = "p, the probabilities, requires a likelihood of labels"
    raise ExampleValueError(sentence(expected, f"{likelihood.__name__} has none"))


def _check_probabilities(numbers: Sequence[float]) -> None:
    for number in numbers:
        if not 0 < number < 1:
            got, cause = f"one is {number:g}", "at 0 and 1 the logit is infinite"
            raise ExampleValueError(sentence("every p must be between 0 and 1", got, cause))


def _complete(
    likelihood: type[Likelihood], names: Sequence[str], found: Mapping[str, Given]
) -> None:
    """Require all values if there is one of a sample."""
    if all(name in likelihood.settings for name in found):
        return
    missing = [name for name in names if name not in found]
    if missing:
        expected = f"{likelihood.__name__} requires values of {listed(list(names), 20)}"
        verb = "is" if len(missing) == 1 else "are"
        remedy = f"pass {' '.join(f'{name}=…' for name in missing)} too"
        got = f"{listed(missing, 20)} {verb} missing"
        raise ExampleValueError(sentence(expected, got, remedy=remedy))


def settings(likelihood: type[Likelihood], found: Mapping[str, Given]) -> dict[str, float]:
    """Return the settings that were passed, each of which is one number."""
    passed = [name for name in likelihood.settings if name in found]
    return {name: one_number(name, found[name]) for name in passed}


def one_number(name: str, value: Given) -> float:
    """Return the value of a setting."""
    numbers = arguments.numbers(name, _as_list(value))
    if len(numbers) != 1:
        got = f"{len(numbers)} are passed"
        raise ExampleValueError(sentence(f"{name} must be one number for all samples", got))
    return numbers[0]


def of_elements(likelihood: type[Likelihood], found: Mapping[str, Given]) -> Values:
    """Return the user's values of an elementwise declaration, completed by examples.

    Raises:
        ArgumentError: a value is not a number.
        ShapeError: the numbers of values differ.
        SupportError: a value lies outside its set.
    """
    fixed = settings(likelihood, found)
    if "y" not in found:
        return example(likelihood, fixed)
    names = (*likelihood.inputs, *likelihood.given, "y")
    columns = {name: arguments.numbers(name, _as_list(found[name])) for name in names}
    count = max(map(len, columns.values()))
    for name, column in columns.items():
        if len(column) not in (1, count):
            expected = f"each value must hold one number, or {count} for {count} samples"
            raise ExampleValueError(sentence(expected, f"{name} holds {len(column)}"))
    columns = {name: c * count if len(c) == 1 else c for name, c in columns.items()}
    sets = {
        **dict(zip(likelihood.inputs, likelihood.domains, strict=True)),
        "y": likelihood.support,
    }
    for name, allowed in sets.items():
        _check(name, columns[name], allowed)
    return Values(columns, fixed, custom=True)


def _as_list(value: Given) -> Given:
    return [value] if isinstance(value, (int, float)) else value


def _check(name: str, column: Sequence[float], allowed: Support) -> None:
    for place, value in enumerate(column):
        if not allowed.contains(value):
            got = f"number {place + 1} of {len(column)} is {value:g}"
            raise ExampleValueError(sentence(f"every {name} must be {allowed.words}", got))


def example(likelihood: type[Likelihood], fixed: Mapping[str, float]) -> Values:
    """Return samples at which the loss and its derivatives are finite."""
    columns = {
        name: _spread(_typical(domain), place)
        for place, (name, domain) in enumerate(
            zip(likelihood.inputs, likelihood.domains, strict=True)
        )
    }
    columns |= {name: [1.0] * _COUNT for name in likelihood.given}
    columns["y"] = _spread(_typical(likelihood.support), len(likelihood.inputs))
    first = Values(columns, example_settings(likelihood, fixed), custom=False)
    for attempt in _attempts(likelihood, first, fixed):
        if is_finite(likelihood, attempt.samples(likelihood)):
            return attempt
    return first


def example_settings(likelihood: type[Likelihood], fixed: Mapping[str, float]) -> dict[str, float]:
    """Return a number for each setting, those that are fixed included."""
    usual = {name: _FLOOR if name == "eps" else _SETTINGS[0] for name in likelihood.settings}
    return {**usual, **fixed}


def _attempts(
    likelihood: type[Likelihood], first: Values, fixed: Mapping[str, float]
) -> Iterator[Values]:
    free = [name for name in likelihood.settings if name not in fixed and name != "eps"]
    for given in _GIVEN:
        columns = first.columns | {name: [given] * _COUNT for name in likelihood.given}
        for numbers in itertools.product(_SETTINGS, repeat=len(free)):
            chosen = first.settings | dict(zip(free, numbers, strict=True))
            yield replace(first, columns=columns, settings=chosen)


def is_finite(likelihood: type[Likelihood], samples: Sequence[tuple[float, ...]]) -> bool:
    """Return whether the loss, its constant and its derivatives are finite."""
    columns = [torch.tensor(column, dtype=torch.float64) for column in zip(*samples, strict=True)]
    count = len(likelihood.settings) + 1
    results: list[Any] = [likelihood.nll(*columns), likelihood.constant(*columns[-count:])]
    slopes: Any = likelihood.grad(*columns)
    results += slopes if isinstance(slopes, tuple) else [slopes]
    return all(bool(torch.as_tensor(result).isfinite().all()) for result in results)


def _typical(allowed: Support) -> list[float]:
    """Return numbers of a set."""
    if isinstance(allowed.points, tuple):
        return list(itertools.islice(itertools.cycle(reversed(allowed.points)), _COUNT))
    if allowed.points == "integers" and allowed.contains(0.0):
        return [2.0, 0.0, 1.0, 4.0]
    for numbers in _NUMBERS:
        if all(allowed.contains(number) for number in numbers):
            return list(numbers)
    inside = [m for m in allowed.members if math.isfinite(m) and abs(m) < 1e6]
    return list(itertools.islice(itertools.cycle(inside), _COUNT))


def _spread(numbers: list[float], place: int) -> list[float]:
    """Return numbers for an input that differ from those of the inputs before it."""
    if numbers == list(_REAL):
        return [number + 0.7 * place for number in numbers]
    return numbers[place % _COUNT :] + numbers[: place % _COUNT]
