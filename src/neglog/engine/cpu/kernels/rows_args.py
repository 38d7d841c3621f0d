"""The arguments of the row-wise kernels, and the flags that they are compiled for."""

from __future__ import annotations

# Arguments: the next block, the shape, and addresses. The index of an element of x is
# outer · OUTER_STEP + row · ROW_STEP + class · CLASS_STEP, with `inner` rows per outer part;
# targets and gradients, which have no gaps, use outer · classes · inner as the first term.
(
    OUTER, INNER, CLASSES, ROW_STEP, CLASS_STEP, OUTER_STEP, IGNORED, SCALARS,
    X, LABELS, TARGETS, ROW_WEIGHTS, WEIGHT, VALUE, GRADIENT, EACH, BY_TARGET, SETTINGS, ARGS,
) = range(1, 20)  # fmt: skip
# Scalars: the scale, the factor of a target, the number added to it; from here on, two partial sums
# per block: of its losses or, in `survey`, of its weights and its labels out of range.
PARTIALS = 4

SOFTMAX: bool | None = None  # whether rows are logits, which are normalised
BY_Y: bool | None = None  # whether the target requires a gradient
TARGETED: bool | None = None  # whether targets are soft or smoothed
