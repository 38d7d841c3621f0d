"""The categories: which check runs on which samples, in which dtypes, and on how many of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import torch
from cases import half_of

from conformance import compiled, criteria, derivatives, errors, modules, surroundings, transforms
from conformance.cases import Case, dtypes_of, evenly, of_opinfo
from conformance.compare import Check, Tally, compare
from conformance.losses import LOSSES, Loss

SINGLE = (torch.float32,)
DOUBLE = (torch.float64, torch.complex128)
HALVES = {torch.bfloat16, torch.float16}
BOTH = (torch.float32, *DOUBLE)  # no half precision: torch's references round after every step
# Evenly spaced samples of an OpInfo and dtype; gaussian_nll_loss alone has 324. Value, gradient
# and the categories without a number take every one; slower ones take this many:
MANY, SOME, FEW, ONE = 72, 24, 2, 1
OF_MODULE = 128  # samples of a ModuleInfo and dtype; linear_cross_entropy has 857, others 105


class Category(NamedTuple):
    """A column of the table."""

    check: Check
    cases: Callable[[Loss], Sequence[Case]]


def _function(dtypes: tuple[torch.dtype, ...] | None, limit: int | None = None):
    def cases(loss: Loss) -> list[Case]:
        chosen = dtypes_of(loss) if dtypes is None else dtypes
        return [case for dtype in chosen for case in evenly(of_opinfo(loss, dtype), limit)]

    return cases


def _lowered(loss: Loss) -> list[Case]:
    return [surroundings.lowered(case) for case in _function(SINGLE, SOME)(loss)]


def _module(dtypes: tuple[torch.dtype, ...] | None = None):
    def cases(loss: Loss) -> list[Case]:
        chosen = modules.module_dtypes(loss) if dtypes is None else dtypes
        of_dtypes = [modules.of_moduleinfo(loss, dtype) for dtype in chosen]
        return [case for cases in of_dtypes for case in evenly(cases, OF_MODULE)]

    return cases


CATEGORIES = {
    "value": Category(surroundings.value, _function(None)),
    "gradient": Category(derivatives.gradient, _function(None)),
    "all leaves": Category(derivatives.gradient_of_all, _function(BOTH, MANY)),
    "gaps": Category(surroundings.noncontiguous, _function(None, MANY)),
    "memory": Category(surroundings.memory_format, _function(SINGLE)),
    "mem.grad": Category(surroundings.memory_gradient, _function(SINGLE)),
    "pure": Category(surroundings.pure, _function(None, SOME)),
    "batched": Category(derivatives.batched_gradients, _function(BOTH, SOME)),
    "double": Category(derivatives.double_backward, _function(DOUBLE, MANY)),
    "forward": Category(derivatives.forward_mode, _function(BOTH, MANY)),
    "fwd-rev": Category(derivatives.forward_over_reverse, _function(DOUBLE, SOME)),
    "f.grad": Category(transforms.func_grad, _function(BOTH, SOME)),
    "f.jvp": Category(transforms.func_jvp, _function(BOTH, SOME)),
    "hessian": Category(transforms.func_hessian, _function(DOUBLE, SOME)),
    "vmap": Category(transforms.vmap, _function(BOTH, SOME)),
    "vmap(grad)": Category(transforms.vmap_of_grad, _function(BOTH, SOME)),
    "compile": Category(compiled.aot_eager, _function(SINGLE, FEW)),
    "inductor": Category(compiled.inductor, _function(SINGLE, ONE)),
    "autocast": Category(surroundings.autocast, _function(None, SOME)),
    "mixed": Category(surroundings.autocast, _lowered),
    "subclass": Category(surroundings.plain_subclass, _function(SINGLE, SOME)),
    "logger": Category(surroundings.logging_subclass, _function(SINGLE, SOME)),
    "parameter": Category(surroundings.parameter, _function(SINGLE, SOME)),
    "two": Category(surroundings.two_tensor, _function(SINGLE, SOME)),
    "meta": Category(surroundings.meta, _function(BOTH, SOME)),
    "fake": Category(surroundings.fake, _function(SINGLE, SOME)),
    "errors": Category(errors.raised, errors.wrong_calls),
    "m.value": Category(surroundings.value, _module()),
    "m.reference": Category(modules.reference, _module(BOTH)),
    "m.gradient": Category(derivatives.gradient, _module()),
    "m.gaps": Category(surroundings.noncontiguous, _module()),
    "m.memory": Category(surroundings.memory_format, _module()),
    "m.mem.grad": Category(surroundings.memory_gradient, _module()),
    "m.copies": Category(modules.copies, _module()),
    "m.identity": Category(modules.identity, _module()),
    "m.to": Category(modules.converted, _module()),
    "m.errors": Category(errors.raised, modules.module_errors),
    "criterion": Category(criteria.criterion, criteria.of_common_nn),
}


@cache
def tally(loss: Loss, category: str) -> Tally:
    """Run a category on a loss; once, as the table asks for it and for its totals."""
    chosen = CATEGORIES[category]
    return compare(chosen.check, lambda: chosen.cases(loss))


def tally_of_one_half(loss: Loss, category: str) -> Tally:
    """Run a category without one of the half precisions, if it has both; losses take turns."""
    chosen = CATEGORIES[category]
    return compare(chosen.check, lambda: _of_one_half(loss, chosen.cases(loss)))


def _of_one_half(loss: Loss, found: Sequence[Case]) -> Sequence[Case]:
    (left_out,) = HALVES - {half_of(loss.function)}
    dtypes = [getattr(next(iter(case.args), None), "dtype", None) for case in found]
    if not {*dtypes} >= HALVES:
        return found
    return [case for case, dtype in zip(found, dtypes, strict=True) if dtype != left_out]


def every() -> list[tuple[Loss, str]]:
    """Return every cell of the table."""
    return [(loss, category) for loss in LOSSES for category in CATEGORIES]
