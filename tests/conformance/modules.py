"""The calls that torch's ModuleInfos hold ready, and the checks that only a module has."""

from __future__ import annotations

import copy
import pickle
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.testing._internal.common_utils import freeze_rng_state

from conformance.cases import Case, NotACase, copied
from conformance.losses import Library, Loss
from conformance.tolerances import difference


class _NONE:
    """Torch has no samples of one module."""

    dtypes = ()
    module_error_inputs_func = None


def _info(loss: Loss) -> Any:
    from torch.testing._internal.common_modules import module_db  # takes seconds

    infos = [m for m in module_db if m.module_cls is getattr(torch.nn, loss.module)]
    return infos[0] if infos else _NONE


def _case(loss: Loss, module_input: Any, label: str, error: Any = None) -> Case:
    built, given = module_input.constructor_input, module_input.forward_input
    return Case(
        loss,
        () if given is None else given.args,
        {} if given is None else given.kwargs,
        label,
        constructor=(built.args, built.kwargs),
        reference=module_input.reference_fn,
        error=error,
    )


@cache
def module_dtypes(loss: Loss) -> tuple[torch.dtype, ...]:
    """Return the dtypes that the ModuleInfo declares."""
    return tuple(_info(loss).dtypes)


@cache
def of_moduleinfo(loss: Loss, dtype: torch.dtype) -> tuple[Case, ...]:
    """Return the samples of the loss's ModuleInfo in a dtype."""
    info = _info(loss)
    if dtype not in info.dtypes:
        return ()
    options = {"device": "cpu", "dtype": dtype, "requires_grad": True, "training": True}
    with freeze_rng_state():
        torch.manual_seed(0)
        found = info.module_inputs_func(info, **options)
    return tuple(_case(loss, m, f"{m.desc}[{i}]") for i, m in enumerate(found))


@cache
def module_errors(loss: Loss) -> tuple[Case, ...]:
    """Return the wrong constructions and calls that the ModuleInfo declares."""
    info = _info(loss)
    if info.module_error_inputs_func is None:
        return ()
    options = {"device": "cpu", "dtype": torch.float32, "requires_grad": False, "training": True}
    found = info.module_error_inputs_func(info, **options)
    return tuple(
        _case(loss, e.module_error_input, f"error[{i}]", e.error_type) for i, e in enumerate(found)
    )


def reference(library: Library, case: Case) -> Any:
    """Compare a module with the reference that comes with torch's data."""
    if case.reference is None:
        raise NotACase("no reference")
    given = case.mapped(copied)
    module = given.call(library)
    with torch.no_grad():
        expected = case.reference(module, *given.args, **given.kwargs)
        found = difference(expected, module(*given.args, **given.kwargs))
    assert found is None, found
    return "as the reference"


def copies(library: Library, case: Case) -> Any:
    """Return what a pickled, a deep-copied and a reloaded module compute, and their state."""
    module = case.call(library)
    reloaded = case.call(library)
    reloaded.load_state_dict(module.state_dict())
    others = [pickle.loads(pickle.dumps(module)), copy.deepcopy(module), reloaded]
    given = case.mapped(copied)
    values = [other(*given.args, **given.kwargs) for other in others]
    return values, [other.state_dict() for other in others], module.state_dict()


def identity(library: Library, case: Case) -> Any:
    """Return what can be asked of a module: text, kind, attributes, what it holds."""
    module = case.call(library)
    public = {k: v for k, v in vars(module).items() if not k.startswith("_")}
    held = [*module.named_parameters(), *module.named_buffers()]
    kind = isinstance(module, getattr(torch.nn, case.loss.module))
    return repr(module), str(module), kind, public, held, module.train().training


def converted(library: Library, case: Case) -> Any:
    """Return value and buffers after `.to(float64)`, and the outlines after `.to(bfloat16)`."""
    exact, buffers = _in_dtype(library, case, torch.float64)
    coarse, coarse_buffers = _in_dtype(library, case, torch.bfloat16)
    return exact, buffers, coarse.dtype, coarse.shape, coarse_buffers


def _in_dtype(library: Library, case: Case, dtype: torch.dtype) -> tuple[Tensor, dict[str, Any]]:
    module = case.call(library).to(dtype)
    given = case.mapped(lambda t: t.detach().to(dtype if t.is_floating_point() else t.dtype))
    return module(*given.args, **given.kwargs), dict(module.named_buffers())
