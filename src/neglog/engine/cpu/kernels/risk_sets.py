"""Sequential choices: loss and gradient of rows in two passes over their items."""

from __future__ import annotations

import math

import numpy as np

from neglog.engine.cpu.kernels.composed import GRADIENTS, SCALE, SETTINGS, TENSORS, WIDTH
from neglog.engine.cpu.kernels.placeholders import KIND, array, exp, load, log, store, wide

# Tensors: the scores (−∞ for items in no risk set), the weights of the events (0 for other items),
# the order of the items, and the changes between them. Setting: whether tied events leave one by
# one.
SCORES, EVENTS, ORDER, CHANGES = range(TENSORS, TENSORS + 4)
EFRON = SETTINGS
# Changes: an item of another time than the one before it, or of another stratum.
NEW_TIME, NEW_STRATUM = 1, 2
# Facts of the items: the score and its exponential, both relative to the level of its time; that
# level, unless all have one: memory that is not written costs nothing. At the last item of a time
# the sum of 1 / risk over its events replaces the score, and LACK is what its events lack of it.
SCORE, POWER, LEVEL, LACK = range(4)
RATE = SCORE
FACTS = 4

_LEAST, _MOST = 1e-60, 1e60  # of a product that is multiplied by another e^(−500)
_RANGE = 500.0  # of scores whose exponentials float64 can add up


def risk_sets(args, scalars, first, last, losses, lines):
    """Write the negative log-likelihood of the events of each row."""
    wide()
    facts = np.empty((FACTS, args[WIDTH]))
    for r in range(first, last):
        is_level = gather_scores(args, r, facts)
        losses[r - first] = sum_choices(args, scalars, r, facts, is_level)
        if args[GRADIENTS]:
            put_gradient(args, scalars, r, facts, is_level)


def gather_scores(args, r, facts):
    """Put the scores of a row in order; return whether the highest is the level of all times."""
    wide()
    items = args[WIDTH]
    start, end = r * items, (r + 1) * items
    scores, order = (
        array(args[SCORES], end, KIND)[start:],
        array(args[ORDER], end, np.int64)[start:],
    )
    ordered, powers = facts[SCORE], facts[POWER]
    least, most = math.inf, -math.inf
    for j in range(items):
        score = load(scores[order[j]])
        ordered[j] = score
        least = min(least, score if score > -math.inf else least)
        most = max(most, score)
    if not most - least <= _RANGE:
        return False
    for j in range(items):
        ordered[j] -= most
        powers[j] = exp(ordered[j])
    return True


def sum_choices(args, scalars, r, facts, is_level):
    """Return the loss of a row."""
    items, efron = args[WIDTH], scalars[EFRON]
    start, stop = r * items, (r + 1) * items
    order, events = (
        array(args[ORDER], stop, np.int64)[start:],
        array(args[EVENTS], stop, KIND)[start:],
    )
    changes = array(args[CHANGES], stop, np.uint8)[start:]
    loss, risk, top = 0.0, 0.0, -math.inf
    product, factor = 1.0, 0.0  # one logarithm for several choices
    first = 0
    while first < items:
        end = first + 1
        while end < items and changes[end] == 0:
            end += 1
        if changes[first] & NEW_STRATUM:
            risk, top = 0.0, -math.inf
        if not is_level:
            top = raise_level(facts, first, end, top)
            if first and not changes[first] & NEW_STRATUM and risk:
                risk *= exp(facts[LEVEL, first - 1] - top)
        tied, number, weight = 0.0, 0, 0.0
        for j in range(first, end):
            event = load(events[order[j]])
            if event > 0.0:
                tied += facts[POWER, j]
                number += 1
                weight += event
                loss -= event * facts[SCORE, j]
            else:
                risk += facts[POWER, j]
        rate, lack = 0.0, 0.0
        shares = number if efron else min(number, 1)
        share = weight / max(shares, 1)
        for i in range(shares):
            gone = i / number if i else 0.0
            left = risk + (1.0 - gone) * tied
            if share != factor or not _LEAST < product < _MOST:
                loss += factor * log(product)
                product, factor = 1.0, share
            product *= left
            rate += share / left
            lack += gone * (share / left)
        risk += tied
        facts[RATE, end - 1], facts[LACK, end - 1] = rate, lack
        first = end
    return loss + factor * log(product)


def raise_level(facts, first, end, top):
    """Take the highest score so far as the level of a time, and return it."""
    for j in range(first, end):
        top = max(top, facts[SCORE, j])
    for j in range(first, end):
        facts[LEVEL, j] = top
        facts[SCORE, j] -= top
        facts[POWER, j] = exp(facts[SCORE, j]) if top > -math.inf else 0.0
    return top


def put_gradient(args, scalars, r, facts, is_level):
    """Write the gradient of a row: the probabilities of each item in its choices − its event."""
    items = args[WIDTH]
    start, end = r * items, (r + 1) * items
    order, events = (
        array(args[ORDER], end, np.int64)[start:],
        array(args[EVENTS], end, KIND)[start:],
    )
    changes = array(args[CHANGES], end, np.uint8)[start:]
    gradient = array(args[GRADIENTS], end, KIND)[start:]
    rate, lack = 0.0, 0.0
    for i in range(items):
        j = items - 1 - i
        change = NEW_STRATUM if i == 0 else changes[j + 1]
        if change & NEW_STRATUM:
            rate = 0.0
        if change:
            if rate and not is_level:
                rate *= exp(facts[LEVEL, j] - facts[LEVEL, j + 1])
            rate += facts[RATE, j]
            lack = facts[LACK, j]
        event = load(events[order[j]])
        own = rate - lack if event > 0.0 else rate
        gradient[order[j]] = store(scalars[SCALE] * (facts[POWER, j] * own - event))


HELPERS = (gather_scores, raise_level, sum_choices, put_gradient)  # of `risk_sets`, in this order
