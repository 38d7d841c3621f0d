"""What the loops leave open until `primitives.triton.to_triton` fills it in."""

from __future__ import annotations

from typing import Any

tl: Any = None  # Triton's language

# Types: that of the arithmetic, and that of sums and of what is computed once for a row.
REAL: Any = None
SUM: Any = None

# Formulas, all from (first, second, given, setting, y); and primitives.
nll: Any = None
grad: Any = None
grad_target: Any = None
is_well_conditioned: Any = None
log1p: Any = None
power: Any = None

# Parts of the loops that there are several of.
treat_well_conditioned: Any = None
treat_row: Any = None

# Sizes.
BLOCK: Any = None  # elements that are treated at a time
ROWS: Any = None
WIDTH: Any = None  # classes that are treated at a time
INFINITY: Any = None

# What there is, and what is wanted.
TWO_INPUTS: Any = None
GIVES: Any = None
WEIGHTED: Any = None
MASKED: Any = None  # whether what has weight 0 may hold anything
REPEATS: Any = None  # whether what is given, and the weight, start again after a period
NARROWS: Any = None  # whether blocks of well-conditioned targets are computed in float32
VALUED: Any = None  # whether each loss is written
SUMMED: Any = None  # whether they are added up
BY_FIRST: Any = None
BY_SECOND: Any = None
BY_Y: Any = None
SCALED: Any = None  # whether one number comes from above
PULLED: Any = None  # whether a number for each loss does
KEEPS: Any = None  # whether the derivatives are there already if that number is 1
ROW_WEIGHTED: Any = None  # whether rows have shares
LABELLED: Any = None
TARGETED: Any = None  # whether the target spreads over the classes
SURVEYED: Any = None  # whether a mean divides by what the labels say
DIFFERENTIATED: Any = None
WHOLE: Any = None  # whether a row fits into one width
INVERTED: Any = None
HALF: Any = None  # whether the result is stored as one
