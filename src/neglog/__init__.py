"""The loss layer for PyTorch: a loss is the negative logarithm of a likelihood."""

from typing import Any

from neglog import functional as functional
from neglog.criteria import BCELoss as BCELoss
from neglog.criteria import BCEWithLogitsLoss as BCEWithLogitsLoss
from neglog.criteria import CrossEntropyLoss as CrossEntropyLoss
from neglog.criteria import LogSoftmax as LogSoftmax
from neglog.criteria import MSELoss as MSELoss
from neglog.criteria import NLLLoss as NLLLoss
from neglog.criteria import SSELoss as SSELoss
from neglog.errors import NeglogError as NeglogError
from neglog.likelihood import REGISTRY as REGISTRY

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import `fit` when it is asked for: it needs the packages of ``neglog[fit]``."""
    if name == "fit":
        from neglog.fitting.api import fit

        return fit
    raise AttributeError(f"module 'neglog' has no attribute {name!r}")
