"""Where the rowwise kernels find their data, and the flags that they are compiled with."""

from __future__ import annotations

# The arguments: the next block, facts of the shape, and addresses. A number of x lies at
# outer · OUTER_STEP + row · ROW_STEP + class · CLASS_STEP, `inner` rows in each outer part; a
# number of a target or a gradient, which have no gaps, with outer · classes · inner instead.
(
    OUTER, INNER, CLASSES, ROW_STEP, CLASS_STEP, OUTER_STEP, IGNORED, SCALARS,
    X, LABELS, TARGETS, ROW_WEIGHTS, WEIGHT, VALUE, GRADIENT, EACH, BY_TARGET, ARGS,
) = range(1, 19)  # fmt: skip
# The scalars: the scale, the part of a target that is kept, what is added to it, and from here on
# two partial sums for every block: of its losses, or in a survey of its weights and of its
# invalid labels.
PARTIALS = 4

SOFTMAX: bool | None = None  # whether rows are logits, to be normalised
BY_Y: bool | None = None  # whether the derivative by the target is
TARGETED: bool | None = None  # whether there are probabilities
