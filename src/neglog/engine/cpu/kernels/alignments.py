"""Label sequences without alignment: sums over all alignments, forward and backward.

Source: A. Graves, S. Fernández, F. Gomez, J. Schmidhuber, Connectionist temporal classification,
ICML 2006. `forward` computes its α, and `backward` its β, as the α of the reversed labels.
"""

from __future__ import annotations

import math

import numpy as np

from neglog.engine.cpu.kernels.composed import FAULT, GRADIENTS, ROWS, SCALE
from neglog.engine.cpu.kernels.placeholders import (
    COMPUTED_IN,
    KIND,
    address_of,
    array,
    exp,
    in_real,
    load,
    log,
    rank,
    ranked,
    store,
    two_to,
    where,
    wide,
)
from neglog.engine.cpu.kernels.positions import (
    AT_LABELS,
    AT_LABELS_2,
    BETA,
    BLANK,
    BLANKS,
    BLANKS_2,
    CLASSES,
    COUNT,
    FRAMES,
    LABELS,
    LABELS_BACK,
    LENGTHS,
    LN2_HIGH,
    LN2_LOW,
    LOG_PROBS,
    LONGEST,
    OF_CLASS,
    OWN,
    PER_FRAME,
    PER_LABEL,
    PER_SEQUENCE,
    PLACES,
    POSTERIOR,
    REACH,
    ROUNDING,
    SKIPS,
    SKIPS_BACK,
    STEPS,
    TO_FRAME,
    TO_SEQUENCE,
    TO_TARGET,
    ZERO_INFINITY,
    begin,
    emit,
    put_probabilities,
    put_skips,
    spread,
)
from neglog.engine.cpu.kernels.sums import two_sum


def ctc(args, scalars, first, last, losses, lines):
    """Write the negative log-likelihoods of sequences."""
    wide()
    for r in range(first, last):
        start = start_of_target(args, scalars, r)
        loss = math.nan
        if start >= 0:
            loss = loss_of_sequence(args, scalars, r, start, lines)
        elif args[GRADIENTS]:
            put_zeros(args, scalars, r, 0)
        losses[r - first] = loss
        if not loss < math.inf:
            args[FAULT] = 1


def start_of_target(args, scalars, r):
    """Return the index of the first label of a target; −1 if a length, label or blank is wrong."""
    rows, count = args[ROWS], np.int64(scalars[COUNT])
    frames, lengths = array(args[FRAMES], rows, np.int64), array(args[LENGTHS], rows, np.int64)
    labels, blank = array(args[LABELS], count, np.int64), np.int64(scalars[BLANK])
    classes, in_a_row = np.int64(scalars[CLASSES]), scalars[TO_TARGET] == 0.0
    start = r * np.int64(scalars[TO_TARGET])
    if in_a_row:
        for q in range(r):
            start += lengths[q] if 0 <= lengths[q] <= count else count
    end, last = start + lengths[r], r == rows - 1
    if lengths[r] < 0 or lengths[r] > np.int64(scalars[LONGEST]) or end > count:
        return -1
    if frames[r] < 0 or frames[r] > np.int64(scalars[STEPS]) or blank < 0 or blank >= classes:
        return -1
    if in_a_row and last and rows > 1 and end < count:
        return -1
    for i in range(start, end):
        if labels[i] < 0 or labels[i] >= classes or labels[i] == blank:
            return -1
    return start


def loss_of_sequence(args, scalars, r, start, lines):
    """Return the loss of a sequence, and write its gradient."""
    frames = array(args[FRAMES], args[ROWS], np.int64)[r]
    count = array(args[LENGTHS], args[ROWS], np.int64)[r]
    labels = array(args[LABELS], start + count, np.int64)[start:]
    kept = frames if args[GRADIENTS] else 2
    shape = (kept * PER_FRAME + PER_SEQUENCE, count + 1)
    work = array(address_of(lines), shape, np.float64)
    rest = work[kept * PER_FRAME :]
    put_skips(labels, rest)
    loss = forward(args, scalars, r, labels, work, rest)
    divisor = max(1.0, np.float64(count)) if scalars[PER_LABEL] else 1.0
    ignored = loss == math.inf and scalars[ZERO_INFINITY] != 0.0
    if args[GRADIENTS]:
        slope = scalars[SCALE] / divisor if loss < math.inf else math.nan
        put_zeros(args, scalars, r, 0 if ignored else frames)
        if not ignored:
            put_order(labels, rest)
            backward(args, scalars, r, frames, slope, work, rest)
    return 0.0 if ignored else loss / divisor


def put_order(labels, rest):
    """Write the labels in reversed order, and where each occurs first in it."""
    count = len(labels)
    back = array(address_of(rest[LABELS_BACK]), count, np.int64)
    places = array(address_of(rest[PLACES]), count, np.int64)
    for i in range(count):
        back[i] = labels[count - 1 - i]
        places[i] = 0
        while back[places[i]] != back[i]:
            places[i] += 1


def forward(args, scalars, r, labels, work, rest):
    """Write α of all frames, or of the last two if there is no gradient; return the loss."""
    wide()
    frames, count = array(args[FRAMES], args[ROWS], np.int64)[r], len(labels)
    if frames == 0:
        return 0.0 if count == 0 else math.inf
    reach, own = rest[REACH:], rest[OWN:]
    begin(reach)
    level, lost, alpha = 0.0, 0.0, work
    for t in range(frames):
        if t > 0:
            spread(alpha, rest[SKIPS], reach)
        alpha = work[PER_FRAME * (t if args[GRADIENTS] else t & 1) :]
        top = put_probabilities(args, scalars, r, t, labels, own)
        level, lost = two_sum(level, top, lost)
        emit(reach, own, alpha)
    e, e_label = alpha[BLANKS_2, count], alpha[AT_LABELS_2, count]
    top = where(e_label > e, e_label, e)
    total = alpha[BLANKS, count] * two_to(e - top)
    total += alpha[AT_LABELS, count] * two_to(e_label - top)
    if total == 0.0:
        return math.inf
    return -((level + top * LN2_HIGH) + ((lost + top * LN2_LOW) + log(total)))


def backward(args, scalars, r, frames, slope, work, rest):
    """Write the gradient of a sequence: slope · (p − posterior) of each class and frame."""
    wide()
    reach, beta, own = rest[REACH:], rest[BETA:], rest[OWN:]
    labels = array(address_of(rest[LABELS_BACK]), len(rest[0]) - 1, np.int64)
    begin(reach)
    for j in range(frames):
        t = frames - 1 - j
        if j > 0:
            spread(beta, rest[SKIPS_BACK], reach)
        put_probabilities(args, scalars, r, t, labels, own)
        emit(reach, own, beta)
        in_blank, total = put_posteriors(work[PER_FRAME * t :], reach, rest)
        put_powers(args, scalars, r, t, slope)
        put_differences(args, scalars, r, t, slope, in_blank / total, 1.0 / total, rest)


def put_posteriors(alpha, reach, rest):
    """Write the posterior of each label, up to a factor; return that of the blank, and the sum."""
    wide()
    size, posterior = len(rest[0]), rest[POSTERIOR]
    a, e_a, b, e_b = alpha[BLANKS], alpha[BLANKS_2], reach[BLANKS], reach[BLANKS_2]
    highest = rank(e_a[0] + e_b[size - 1])
    for j in range(size):
        highest = max(highest, rank(e_a[size - 1 - j] + e_b[j]))
    m, e_m, n, e_n = (
        alpha[AT_LABELS], alpha[AT_LABELS_2], reach[AT_LABELS][1:], reach[AT_LABELS_2][1:]
    )  # fmt: skip
    for j in range(size - 1):
        highest = max(highest, rank(e_m[size - 1 - j] + e_n[j]))
    top = ranked(highest)
    in_blank = 0.0
    for j in range(size):
        i = size - 1 - j
        in_blank += (a[i] * b[j]) * two_to((e_a[i] + e_b[j]) - top)
    for j in range(size - 1):
        i = size - 1 - j
        posterior[j] = (m[i] * n[j]) * two_to((e_m[i] + e_n[j]) - top)
    total = in_blank
    for j in range(size - 1):
        total += posterior[j]
    return in_blank, total


def put_differences(args, scalars, r, t, slope, in_blank, per_total, rest):
    """Write slope · (p − posterior) of the blank and of the labels, in float64."""
    count, blank = len(rest[0]) - 1, np.int64(scalars[BLANK])
    classes = np.int64(scalars[CLASSES])
    start = r * np.int64(scalars[TO_SEQUENCE]) + t * np.int64(scalars[TO_FRAME])
    x = array(args[LOG_PROBS], start + classes, KIND)[start:]
    gradient = array(args[GRADIENTS], start + classes, KIND)[start:]
    labels = array(address_of(rest[LABELS_BACK]), count, np.int64)
    places = array(address_of(rest[PLACES]), count, np.int64)
    posterior, of_class = rest[POSTERIOR], rest[OF_CLASS]
    gradient[blank] = store(slope * (exp(load(x[blank])) - in_blank))
    for j in range(count):
        of_class[j] = 0.0
    for j in range(count):
        of_class[np.uint64(places[j])] += posterior[j] * per_total
    for j in range(count):  # the difference of each label is that of its first place
        posterior[j] = slope * (exp(load(x[np.uint64(labels[j])])) - of_class[j])
    for j in range(count):
        gradient[np.uint64(labels[j])] = store(posterior[np.uint64(places[j])])


@in_real
def put_powers(args, scalars, r, t, slope):
    """Write slope · p of all classes of a frame."""
    wide()
    classes, factor = np.int64(scalars[CLASSES]), COMPUTED_IN(slope)
    start = r * np.int64(scalars[TO_SEQUENCE]) + t * np.int64(scalars[TO_FRAME])
    x = array(args[LOG_PROBS], start + classes, KIND)[start:]
    gradient = array(args[GRADIENTS], start + classes, KIND)[start:]
    highest = rank(load(x[0]))
    for c in range(classes):
        k = np.uint64(c)
        highest = max(highest, rank(load(x[k])))
        gradient[k] = store(factor * exp(load(x[k])))
    if ranked(highest) > COMPUTED_IN(ROUNDING):
        args[FAULT] = 1


def put_zeros(args, scalars, r, first):
    """Write the gradient of the frames that a sequence does not have."""
    classes = np.int64(scalars[CLASSES])
    for t in range(first, np.int64(scalars[STEPS])):
        start = r * np.int64(scalars[TO_SEQUENCE]) + t * np.int64(scalars[TO_FRAME])
        gradient = array(args[GRADIENTS], start + classes, KIND)[start:]
        for c in range(classes):
            gradient[np.uint64(c)] = store(0.0)


OF_SEQUENCES = (  # what `ctc` calls, in this order
    start_of_target, put_skips, put_order, begin, put_probabilities, spread, emit,
    forward, put_posteriors, put_differences, put_powers, put_zeros, backward, loss_of_sequence,
)  # fmt: skip
