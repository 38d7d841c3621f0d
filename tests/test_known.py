"""Every public loss is known to `check`, to `explain`, to the table of exactness and to `bench`."""

from __future__ import annotations

import inspect

import pytest
from torch import nn

import neglog
from neglog import criteria, functional
from neglog.checking.criterion import identify

# `likelihood_loss` and its module take any declaration, and `LogSoftmax` is no loss.
FUNCTIONS = [
    name
    for name in functional.__all__
    for parameters in [list(inspect.signature(getattr(functional, name)).parameters.values())]
    if "reduction" in [p.name for p in parameters] and parameters[0].annotation == "Tensor"
]
MODULES = [name for name in criteria.__all__ if name != "LogSoftmax"]


def test_all_losses_are_listed() -> None:
    assert {getattr(criteria, name)._function.__name__ for name in MODULES
            if name != "AdaptiveLogSoftmaxWithLoss"} <= set(FUNCTIONS)  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_check_knows_every_function(name) -> None:
    assert identify(getattr(functional, name), (), {}).kind != "other"


@pytest.mark.parametrize("name", MODULES)
def test_check_knows_every_module_of_neglog_and_torch(name) -> None:
    for home in (neglog, nn):
        cls = getattr(home, name, None)
        if cls is not None:
            module = object.__new__(cls)  # constructors take sizes and thresholds
            nn.Module.__init__(module)
            module.reduction = "mean"
            assert identify(module, (), {}).kind != "other"
