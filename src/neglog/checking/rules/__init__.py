"""The rules, grouped by what they look at; importing a module enters its rules."""

from neglog.checking.rule import BATCH_RULES, SETUP_RULES
from neglog.checking.rules import (
    balance,
    binary,
    classes,
    graphs,
    precision,
    probabilities,
    real,
    shapes,
    structured,
    training,
    values,
    weights,
)

__all__ = [
    "BATCH_RULES",
    "SETUP_RULES",
    "balance",
    "binary",
    "classes",
    "graphs",
    "precision",
    "probabilities",
    "real",
    "shapes",
    "structured",
    "training",
    "values",
    "weights",
]
