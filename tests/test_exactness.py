"""Loss and gradient against the textbook: every loss, dtype and regime, in ulps."""

from __future__ import annotations

import math

import cases
import exactness
import mpmath as mp
import pytest
import torch
from exactness import LIMITS, Outputs
from exactness.spacing import error, unit

from neglog import functional

# Of the half precisions each loss takes one, which is a kernel; `make exactness` takes both, and
# the chained ones in all dtypes.
CELLS = [
    cell
    for cell in exactness.CELLS
    if cell.dtype == torch.float32
    or (cell.dtype in (torch.float64, cases.half_of(cell.loss.name)) and not cell.loss.chained)
]
ORDINARY = [
    cell
    for cell in CELLS
    if cell.regime.name == "ordinary" and (cell.loss.roundings or not cell.loss.chained)
]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_kernels_are_exact(cell) -> None:
    found = exactness.worst(cell, functional)
    assert found.within(cell.limits), found


@pytest.mark.parametrize("each", exactness.SUMS, ids=str)
def test_a_sum_of_many_is_exact(each) -> None:
    problem = each.problem()
    assert each.worst(functional, problem) <= each.limit(problem)


def displaced(problem, reduced, by: float) -> Outputs:
    """Return the exact result in the dtype of the problem, off by a number of ulps."""
    with mp.workdps(problem.digits):
        numbers = [
            [float(true.value + by * problem.unit(true)) for true in truths]
            for truths in problem.truth(reduced)
        ]
    wide = (torch.tensor(n, dtype=torch.float64) for n in numbers)
    return Outputs(*(w.to(problem.cell.dtype) for w in wide))


@pytest.mark.parametrize("reduced", [False, True], ids=["each", "mean"])
@pytest.mark.parametrize("cell", ORDINARY, ids=str)
def test_exact_values_pass_and_perturbed_ones_do_not(cell, reduced) -> None:
    limits = cell.limits
    for problem in cell.problems():
        assert problem.worst(displaced(problem, reduced, 0), reduced).within(limits)
        off = displaced(problem, reduced, limits.gradient + 1)
        finite = (part.nan_to_num(posinf=0.0, neginf=0.0) for part in off)
        found = problem.worst(Outputs(*finite), reduced)
        assert found.loss > limits.loss
        assert found.gradient > limits.gradient


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("cell", ORDINARY, ids=str)
def test_nan_exceeds_every_limit(cell, wrong) -> None:
    problem = next(cell.problems())
    right = displaced(problem, False, 0)
    for part in Outputs._fields:
        spoiled = right._replace(**{part: torch.full_like(getattr(right, part), wrong)})
        assert not problem.worst(spoiled, False).within(cell.limits)


@pytest.mark.parametrize("dtype", LIMITS, ids=str)
def test_what_overflows_should_be_infinite(dtype) -> None:
    largest = torch.finfo(dtype).max
    with mp.workdps(400):
        last = unit(mp.mpf(largest), dtype)
        for sign in (1, -1):
            beyond = sign * mp.mpf(largest) * 1000
            assert error(sign * math.inf, beyond, dtype) == 0
            assert error(sign * largest, beyond, dtype) > 4 * last
            assert error(-sign * math.inf, beyond, dtype) > last
            assert error(sign * math.inf, sign * mp.mpf(largest) / 2, dtype) > 4 * last
