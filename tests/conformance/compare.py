"""The rule: torch first; then neglog, as it is by default and as `torch_compatible` makes it.

A case counts if torch passes it. Then neglog is "same", or "loud" (it raised a `NeglogError` in
default mode, which `differences.py` has to list), or "failed": anything else.
"""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

import neglog
from conformance.cases import Case
from conformance.differences import named
from conformance.losses import OURS, THEIRS, Library
from conformance.tolerances import difference, rounded

Check = Callable[[Library, Case], Any]
MODES: dict[str, Callable[[], Any]] = {
    "default": contextlib.nullcontext,
    "compatible": lambda: neglog.torch_compatible(),
}


@dataclass
class Tally:
    """What became of the cases of one loss in one category."""

    cases: int = 0
    same: Counter[str] = field(default_factory=Counter)
    loud: Counter[str] = field(default_factory=Counter)
    failures: dict[str, list[str]] = field(default_factory=lambda: {mode: [] for mode in MODES})
    unlisted: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def compare(check: Check, cases: Callable[[], Iterable[Case]]) -> Tally:
    """Run a check on torch and on neglog in both modes, for every case."""
    tally = Tally()
    with warnings.catch_warnings(), _one_thread():
        warnings.simplefilter("ignore")  # torch's samples are deprecated or experimental on purpose
        for case in cases():
            try:
                expected = check(THEIRS, case)
            except Exception as error:
                tally.left_out[_words(error)] += 1
                continue
            tally.cases += 1
            for mode, switched in MODES.items():
                with switched():
                    _compare_ours(tally, mode, check, case, expected)
    return tally


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread: the samples are small, and two would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _compare_ours(tally: Tally, mode: str, check: Check, case: Case, expected: Any) -> None:
    try:
        actual = check(OURS, case)
        found = difference(expected, actual)
        if found is not None:
            found = _from_exact(check, case, expected, actual, found)
    except neglog.NeglogError as error:
        reason = named(error)
        if mode == "default" and reason is not None:
            tally.loud[reason] += 1
            return
        if mode == "default":
            tally.unlisted.append(f"{case}: {_words(error)}")
        found = _words(error)
    except Exception as error:
        found = _words(error)
    if found is None:
        tally.same[mode] += 1
    else:
        tally.failures[mode].append(f"{case}: {found}")


def _from_exact(check: Check, case: Case, expected: Any, actual: Any, found: str) -> str | None:
    """Forgive a difference if torch, given more precision, gives neglog's answer instead."""
    wide = case.widened()
    if wide is None:
        return found
    further = difference(rounded(check(THEIRS, wide), expected), actual)
    return None if further is None else f"{found}; from torch in double precision: {further}"


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
