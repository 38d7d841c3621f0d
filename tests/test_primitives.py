"""Every word in every language against mpmath; and the dangers of `bind`."""

from __future__ import annotations

import itertools
import math
import re
import runpy
from array import array as buffer
from functools import cache
from pathlib import Path

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
from neglog.primitives import bits, extended, formats, reference, symbolic, tables
from neglog.primitives import linked as linking
from neglog.primitives import numba as numba_words
from neglog.primitives.binding import bind, fingerprint

TWO_ARGUMENTS = [name for name in reference.TWO_ARGUMENTS if name != "at_least"]
ONE_ARGUMENT = [n for n in reference.NAMES if n not in (*reference.TWO_ARGUMENTS, "where")]
SPECIAL = [0.0, -0.0, 1.0, -1.0, -2.0, math.inf, -math.inf, math.nan]
WIDTHS = {"float32": np.float32, "float64": np.float64}
VOCABULARIES = {name: numba_words.vocabulary(real) for name, real in WIDTHS.items()}
NEAR = numba_words.near_vocabulary()
# The first ones are a chain of a few roundings, with nothing wider to round from in float64. The
# special functions are polynomials times or divided by some of them; in float32 they round once.
_CHAIN = ("absolute", "centred_sigmoid", "exp", "log", "log1p", "softplus", "sigmoid", "sqrt")
ULPS = {
    "float32": dict.fromkeys(reference.NAMES, 2.0)
    | dict.fromkeys(_CHAIN, 1.5)
    | {"softplus": 2.0, "sigmoid": 2.5, "centred_sigmoid": 2.75},
    "float64": dict.fromkeys(reference.NAMES, 4.0)
    | dict.fromkeys(_CHAIN, 1.5)
    # The first adds x to a quotient of two such; the second squares a divisor.
    | {"softplus": 2.25, "inverse_mills_sum": 5.0, "bessel_ratio_slope": 6.0},
}
# Sine and cosine are NaN where neighbouring numbers are 1e-8 apart: a reduction to one turn would
# need hundreds of digits of π.
REACH = {"sin": 2e8, "cos": 2e8}
# Both vanish on a curve of arguments, near which they are exact to roundings of their terms.
VANISHING = ("log_beta", "log_rising")

arguments = st.floats(-800, 800) | st.floats(-120, 120) | st.floats(-1.5, 1.5) | st.floats()
widths = pytest.mark.parametrize("width", WIDTHS)
ENDS = [5e-324, 1e-310, 1e-42, 0.5, 0.7, 0.75, 1.4, 1.5, 2.0, 3.0, 10.0, 15.0, 3e38]
ENDS += [1.5 * 2.0**1023, -708.0, -709.0, -744.0, -745.5, 709.0, 709.7, 709.9, 88.8, -103.9]
ENDS += [-0.25, -0.999999, 26.0, 38.0, -38.0, 1.4616321449683622, math.pi, 1e8]


@cache
def truth(word: str, *xs: float):
    """Return the word's value in sixty digits, NaN outside its domain."""
    lowest = {"log": 0.0, "log1p": -1.0}.get(word, -math.inf)
    if any(map(math.isnan, xs)) or xs[0] < lowest:
        return oracle.mp.nan
    return oracle.WORDS[word](*map(oracle.mp.mpf, xs))


def limit(word: str, width: str, xs, true) -> float:
    """Return how many units in the last place a word may be off."""
    allowed = ULPS[width][word]
    if word in VANISHING and 0 < abs(true) < math.inf:
        terms = [1.0, abs(true)]
        if xs[0] < 2.0 and word == "log_rising":
            terms.append(abs(truth(word, xs[0] + 2.0, xs[1])))
        allowed *= float(np.spacing(float(max(terms))) / np.spacing(float(abs(true))))
    return allowed


@cache
def loop(width: str, word: str):
    """Compile a loop over a primitive."""
    function = VOCABULARIES[width][word]

    def one(xs, out):
        for index in range(xs.size):
            out[np.uint64(index)] = function(xs[np.uint64(index)])

    def two(xs, ys, out):
        for index in range(xs.size):
            out[np.uint64(index)] = function(xs[np.uint64(index)], ys[np.uint64(index)])

    chosen = two if word in TWO_ARGUMENTS else one
    return njit(**{**bits.JIT, "forceinline": False})(chosen)


def applied(width: str, word: str, *columns):
    """Return a primitive of arrays."""
    columns = [np.ascontiguousarray(column, WIDTHS[width]) for column in columns]
    out = np.empty_like(columns[0])
    loop(width, word)(*columns, out)
    return out


def numbers(real, count: int, seed: int = 0):
    """Return numbers of every size and sign."""
    random = np.random.default_rng(seed)
    sizes = np.exp(random.uniform([[-40], [-3], [-1]], [[40], [3], [1]], (3, count)))
    spread = random.uniform([[-30], [-3], [-1], [-800]], [[30], [3], [1], [800]], (4, count))
    with np.errstate(over="ignore"):
        return np.concatenate([*sizes, *-sizes, *spread, ENDS]).astype(real)


def assert_exact(width, word, columns, found) -> None:
    for *xs, y in zip(*(column.tolist() for column in (*columns, found)), strict=True):
        true = truth(word, *xs)
        assert oracle.ulps(y, true, WIDTHS[width]) <= limit(word, width, xs, true), (xs, y, true)


@widths
@pytest.mark.parametrize("word", ONE_ARGUMENT)
def test_primitives_are_exact_to_a_few_roundings(width, word) -> None:
    xs = numbers(WIDTHS[width], 25)
    xs = xs[np.abs(xs) < REACH.get(word, math.inf)]
    assert_exact(width, word, [xs], applied(width, word, xs))


@widths
@pytest.mark.parametrize("word", TWO_ARGUMENTS)
def test_primitives_of_two_numbers_are_exact_to_a_few_roundings(width, word) -> None:
    xs, ys = (numbers(WIDTHS[width], 12, seed) for seed in (1, 2))
    ys = np.random.default_rng(3).permutation(ys)
    if word not in ("difference", "maximum", "minimum", "power"):
        xs, ys = np.abs(xs), np.abs(ys)
        inside = (xs > 1e-200) & (ys > 1e-200) & (xs < 1e30) & (ys < 1e30)
        xs, ys = xs[inside], ys[inside]
    assert_exact(width, word, [xs, ys], applied(width, word, xs, ys))


def test_powers_with_extreme_exponents_are_those_of_torch() -> None:
    edges = [0.0, 1.0, -1.0, 2.0, -3.0, 0.5, -0.5, 2.0**53, 1e300, *SPECIAL[5:]]
    xs, ys = (np.ravel(part) for part in np.meshgrid(edges, edges))
    expected = torch.pow(torch.tensor(xs), torch.tensor(ys)).numpy()
    np.testing.assert_allclose(applied("float64", "power", xs, ys), expected, rtol=1e-15)


@widths
def test_differences_are_exact_however_close_or_large(width) -> None:
    """ln Γ(r + y) − ln Γ(r) of a Poisson-like count, and of a step of 1e-12."""
    pairs = [(r, y) for r in (2.0, 1.9e3, 1e9, 1e30) for y in (1.0, 7.0, 1e-6, 1e-12)]
    for word in ("log_rising", "digamma_difference", "trigamma_difference"):
        rs, ys = np.array(pairs, WIDTHS[width]).T
        assert_exact(width, word, [rs, ys], applied(width, word, rs, ys))


EDGES = {
    "log_rising": [(0.0, 2.0), (0.5, 0.0), (3.0, math.inf), (math.inf, 2.0), (1e-200, 1e20)],
    "digamma_difference": [(0.0, 2.0), (0.5, 0.0), (3.0, math.inf), (math.inf, 2.0)],
    "trigamma_difference": [(0.0, 2.0), (0.5, 0.0), (3.0, math.inf), (math.inf, 2.0)],
    "log_beta": [(0.0, 2.0), (2.0, 0.0), (3.0, math.inf), (1e300, 3.0)],
    "difference": [(math.inf, math.inf), (-math.inf, -math.inf), (1.0, math.inf)],
}


@pytest.mark.parametrize("word", EDGES)
def test_limits_of_two_numbers(word) -> None:
    xs, ys = np.array(EDGES[word]).T
    assert_exact("float64", word, [xs, ys], applied("float64", word, xs, ys))
    for x, y in EDGES[word]:
        by_torch = getattr(reference, word)(*torch.tensor([[x], [y]], dtype=torch.float64))
        assert oracle.ulps(by_torch.item(), truth(word, x, y), np.float64) <= 100.0


@pytest.mark.parametrize("word", ["maximum", "minimum", "difference"])
def test_nan_of_either_number_stays(word) -> None:
    found = applied("float64", word, [math.nan, 1.0], [1.0, math.nan])
    assert np.isnan(found).all()
    by_torch = getattr(reference, word)(
        torch.tensor([math.nan, 1.0]), torch.tensor([1.0, math.nan])
    )
    assert by_torch.isnan().all()


@widths
@pytest.mark.parametrize("word", ONE_ARGUMENT)
def test_special_values_are_the_same_in_every_backend(width, word) -> None:
    for x, by_numba in zip(SPECIAL, applied(width, word, SPECIAL), strict=True):
        expected = truth(word, x)
        by_torch = getattr(reference, word)(torch.tensor(x, dtype=torch.float64)).item()
        allowed = max(1.0, ULPS[width][word])
        assert oracle.ulps(by_numba, expected, WIDTHS[width]) <= allowed, x
        assert oracle.ulps(by_torch, expected, np.float64) <= 20.0, x


@pytest.mark.parametrize("word", [*ONE_ARGUMENT, *TWO_ARGUMENTS])
def test_the_reference_has_eleven_digits(word) -> None:
    columns = [np.array([0.03, 0.4, 1.1, 2.5, 7.0, 45.0, 300.0])]
    if word in TWO_ARGUMENTS:
        columns = list(map(np.ravel, np.meshgrid(*columns * 2)))
    found = getattr(reference, word)(*map(torch.tensor, columns))
    for *xs, y in zip(*(column.tolist() for column in (*columns, found)), strict=True):
        true = truth(word, *xs)
        if abs(true) > 1e300:
            continue
        scale = max(abs(true), 1) if word in (*VANISHING, "digamma") else abs(true)
        assert abs(oracle.mp.mpf(y) - true) <= 1e-11 * scale + 1e-300, xs


FARTHEST = oracle.mp.ldexp(1, int(np.finfo(extended.real).maxexp) - 4)


def exactly(number: np.longdouble):
    """Return a number that float64 may not hold in sixty digits."""
    part, exponent = np.frexp(number)
    high = float(part)
    return oracle.mp.ldexp(oracle.mp.mpf(high) + float(part - high), int(exponent))


def test_the_extended_primitives_are_complete() -> None:
    assert set(extended.VOCABULARY) == set(reference.NAMES)
    xs = [0.0, 1e-300, -1e-300, 0.3, -0.3, 5.0, -5.0, 700.0, -700.0, 3000.0, -3000.0, 1e308]
    for word in ONE_ARGUMENT:
        eps = float(np.finfo(extended.real if word in EXTENDED else np.float64).eps)
        for x in xs:
            true = truth(word, x)
            if not abs(true) < FARTHEST:
                continue
            with np.errstate(all="ignore"):
                found = extended.VOCABULARY[word](extended.real(x))
            bound = (4 if word in EXTENDED else 100) * eps * abs(true)
            assert abs(exactly(found) - true) <= bound + 1 / FARTHEST + UNDERFLOW[word], (word, x)


def test_the_extended_primitives_of_two_numbers() -> None:
    for word in TWO_ARGUMENTS:
        for xs in itertools.product([0.3, 1.0, 5.0, 3000.0, 1e10], [0.5, 2.0, 40.0, 1e5]):
            true = truth(word, *xs)
            with np.errstate(all="ignore"):
                found = extended.VOCABULARY[word](*map(extended.real, xs))
            scale = abs(true) if word not in VANISHING else abs(true) + 30
            if abs(true) < FARTHEST:
                error = abs(exactly(found) - true)
                assert error <= 1e-14 * scale + 1 / FARTHEST, (word, xs)


# Those that compute in `longdouble` itself.
EXTENDED = {*_CHAIN, "cos", "expm1", "sin", "tanh"}
UNDERFLOW = dict.fromkeys(ONE_ARGUMENT, 0.0) | dict.fromkeys(
    ("erfc", "inverse_mills", "log_i0"), 1e-307
)


def test_the_stored_polynomials_are_those_of_their_functions() -> None:
    made = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks/primitive_tables.py"))
    for name, table in made["FUNCTIONS"].items():
        found = list(getattr(tables, name))
        assert made["error"](table, found, points=7) < 2.0**-47, name


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
    assert bits.ranked(formats.FORMATS[real].whole(ranks[0])) == x


@widths
@pytest.mark.parametrize("word", [*ONE_ARGUMENT, *TWO_ARGUMENTS])
def test_a_loop_over_a_primitive_is_vectorised(width, word) -> None:
    """What LLVM does not inline, or what branches, takes ten times as long."""
    applied(width, word, *[np.ones(1)] * (2 if word in TWO_ARGUMENTS else 1))
    (code,) = loop(width, word).inspect_llvm().values()
    assert re.search(rf"store <\d+ x {'float' if width == 'float32' else 'double'}>", code)


@pytest.mark.parametrize("word", REACH)
def test_a_sine_beyond_its_reach_is_nan(word) -> None:
    assert np.isnan(applied("float64", word, [1e9, -1e300, math.inf])).all()


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


@pytest.mark.parametrize(
    "word", ["log_rising", "digamma_difference", "trigamma_difference", "log_beta"]
)
def test_either_of_two_numbers_may_be_a_literal(word) -> None:
    primitive, x = getattr(reference, word), torch.tensor([0.3, 2.0, 5.0], dtype=torch.float64)
    half = torch.full_like(x, 0.5)
    assert torch.equal(primitive(x, 0.5), primitive(x, half))
    assert torch.equal(primitive(0.5, x), primitive(half, x))


def test_every_backend_has_every_primitive() -> None:
    for words in (*VOCABULARIES.values(), symbolic.VOCABULARY):
        assert set(words) - {"distributions"} == set(reference.NAMES)
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


@pytest.mark.parametrize("word", ["log_rising", "digamma_difference", "trigamma_difference"])
def test_extended_differences_take_numbers_that_are_no_tensors(word):
    pair = np.longdouble(0.75), np.longdouble(3.0)
    expected = oracle.WORDS[word](oracle.mp.mpf(0.75), oracle.mp.mpf(3))
    assert float(extended.VOCABULARY[word](*pair)) == pytest.approx(float(expected), rel=1e-14)
