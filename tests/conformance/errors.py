"""Checks of wrong calls: where torch raises, an `except` clause for it catches neglog too."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from conformance.cases import Case, errors_of_opinfo, evenly, of_opinfo
from conformance.losses import THEIRS, Library, Loss


def raised(library: Library, case: Case) -> Any:
    """Return "raised" where the call raises what torch is expected to."""
    assert case.error is not None
    try:
        case.call(library)(*case.args, **case.kwargs)
    except case.error:
        return "raised"
    except Exception as error:  # a NeglogError too: nobody's `except` clause has it
        raise AssertionError(f"{type(error).__name__} is no {case.error.__name__}") from error
    raise AssertionError(f"{case.error.__name__} was not raised")


def wrong_calls(loss: Loss) -> list[Case]:
    """Return the calls that torch's OpInfos declare wrong, and torch's samples made wrong."""
    return [*errors_of_opinfo(loss), *_spoilt(loss)]


def _spoilt(loss: Loss) -> Iterator[Case]:
    """Yield samples with an argument spoilt, where torch raises: its exception is the measure."""
    for case in evenly(of_opinfo(loss, torch.float32), 4):
        for spoilt in _variants(case):
            try:
                spoilt.call(THEIRS)(*spoilt.args, **spoilt.kwargs)
            except Exception as error:
                yield dataclasses.replace(spoilt, error=_expected(error))


def _expected(error: Exception) -> type[Exception]:
    """Return what an `except` clause names; an AttributeError of torch's is an accident."""
    return Exception if isinstance(error, AttributeError) else type(error)


def _variants(case: Case) -> Iterator[Case]:
    def variant(label: str, *args: Any, **options: Any) -> Case:
        kwargs = {**case.kwargs, **options}
        return dataclasses.replace(case, args=args, kwargs=kwargs, label=f"{case.label} {label}")

    x, *rest = case.args
    if not rest or not isinstance(rest[0], Tensor):
        yield variant("beyond the dimensions", x, 99)
        yield variant("dimension of text", x, "1")
    else:
        y, *more = rest
        yield variant("reduction", x, *rest, reduction="abc")
        yield variant("no target", x, None, *more)
        yield variant("longer target", x, torch.cat([y.reshape(-1)] * 7), *more)
        yield variant("another option", x, *rest, no_such_option=1)
        if isinstance(case.kwargs.get("weight"), Tensor):
            weight = case.kwargs["weight"]
            yield variant("longer weight", x, *rest, weight=torch.cat([weight.reshape(-1)] * 7))
    yield variant("list for input", [1.0, 2.0], *rest)
