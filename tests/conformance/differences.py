"""The deliberate differences: where neglog raises by default although torch returns a number."""

from __future__ import annotations

import re

from neglog import NeglogError

# Reason → (the error's class or a base of it, the beginning of its message). `torch_compatible()`
# takes all back.
DELIBERATE = {
    "different shapes": ("ShapeError", r"\w+ and \w+ must have the same shape"),
    "scalar input": ("ShapeError", r"input must be \(C,\) or \(N, C\)"),
    "complex input": ("DtypeError", r"\w+ must be real"),
    "integer input": ("DtypeError", r"\w+ must be floating"),
    "value outside the support": ("SupportError", r"\w+ must hold "),
    "negative weight": ("ArgumentError", r"\w+ must be finite and 0 or more"),
}


def named(error: NeglogError) -> str | None:
    """Return the listed reason of an error, or None if it is not listed."""
    for reason, (kind, beginning) in DELIBERATE.items():
        kinds = {base.__name__ for base in type(error).__mro__}
        if kind in kinds and re.match(beginning, str(error)):
            return reason
    return None
