"""The outcome of a minimisation."""

from __future__ import annotations

from dataclasses import dataclass, field

from neglog.translation import gettext as _


@dataclass(frozen=True)
class Outcome:
    """Whether the minimisation converged, why it ended, and notes."""

    converged: bool
    text: str
    notes: list[str] = field(default_factory=list)


def at_infinity(how: str, steps: int, unit: str) -> Outcome:
    """Return the outcome for separated data.

    Args:
        how: a description of the separation.
        steps: the number of steps.
        unit: the name of a step.
    """
    counts = {"step": (_("{count} step"), _("{count} steps")),
              "epoch": (_("{count} epoch"), _("{count} epochs"))}  # fmt: skip
    text = _(
        "the maximum of the likelihood is at infinity: the rows are {how}, so that larger "
        "weights always fit better; stopped after {count}."
    ).format(how=how, count=counts[unit][steps > 1].format(count=steps))
    note = _(
        "the weights are those reached so far, not the maximum, which no finite weights attain: "
        "use them to predict, but do not read them as effects; leave the column out (--drop), pass "
        "a penalty (--l2) or, for two classes, --firth, to have finite ones."
    )
    return Outcome(False, text, [note])
