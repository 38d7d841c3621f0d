"""The criterion tests of `torch.testing._internal.common_nn`, with their reference functions.

They name `nn.X` or call `F.x` themselves. While one runs on neglog, `common_nn` finds neglog's
losses under both names; torch itself is left alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from unittest import mock

import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.testing._internal import common_nn
from torch.testing._internal.common_utils import freeze_rng_state, set_default_dtype

from conformance.cases import Case
from conformance.losses import Library, Loss
from conformance.tolerances import difference


class _Borrowed:
    """A module of torch with the losses of another library."""

    def __init__(self, torchs: Any, others: dict[str, Any]) -> None:
        self._torchs, self._others = torchs, others

    def __getattr__(self, name: str) -> Any:
        return self._others[name] if name in self._others else getattr(self._torchs, name)


@contextlib.contextmanager
def _borrowing(library: Library, loss: Loss, reduction: str | None) -> Iterator[None]:
    """Let `common_nn` find the library's loss; its lambdas read `reduction` as a global."""
    functions = _Borrowed(common_nn.F, {loss.function: library.function(loss)})
    modules = _Borrowed(common_nn.nn, {loss.module: library.module(loss)})
    names: dict[str, Any] = {"F": functions, "nn": modules}
    if reduction is not None:
        names["reduction"] = reduction
    with mock.patch.multiple(common_nn, **names):
        yield


@cache
def _tests() -> tuple[dict[str, Any], ...]:
    with freeze_rng_state():
        torch.manual_seed(0)
        return (*common_nn.criterion_tests, *common_nn.get_new_module_tests())


def _name(test: dict[str, Any]) -> str:
    return test.get("fullname") or test["module_name"]


@cache
def of_common_nn(loss: Loss) -> tuple[Case, ...]:
    """Return the criterion tests and the `…_no_reduce` module tests of a loss."""
    return tuple(_case(loss, test) for test in _tests() if _subject(test) == loss.module)


def _subject(test: dict[str, Any]) -> str:
    return _name(test).split("_")[0].removesuffix("2d").removesuffix("Nd")


def _case(loss: Loss, test: dict[str, Any]) -> Case:
    with freeze_rng_state(), set_default_dtype(_dtype(test)):
        torch.manual_seed(0)
        first, *others = [_argument(test, name) for name in ("input", "target")]
    inputs = first if isinstance(first, tuple) else (first,)
    given = [t.detach().requires_grad_(t.is_floating_point()) for t in inputs]
    given += [argument for argument in others if argument is not None]

    def build(library: Library) -> Callable[..., Any]:
        return _Criterion(library, loss, test)

    return Case(loss, tuple(given), label=_name(test), build=build)


def _dtype(test: dict[str, Any]) -> torch.dtype:
    return test.get("default_dtype") or torch.get_default_dtype()


def _argument(test: dict[str, Any], name: str) -> Any:
    if f"{name}_fn" in test:
        made = test[f"{name}_fn"]()
        return made if isinstance(made, torch.Tensor) else tuple(made)
    return torch.randn(test[f"{name}_size"]) if f"{name}_size" in test else test.get(name)


class _Criterion:
    """A test's module, made and called with a library's losses in `common_nn`."""

    def __init__(self, library: Library, loss: Loss, test: dict[str, Any]) -> None:
        self.test = test
        # A criterion test's name ends with the reduction that its constructor forgets.
        targeted = "target_fn" in test or "target_size" in test
        reduction = _name(test).rsplit("_", 1)[-1] if targeted else None
        self._borrowing = lambda: _borrowing(library, loss, reduction)
        with set_default_dtype(_dtype(test)), self._borrowing():
            self.module = test["constructor"]()

    def __call__(self, *given: torch.Tensor) -> torch.Tensor:
        with set_default_dtype(_dtype(self.test)), self._borrowing():
            return self.module(*given)


def criterion(library: Library, case: Case) -> Any:
    """Do what torch's own test does: compare with the reference, gradcheck, gradgradcheck."""
    run = case.call(library)
    out = run(*case.args)
    # A module test passes its parameters where a criterion test passes its target.
    inputs = [t.detach() for t in case.args if t.requires_grad]
    second = case.args[-1] if len(case.args) > len(inputs) else ()
    first = inputs[0] if len(inputs) == 1 else tuple(inputs)
    expected = run.test["reference_fn"](first, second, run.module)
    found = difference(expected, out)
    assert found is None, found
    forward = run.test.get("supports_forward_ad", False)
    # The fast mode checks along a random direction: torch's slow one takes minutes here.
    options = {"check_batched_grad": True, "fast_mode": True}
    assert gradcheck(run, case.args, check_forward_ad=forward, **options)
    if run.test.get("check_gradgrad", True):
        assert gradgradcheck(run, case.args, **options)
    return out
