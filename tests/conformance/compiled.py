"""Checks of `torch.compile`: one graph, dynamic shapes; eager torch is the reference."""

from __future__ import annotations

from typing import Any

import torch

from conformance.cases import Case, NotACase, copied
from conformance.losses import OURS, Library
from conformance.surroundings import value_and_gradient


def aot_eager(library: Library, case: Case) -> Any:
    """Return value and gradient of the traced loss, without code generation."""
    return _compiled(library, case, "aot_eager")


def inductor(library: Library, case: Case) -> Any:
    """Return value and gradient of the loss in generated code."""
    return _compiled(library, case, "inductor")


def _compiled(library: Library, case: Case, backend: str) -> Any:
    if case.loss.function == "ctc_loss":
        raise NotACase("torch does not trace it")
    eager = value_and_gradient(library, case.mapped(copied))
    if library is not OURS:
        return eager
    from torch._inductor import config as inductor_config  # takes a second

    torch.compiler.reset()
    options = {"fullgraph": True, "dynamic": True, "backend": backend}
    with inductor_config.patch(fx_graph_cache=False):  # ignore compiled results of earlier runs
        compiled = torch.compile(case.call(library), **options)
        return value_and_gradient(library, case.mapped(copied), compiled)
