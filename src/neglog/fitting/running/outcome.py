"""The outcome of a minimisation."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    text = (
        f"the maximum of the likelihood is at infinity: the rows are {how}, so that larger "
        f"weights always fit better; stopped after {steps} {unit}{'s' * (steps > 1)}."
    )
    note = (
        "the weights are those reached so far, not the maximum, which no finite weights attain: "
        "use them to predict, but do not read them as effects; leave the column out (--drop), pass "
        "a penalty (--l2) or, for two classes, --firth, to have finite ones."
    )
    return Outcome(False, text, [note])
