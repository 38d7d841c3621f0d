"""Where the loops over rows find their data, and what is said of it when they are compiled."""

from __future__ import annotations

# The slots: the next block, facts of the shape, and addresses. A number of x lies at
# outer · OUTER_STEP + row · ROW_STEP + class · CLASS_STEP, `inner` rows in each outer part; a
# number of a target or a gradient, which have no gaps, with outer · classes · inner instead.
(
    OUTER, INNER, CLASSES, ROW_STEP, CLASS_STEP, OUTER_STEP, IGNORED, NUMBERS,
    X, LABELS, TARGETS, SHARES, WEIGHT, VALUE, GRADIENT, EACH, BY_TARGET, SLOTS,
) = range(1, 19)  # fmt: skip
# The numbers: the scale, the part of a target that is kept, what is added to it, and from here on
# two for every block: the sum of its losses, or in a survey of its weights and strange labels.
NOTES = 4

SOFTMAX: bool | None = None  # whether rows are logits, to be normalised
BY_Y: bool | None = None  # whether the derivative by the target is
TARGETED: bool | None = None  # whether there are probabilities
