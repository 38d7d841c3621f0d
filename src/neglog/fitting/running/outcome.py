"""How a minimisation ended."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """Whether the minimum was reached, what ended the search, and what is to be noted."""

    converged: bool
    text: str
    notes: list[str] = field(default_factory=list)


def at_infinity(how: str, steps: int, unit: str) -> Outcome:
    """Return the outcome for classes that a plane separates.

    Args:
        how: in what way, and by which columns.
        steps: after how many steps the search ended.
        unit: what a step is called.
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
