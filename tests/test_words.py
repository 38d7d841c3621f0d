"""Every word in every language against mpmath; and the dangers of `bind`."""

from __future__ import annotations

import math
import re
from array import array as buffer

import numpy as np
import oracle
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from numba import carray, njit

from neglog.engine.jit import compile_kernel
from neglog.engine.loops.slots import array
from neglog.words import bind, fingerprint, reference
from neglog.words import numba as numba_words

ONE_ARGUMENT = ["absolute", "exp", "log", "log1p", "sigmoid", "softplus", "centred_sigmoid"]
SPECIAL = [0.0, -0.0, 1.0, -1.0, -2.0, math.inf, -math.inf, math.nan]
ULPS = {"softplus": 2.25}  # its exponential's error, and that of two sums
VOCABULARIES = {
    name: numba_words.words(np.float64, name == "narrow") for name in ("exact", "narrow")
}
ABSOLUTE = [
    "centred_sigmoid"
]  # words that, where narrow, are right to 2⁻³⁶ of 1 and not of themselves
LEAST, MOST = 1e-46, 1e39  # beyond these, float32 knows 0 and ∞ only

arguments = st.floats(-800, 800) | st.floats(-120, 120) | st.floats(-1.5, 1.5) | st.floats()
vocabularies = pytest.mark.parametrize("words", VOCABULARIES.values(), ids=VOCABULARIES)


def truth(word: str, x: float):
    """Return the word's value in sixty digits, NaN outside its domain."""
    lowest = {"log": 0.0, "log1p": -1.0}.get(word, -math.inf)
    if math.isnan(x) or x < lowest:
        return oracle.mp.nan
    return oracle.WORDS[word](oracle.mp.mpf(x))


def extremes(test):
    """Try the ends of every range: of normal numbers, of results, of the reductions."""
    ends = [5e-324, 1e-310, 1e-42, 0.5, 0.75, 1.5, 3e38, 1.5 * 2.0**1023]
    ends += [-708.0, -709.0, -744.0, -745.5, 709.0, 709.7, 709.9, 88.8, -103.9, -0.25, -0.999999]
    for x in ends:
        test = example(x=x)(test)
    return test


@pytest.mark.parametrize("word", ONE_ARGUMENT)
@extremes
@given(x=arguments)
def test_exact_words_are_within_an_ulp_and_a_half(word, x) -> None:
    got = VOCABULARIES["exact"][word](x)
    assert oracle.ulps(got, truth(word, x), np.float64) <= ULPS.get(word, 1.5)


@pytest.mark.parametrize("word", ONE_ARGUMENT)
@extremes
@given(x=arguments)
def test_narrow_words_are_right_to_thirty_six_bits(word, x) -> None:
    if word == "log" and abs(x) < np.finfo(np.float64).tiny:
        return  # outside of its domain
    got, true = VOCABULARIES["narrow"][word](x), truth(word, x)
    if oracle.mp.isnan(true):
        assert math.isnan(got)
    elif abs(true) < LEAST and word not in ABSOLUTE:
        assert abs(got) < LEAST
    elif abs(true) > MOST:
        assert abs(got) > MOST
        assert (got > 0) == (true > 0)
    else:
        unit = 1.0 if word in ABSOLUTE else abs(true)
        assert abs(got - true) <= unit * 2.0**-36


@vocabularies
@pytest.mark.parametrize("word", ONE_ARGUMENT)
@pytest.mark.parametrize("x", SPECIAL)
def test_special_values_are_the_same_in_every_language(words, word, x) -> None:
    by_numba, expected = words[word](x), truth(word, x)
    by_torch = getattr(reference, word)(torch.tensor(x, dtype=torch.float64)).item()
    if words is VOCABULARIES["exact"]:
        assert oracle.ulps(by_numba, expected, np.float64) <= 1.0
    if word not in ABSOLUTE:
        assert oracle.ulps(np.float32(by_numba), expected, np.float32) <= 0.51
    assert oracle.ulps(by_torch, expected, np.float64) <= 3.0


@vocabularies
@pytest.mark.parametrize("word", ONE_ARGUMENT)
def test_a_loop_over_a_word_is_vectorised(words, word) -> None:
    """What LLVM does not inline, or what branches, takes ten times as long."""
    function = words[word]

    @njit(**{**numba_words.JIT, "forceinline": False})
    def loop(values, out):
        for index in range(values.size):
            out[np.uint64(index)] = function(values[np.uint64(index)])

    loop(np.ones(1), np.empty(1))
    (code,) = loop.inspect_llvm().values()
    assert re.search(r"store <\d+ x double>", code)


@vocabularies
def test_choosing_words(words) -> None:
    assert words["where"](True, 1.0, 2.0) == 1
    assert words["where"](False, 1.0, 2.0) == 2
    assert words["at_least"](-3.0, -1.0) == -1
    assert words["at_least"](-1.0, -3.0) == -1
    assert math.isnan(words["at_least"](math.nan, -1.0))
    assert math.isnan(reference.at_least(torch.tensor(math.nan), -1.0))


def test_every_language_has_every_word() -> None:
    for words in VOCABULARIES.values():
        assert set(words) == set(reference.NAMES)
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
    results = []
    for formula in (_plus, _times):
        kernel = compile_kernel(_apply_term, torch.float64, formulas={"term": formula})
        numbers = buffer("d", (3.0, 0.0))
        slots = buffer("q", (numbers.buffer_info()[0],))
        kernel.held(slots.buffer_info()[0])
        results.append(numbers[1])
    assert results == [4.0, 6.0]


def test_the_fingerprint_sees_every_source() -> None:
    assert fingerprint(_plus) != fingerprint(_times)
    assert fingerprint(_plus, _times) != fingerprint(_times, _plus)
    assert fingerprint(_plus) == fingerprint(_plus)


def _apply_term(memory):
    numbers = array(carray(memory, 1)[0], 2, np.float64)
    numbers[1] = term(numbers[0])


def _plus(x):
    return x + 1.0


def _times(x):
    return x * 2.0
