"""The positions of an alignment in each frame, and the probabilities of reaching them.

At each frame an alignment is at a label or in the blank before or after one: two kinds of
positions. The probability of the frames up to a position, and of those after it, is far below the
least float64 in a long sequence. So it is stored as a mantissa and a whole exponent: sums of such
numbers take no exponential and no logarithm, and lose fewer digits than logarithms do. All are
relative to the likeliest class of each frame, so that a nearly certain sequence loses none.
"""

from __future__ import annotations

import math

import numpy as np

from neglog.engine.cpu.kernels.composed import FAULT, SETTINGS, TENSORS
from neglog.engine.cpu.kernels.placeholders import (
    KIND,
    array,
    exp,
    exponent_of,
    load,
    nearest,
    rank,
    ranked,
    two_to,
    where,
    wide,
)
from neglog.engine.cpu.kernels.sums import in_order
from neglog.primitives.formats import FORMATS

LOG_PROBS, LABELS, FRAMES, LENGTHS = range(TENSORS, TENSORS + 4)
# Settings: the blank; whether a loss is divided by the number of its labels; whether that of a
# target that does not fit is 0; then the number of frames in memory, of classes, the elements from
# a sequence and a frame to the next, the labels of the longest target and of all, and those from a
# target to the next, 0 for labels in a row.
BLANK, PER_LABEL, ZERO_INFINITY = range(SETTINGS, SETTINGS + 3)
STEPS, CLASSES, TO_SEQUENCE, TO_FRAME, LONGEST, COUNT, TO_TARGET = range(
    SETTINGS + 3, SETTINGS + 10
)

# Lines of numbers for each position: mantissas and exponents of the probabilities in blanks and at
# labels. A line of labels starts with a label that does not exist.
BLANKS, BLANKS_2, AT_LABELS, AT_LABELS_2 = range(4)
PER_FRAME = 4
# Lines of a sequence: the probabilities before a frame's own; β; the frame's own, the blank's last;
# which labels may follow the one before without a blank (0 or `CLOSED`, in both orders); the
# posterior of each position, and of each class where it occurs first; these places; the labels in
# reversed order.
REACH, BETA, OWN, OWN_2, SKIPS, SKIPS_BACK = 0, 4, 8, 9, 10, 11
POSTERIOR, OF_CLASS, PLACES, LABELS_BACK = 12, 13, 14, 15
PER_SEQUENCE = 16

ZERO, CLOSED = -1e300, -2e300  # the exponent of 0, and one that is less than it
LEAST = -1e290  # logarithms below are those of 0
ROUNDING = 1e-2  # of a logarithm in half precision
PER_LN2 = 1.0 / math.log(2.0)
LN2_HIGH, LN2_LOW = FORMATS[np.float64].ln2_high, FORMATS[np.float64].ln2_low


def put_skips(labels, rest):
    """Write which labels may follow the one before without a blank, in both orders."""
    count, forth, back = len(labels), rest[SKIPS], rest[SKIPS_BACK]
    for i in range(count):
        forth[i] = CLOSED if i == 0 or labels[i] == labels[i - 1] else 0.0
    for i in range(count):
        back[i] = CLOSED if i == 0 else forth[count - i]


def begin(reach):
    """Write the probabilities before the first frame: its first blank or first label follows."""
    for i in range(len(reach[0])):
        reach[BLANKS, i] = reach[AT_LABELS, i] = 0.0
        reach[BLANKS_2, i] = reach[AT_LABELS_2, i] = ZERO
    reach[BLANKS, 0], reach[BLANKS_2, 0] = 1.0, 0.0
    if len(reach[0]) > 1:
        reach[AT_LABELS, 1], reach[AT_LABELS_2, 1] = 1.0, 0.0


@in_order
def put_probabilities(args, scalars, r, t, labels, own):
    """Write the probabilities of the labels and the blank, relative to the highest; return its ln.

    They are e^x = 2^k e^(x − k ln 2).
    """
    wide()
    classes, count = np.int64(scalars[CLASSES]), len(labels)
    start = r * np.int64(scalars[TO_SEQUENCE]) + t * np.int64(scalars[TO_FRAME])
    x = array(args[LOG_PROBS], start + classes, KIND)[start:]
    powers, exponents = own[0], own[1]
    for i in range(count):
        powers[i] = load(x[np.uint64(labels[i])])
    powers[count] = load(x[np.int64(scalars[BLANK])])
    highest = rank(powers[0])
    for i in range(count + 1):
        highest = max(highest, rank(powers[i]))
    top = ranked(highest)
    if top > ROUNDING:
        args[FAULT] = 1
    if top == -math.inf:
        top = 0.0
    for i in range(count + 1):
        below = powers[i] - top
        is_zero = below < LEAST
        below = where(is_zero, 0.0, below)
        k = nearest(below * PER_LN2)
        rest = where(k < -1e15, 0.0, (below - k * LN2_HIGH) - k * LN2_LOW)
        powers[i] = where(is_zero, 0.0, exp(rest))
        exponents[i] = k
    return top


def spread(before, skips, after):
    """Write the probability of the positions that may precede each position."""
    wide()
    size = len(skips)
    blank, e_blank, label, e_label = (
        before[BLANKS], before[BLANKS_2], before[AT_LABELS], before[AT_LABELS_2]
    )  # fmt: skip
    total, top = after[BLANKS], after[BLANKS_2]
    for i in range(size):
        top[i] = where(e_label[i] > e_blank[i], e_label[i], e_blank[i])
    for i in range(size):
        of_blank, of_label = two_to(e_blank[i] - top[i]), two_to(e_label[i] - top[i])
        total[i] = blank[i] * of_blank + label[i] * of_label
    total, top = after[AT_LABELS][1:], after[AT_LABELS_2][1:]
    stay, e_stay = label[1:], e_label[1:]
    for i in range(size - 1):
        e_skip = e_label[i] + skips[i]
        most = where(e_blank[i] > e_skip, e_blank[i], e_skip)
        top[i] = where(e_stay[i] > most, e_stay[i], most)
    for i in range(size - 1):
        e_skip = e_label[i] + skips[i]
        entered = blank[i] * two_to(e_blank[i] - top[i]) + label[i] * two_to(e_skip - top[i])
        total[i] = stay[i] * two_to(e_stay[i] - top[i]) + entered


def emit(reach, own, after):
    """Multiply by the probabilities of a frame's labels, and bring mantissas into [1, 2)."""
    wide()
    count = len(own[0]) - 1
    power, exponent = own[0, count], own[1, count]
    for i in range(count + 1):
        total = reach[BLANKS, i] * power
        k = exponent_of(total)
        after[BLANKS, i] = total * two_to(-k)
        after[BLANKS_2, i] = where(total == 0.0, ZERO, reach[BLANKS_2, i] + (exponent + k))
    after[AT_LABELS, 0], after[AT_LABELS_2, 0] = 0.0, ZERO
    into, into_2 = after[AT_LABELS][1:], after[AT_LABELS_2][1:]
    mantissas, exponents = reach[AT_LABELS][1:], reach[AT_LABELS_2][1:]
    powers, e_powers = own[0], own[1]
    for i in range(count):
        total = mantissas[i] * powers[i]
        into[i] = total
    for i in range(count):
        total = into[i]
        k = exponent_of(total)
        into[i] = total * two_to(-k)
        into_2[i] = where(total == 0.0, ZERO, exponents[i] + (e_powers[i] + k))
