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

from neglog import primitives
from neglog.engine.cpu import jit
from neglog.engine.cpu.jit import compile_kernel
from neglog.engine.cpu.kernels.placeholders import array
from neglog.primitives import arithmetic, bits, extended, reference
from neglog.primitives import linked as linking
from neglog.primitives import numba as numba_words
from neglog.primitives.binding import bind, fingerprint

ONE_ARGUMENT = ["absolute", "centred_sigmoid", "exp", "log", "log1p", "sigmoid", "softplus"]
SPECIAL = [0.0, -0.0, 1.0, -1.0, -2.0, math.inf, -math.inf, math.nan]
WIDTHS = {"float32": np.float32, "float64": np.float64}
VOCABULARIES = {name: numba_words.vocabulary(real) for name, real in WIDTHS.items()}
NEAR = numba_words.near_vocabulary()
# Each is a chain of a few roundings, its exponential's among them; nothing is wider to round from.
ULPS = {
    "float32": dict.fromkeys(ONE_ARGUMENT, 1.5)
    | {"softplus": 2.0, "sigmoid": 2.5, "centred_sigmoid": 2.75},
    "float64": dict.fromkeys(ONE_ARGUMENT, 1.5) | {"softplus": 2.25},
}

arguments = st.floats(-800, 800) | st.floats(-120, 120) | st.floats(-1.5, 1.5) | st.floats()
widths = pytest.mark.parametrize("width", WIDTHS)


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


@widths
@pytest.mark.parametrize("word", ONE_ARGUMENT)
@extremes
@given(x=arguments)
def test_primitives_are_exact_to_a_rounding_or_two(width, word, x) -> None:
    real = WIDTHS[width]
    with np.errstate(over="ignore"):
        x = real(x)
    got = VOCABULARIES[width][word](x)
    assert oracle.ulps(got, truth(word, float(x)), real) <= ULPS[width][word]


@widths
@pytest.mark.parametrize("word", ONE_ARGUMENT)
@pytest.mark.parametrize("x", SPECIAL)
def test_special_values_are_the_same_in_every_backend(width, word, x) -> None:
    real = WIDTHS[width]
    by_numba, expected = VOCABULARIES[width][word](real(x)), truth(word, x)
    by_torch = getattr(reference, word)(torch.tensor(x, dtype=torch.float64)).item()
    assert oracle.ulps(by_numba, expected, real) <= 1.0
    assert oracle.ulps(by_torch, expected, np.float64) <= 3.0


FARTHEST = oracle.mp.ldexp(1, int(np.finfo(extended.real).maxexp) - 4)


def exactly(number: np.longdouble):
    """Return a number that float64 may not hold in sixty digits."""
    part, exponent = np.frexp(number)
    high = float(part)
    return oracle.mp.ldexp(oracle.mp.mpf(high) + float(part - high), int(exponent))


def test_the_extended_primitives_are_complete() -> None:
    xs = [0.0, 1e-300, -1e-300, 0.3, -0.3, 5.0, -5.0, 700.0, -700.0, 3000.0, -3000.0, 1e308]
    for word in ONE_ARGUMENT:
        for x in xs:
            true = truth(word, x)
            if not abs(true) < FARTHEST:
                continue
            with np.errstate(all="ignore"):
                found = extended.VOCABULARY[word](extended.real(x))
            bound = 4 * float(np.finfo(extended.real).eps) * abs(true)
            assert abs(exactly(found) - true) <= bound + 1 / FARTHEST, (word, x)


@widths
@given(z=arguments, gap=st.floats(0, 120) | st.floats(0, 1e-3))
def test_a_power_loses_nothing_in_the_difference(width, z, gap) -> None:
    real = WIDTHS[width]
    with np.errstate(over="ignore"):
        z, top = real(z), real(z + gap)
    if not np.isfinite(top) or top < z:
        return  # no row has such a top
    true = oracle.mp.exp(oracle.mp.mpf(float(z)) - oracle.mp.mpf(float(top)))
    assert oracle.ulps(numba_words.power(real)(z, top), true, real) <= 1.5


@given(x=st.floats(-708, 0) | st.floats(-1, 0))
@example(x=0.0)
@example(x=-1022 * math.log(2) + 1e-9)
def test_a_near_power_has_49_bits_where_it_is_normal(x) -> None:
    true = oracle.mp.exp(oracle.mp.mpf(x))
    assert abs(oracle.mp.mpf(NEAR["near_power"](x)) - true) <= 2.0**-49 * true


@pytest.mark.parametrize("x", [-708.5, -745.0, -1e300, -math.inf])
def test_a_near_power_is_zero_where_the_exact_one_is_subnormal(x) -> None:
    assert NEAR["near_power"](x) == 0.0


@given(x=st.floats(0, 1e6) | st.floats(0, 1) | st.floats(0, 1e-3))
@example(x=0.0)
@example(x=1e-300)
def test_a_near_log1p_has_36_bits(x) -> None:
    true = oracle.mp.log1p(oracle.mp.mpf(x))
    assert abs(oracle.mp.mpf(NEAR["near_log1p"](x)) - true) <= 2.0**-36 * true


@given(x=st.floats(0, 1) | st.floats(0, 1e-3))
@example(x=0.0)
@example(x=1e-300)
def test_a_float32_shortfall_gives_a_log1p_of_36_bits(x) -> None:
    true = oracle.mp.log1p(oracle.mp.mpf(x))
    got = oracle.mp.mpf(x - NEAR["near_shortfall"](x, x / (1.0 + x)))
    assert abs(got - true) <= 2.0**-36 * true


@widths
@given(x=st.floats(allow_nan=False), y=st.floats(allow_nan=False))
def test_ranks_are_in_the_order_of_the_floats(width, x, y) -> None:
    real = WIDTHS[width]
    with np.errstate(over="ignore"):
        x, y = real(x), real(y)
    ranks = bits.rank(x), bits.rank(y)
    assert (ranks[0] < ranks[1]) == (x < y or (x == y and np.signbit(x) > np.signbit(y)))
    assert bits.ranked(arithmetic.FORMATS[real].whole(ranks[0])) == x


@widths
@pytest.mark.parametrize("word", ONE_ARGUMENT)
def test_a_loop_over_a_primitive_is_vectorised(width, word) -> None:
    """What LLVM does not inline, or what branches, takes ten times as long."""
    function, real = VOCABULARIES[width][word], WIDTHS[width]

    @njit(**{**bits.JIT, "forceinline": False})
    def loop(values, out):
        for index in range(values.size):
            out[np.uint64(index)] = function(values[np.uint64(index)])

    loop(np.ones(1, real), np.empty(1, real))
    (code,) = loop.inspect_llvm().values()
    assert re.search(rf"store <\d+ x {'float' if width == 'float32' else 'double'}>", code)


@widths
def test_selecting_primitives(width) -> None:
    where, least, real = bits.where, bits.at_least, WIDTHS[width]
    choose = njit(lambda condition, yes, no: where(condition, yes, no))
    at_least = njit(lambda x, bound: least(x, bound))
    assert choose(True, real(1), real(2)) == 1
    assert choose(False, real(1), real(2)) == 2
    assert at_least(real(-3), real(-1)) == -1
    assert at_least(real(-1), real(-3)) == -1
    assert math.isnan(at_least(real(math.nan), real(-1)))
    assert math.isnan(reference.at_least(torch.tensor(math.nan), -1.0))


def test_every_backend_has_every_primitive() -> None:
    assert set(oracle.WORDS) == set(reference.NAMES) == set(primitives.__all__)


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
        args = buffer("q", (numbers.buffer_info()[0],))
        kernel.held(args.buffer_info()[0])
        results.append(numbers[1])
    assert results == [4.0, 6.0]


def test_what_two_kernels_have_in_common_is_compiled_once() -> None:
    def new_parts(formula, **flags):
        before = set(jit._parts)
        compile_kernel(_apply_term, torch.float64, formulas={"term": formula}, flags=flags)
        return set(jit._parts) - before

    new_parts(_plus, FIRST=True)
    assert not new_parts(_plus, SECOND=True)
    (part,) = new_parts(lambda x: x + 3.0)
    assert part[0].__name__ == "<lambda>"


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


@pytest.mark.parametrize("internals", [linking._INTERNALS, ("missing",)], ids=["linked", "own"])
def test_a_part_computes_the_same_whether_it_is_only_linked_or_compiled(internals, monkeypatch):
    """Numba's internals may change; then its own way has to serve."""
    monkeypatch.setattr(linking, "_INTERNALS", internals)

    def part(x):
        return 1.5 * x + math.sqrt(x)

    inner = linking.linked(part, error_model="numpy")
    outer = njit(lambda values: sum([inner(x) for x in values]))
    values = np.linspace(0.0, 3.0, 7)
    assert outer(values) == sum(map(part, values))
    (compiled,) = inner.overloads.values()
    assert isinstance(compiled.library, linking._Linked) == (internals != ("missing",))


def test_a_slow_compilation_is_logged_and_no_warning(caplog) -> None:
    with caplog.at_level("INFO", logger="neglog"):
        jit._log(0.9, "normal, float64")
        jit._log(2.44, "normal, float32")
    assert caplog.record_tuples == [
        ("neglog", 20, "compiled the kernel normal, float32 in 2.4 s"),
    ]


def test_a_fingerprint_tells_constants_and_names_apart() -> None:
    functions = [lambda x: x + 1.0, lambda x: x + 2.0, lambda x: min(x), lambda x: max(x)]
    assert len({fingerprint(function) for function in functions}) == len(functions)
