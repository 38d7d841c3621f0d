"""Placeholders in the kernels, which `primitives.triton.to_triton` replaces."""

from __future__ import annotations

from typing import Any

tl: Any = None  # Triton's language

# Types: of the arithmetic; of sums and of numbers that are computed once per row.
REAL: Any = None
SUM: Any = None

# The letters of inputs, given tensors and settings: see `primitives.unrolled`.
n = g = s = 0
INPUTS: Any = None  # how many

# Formulas, and primitives.
nll: Any = None
grad: Any = None
grad_target: Any = None
is_well_conditioned: Any = None
log1p: Any = None
power: Any = None

# Parts of the kernels that have several versions.
treat_any: Any = None
treat_well_conditioned: Any = None
treat_row: Any = None

# Sizes.
BLOCK: Any = None  # elements that are processed at a time
ROWS: Any = None
WIDTH: Any = None  # classes that are processed at a time
INFINITY: Any = None

# Which arguments are present, and which outputs are required.
WEIGHTED: Any = None
MASKED: Any = None  # whether elements of weight 0 may hold any value
REPEATS: Any = None  # whether given numbers and weights repeat with a period
NARROWS: Any = None  # whether blocks of well-conditioned targets are computed in float32
VALUED: Any = None  # whether each loss is written
SUMMED: Any = None  # whether the losses are summed
BY_n: Any = None  # whether the gradient by an input is written
BY_ANY: Any = None  # whether one of them is
BY_Y: Any = None
SCALED: Any = None  # whether the upstream gradient is one number
PULLED: Any = None  # whether it is one number per loss
KEEPS: Any = None  # whether the gradients for an upstream gradient of 1 are written already
ROW_WEIGHTED: Any = None  # whether rows have weights
LABELLED: Any = None
TARGETED: Any = None  # whether targets are soft or smoothed
SURVEYED: Any = None  # whether a mean divides by the sum of `survey`
DIFFERENTIATED: Any = None
WHOLE: Any = None  # whether a row fits into one `WIDTH`
INVERTED: Any = None
HALF: Any = None  # whether the result is stored in half precision
