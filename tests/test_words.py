"""Every word in every language against mpmath; and the dangers of `bind`."""

from __future__ import annotations

import math

import numpy as np
import oracle
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from neglog.engine.jit import compile_loop
from neglog.words import bind, fingerprint, reference
from neglog.words import numba as numba_words

REALS = [np.float32, np.float64]
ONE_ARGUMENT = ["absolute", "exp", "log", "log1p", "sigmoid", "softplus"]
SPECIAL = [0.0, -0.0, 1.0, -1.0, -2.0, math.inf, -math.inf, math.nan]

reals = pytest.mark.parametrize("real", REALS)


def truth(word: str, x: float):
    """Return the word's value in sixty digits, NaN outside its domain."""
    lowest = {"log": 0.0, "log1p": -1.0}.get(word, -math.inf)
    if math.isnan(x) or x < lowest:
        return oracle.mp.nan
    return oracle.WORDS[word](oracle.mp.mpf(x))


@reals
@pytest.mark.parametrize("word", ONE_ARGUMENT)
@given(x=st.floats(-1e6, 1e6) | st.floats(-120, 120) | st.floats(-1.5, 1.5))
@example(x=1e-42)
@example(x=-103.9)
@example(x=-745.0)
@example(x=0.5)
@example(x=0.75)
@example(x=1.5)
@example(x=3e38)
def test_numba_words_are_within_three_ulps(real, word, x) -> None:
    with np.errstate(over="ignore"):
        x = real(x)
    got = numba_words.words(real)[word](x)
    assert oracle.ulps(got, truth(word, float(x)), real) <= 3.0


@reals
@pytest.mark.parametrize("word", ONE_ARGUMENT)
@pytest.mark.parametrize("x", SPECIAL)
def test_special_values_are_the_same_in_every_language(real, word, x) -> None:
    expected = truth(word, x)
    by_numba = numba_words.words(real)[word](real(x))
    dtype = torch.float32 if real is np.float32 else torch.float64
    by_torch = getattr(reference, word)(torch.tensor(x, dtype=dtype)).item()
    assert oracle.ulps(by_numba, expected, real) <= 3.0
    assert oracle.ulps(by_torch, expected, real) <= 3.0


@reals
def test_choosing_words(real) -> None:
    table = numba_words.words(real)
    assert table["where"](True, real(1), real(2)) == 1
    assert table["where"](False, real(1), real(2)) == 2
    assert table["at_least"](real(-3), real(-1)) == -1
    assert math.isnan(table["at_least"](real(math.nan), real(-1)))
    assert math.isnan(reference.at_least(torch.tensor(math.nan), -1.0))


def test_every_language_has_every_word() -> None:
    for real in REALS:
        assert set(numba_words.words(real)) == set(reference.NAMES)
    every = {*reference.NAMES, *reference.OF_CONSTANTS}
    assert set(oracle.WORDS) == every
    assert all(hasattr(reference, name) for name in every)


twice = term = None  # left open, for `bind` to fill


def _double(x):
    return twice(x) + 1.0


def test_bind_changes_globals_and_constants_only() -> None:
    bound = bind(_double, {"twice": lambda x: 2 * x}, np.float32)
    result = bound(np.float32(3))
    assert result == 7
    assert type(result) is np.float32
    assert 1.0 in _double.__code__.co_consts
    assert twice is None


def test_two_formulas_in_one_template_do_not_share_machine_code() -> None:
    """Numba's cache does not see globals: without the stamp the second returns the first's."""
    loops = [compile_loop(_sum_of, np.float64, formulas={"term": f}) for f in (_plus, _times)]
    results = []
    for loop in loops:
        results.append(loop(np.array([3.0, 4.0])))
    assert results == [9.0, 14.0]
    assert loops[0].__qualname__ != loops[1].__qualname__


def test_the_fingerprint_sees_every_source() -> None:
    assert fingerprint(_plus) != fingerprint(_times)
    assert fingerprint(_plus, _times) != fingerprint(_times, _plus)
    assert fingerprint(_plus) == fingerprint(_plus)


def _sum_of(values):
    total = 0.0
    for value in values:
        total += term(value)
    return total


def _plus(x):
    return x + 1.0


def _times(x):
    return x * 2.0
