"""The user's numbers, as text or as Python values."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from neglog.errors import sentence
from neglog.errors.declaring import ExampleValueError
from neglog.support import Support

Given = str | Sequence[Any] | None


def numbers(name: str, value: Given) -> list[float]:
    """Parse comma-separated numbers."""
    return [_number(name, part) for part in _parts(value)]


def pairs(z: Given, y: Given, support: Support) -> tuple[list[float], list[float]]:
    """Parse inputs and as many targets, which must lie in the support."""
    inputs, targets = numbers("z", z), numbers("y", y)
    check_lengths(len(inputs), "numbers", len(targets))
    for place, target in enumerate(targets):
        if not support.contains(target):
            got = f"number {place + 1} of {len(targets)} is {target:g}"
            raise ExampleValueError(sentence(f"every y must be {support.words}", got))
    return inputs, targets


def rows(z: Given, name: str = "z") -> list[list[float]]:
    """Parse rows of logits: semicolons separate rows, commas numbers."""
    if isinstance(z, str):
        table = [numbers(name, row) for row in z.split(";")]
    elif z and not isinstance(z[0], (int, float)):
        table = [numbers(name, row) for row in z]
    else:
        table = [numbers(name, z)]
    widths = sorted({len(row) for row in table})
    if len(widths) > 1 or widths[0] < 2:
        expected = f"every row of {name} must hold the same number of logits, at least two"
        got = f"the rows hold {' and '.join(map(str, widths))}"
        remedy = "separate rows by semicolons, as in '2,0,-1; 0,1,3'"
        raise ExampleValueError(sentence(expected, got, remedy=remedy))
    return table


def labels(y: Given, classes: int) -> tuple[list[str], list[int], list[str]]:
    """Read labels; return them, their 0-based codes, and the names of all classes.

    Whole numbers are class numbers, from 0 if a 0 is among them, else from 1; other labels are
    the classes in alphabetical order.
    """
    found = [str(part).strip() for part in _parts(y)]
    if all(re.fullmatch(r"-?[0-9]+", label) for label in found):
        first = min(0 if int(label) == 0 else 1 for label in found)
        names = [str(first + k) for k in range(classes)]
        expected = (
            f"labels must be {names[0]} … {names[-1]}, as there are {classes} logits in a row"
        )
    else:
        names = sorted(set(found))
        expected = f"{classes} logits in a row allow for {classes} different labels"
        if len(names) > classes:
            raise ExampleValueError(
                sentence(expected, f"there are {len(names)}: {', '.join(names)}")
            )
        names += [f"class {k + 1}" for k in range(len(names), classes)]
    invalid = [label for label in found if label not in names]
    if invalid:
        raise ExampleValueError(sentence(expected, f"one is {invalid[0]}"))
    return found, [names.index(label) for label in found], names


def check_lengths(inputs: int, what: str, targets: int, name: str = "z") -> None:
    """Refuse different numbers of inputs and targets."""
    if inputs != targets:
        expected = f"{name} and y must have the same number of samples"
        raise ExampleValueError(
            sentence(expected, f"{name} has {inputs} {what} and y has {targets} values")
        )


def check_both(z: Given, y: Given) -> None:
    """Refuse one without the other."""
    if (z is None) != (y is None):
        given, missing = ("--z", "--y") if y is None else ("--y", "--z")
        expected = "--z (the model output) and --y (the targets) require each other"
        raise ExampleValueError(
            sentence(expected, f"only {given} is given", remedy=f"pass {missing} too")
        )


def _parts(value: Given) -> list[Any]:
    if value is None:
        return []
    return value.split(",") if isinstance(value, str) else list(value)


def _number(name: str, part: Any) -> float:
    try:
        value = float(part)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        expected = f"{name} takes finite numbers with commas between them"
        raise ExampleValueError(sentence(expected, f"one is {str(part).strip()!r}"))
    return value
