"""PyTorch's own test data: where torch passes, neglog does, or says on purpose why not.

`python -m conformance.report` in this directory prints the table.
"""

from __future__ import annotations

import itertools

import backends
import pytest
from conformance.categories import every, tally, tally_of_one_half
from conformance.differences import DELIBERATE
from conformance.empty import EMPTY
from conformance.losses import LOSSES

# The others cross the same kernels with what surrounds them.
FAST = {"value", "gradient", "gaps", "double", "forward", "vmap(grad)", "errors", "m.gradient"}
CELLS = [
    pytest.param(
        *cell,
        id=f"{cell[0].function}-{cell[1]}",
        marks=[] if cell[1] in FAST else pytest.mark.slow,
    )
    for cell in every()
]


@pytest.mark.parametrize(("loss", "category"), CELLS)
def test_what_torch_passes(loss, category) -> None:
    """A harness that runs nothing fails too; where torch has nothing, it is written down.

    Of the half precisions each loss takes one, which is a kernel; `make figures` takes both.
    """
    found = tally_of_one_half(loss, category)
    assert (found.cases == 0) == ((loss.function, category) in EMPTY), dict(found.left_out)
    shown = [
        f"{mode}, {len(failures)} of {found.cases}: " + "\n    ".join(["", *failures[:3]])
        for mode, failures in found.failures.items()
        if failures
    ]
    assert not shown, "\n".join(shown)
    assert found.same["compatible"] == found.cases
    assert found.same["default"] + found.loud.total() == found.cases


@pytest.mark.slow
def test_every_deliberate_difference_is_met(monkeypatch) -> None:
    """Without kernels, which need not be compiled to refuse arguments."""
    backends.only(monkeypatch)
    unmet = set(DELIBERATE)
    for name, loss in itertools.product(("pure", "m.reference"), LOSSES):
        if unmet and loss.function not in ("linear_cross_entropy", "ctc_loss"):  # the slowest
            unmet -= set(tally.__wrapped__(loss, name).loud)
    assert not unmet
