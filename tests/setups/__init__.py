"""Right and wrong set-ups that measure `neglog.check`: see `table`.

Every wrong one names the code of the finding it must yield; a right one must yield nothing. Those
of `LATER` were written when the rules were finished, to see what they do on set-ups that they were
not made for. At first try, of the first 67, one of 45 right ones raised an alarm
(`adaptive_softmax`), one of 22 wrong ones was missed (`missing_regression_targets_as_minus_1`, as
it still is) and two had a needless second finding; the rest were written after that was fixed,
and nothing was wrong with them.

Those of `SCRIPTS` are modelled on public training scripts, and were written before the rules were
changed for them. At first try 29 of 47 right ones raised an alarm or were refused, as the model,
the loader or the criterion held no plain tensors, and 2 of 53 wrong ones were found. Now no right
one raises an alarm and every wrong one is found.

Those of `scripts_right_3` and `scripts_wrong_3` were written when all that was finished: 1 of 31
right ones raised an alarm and 10 of 38 wrong ones were missed. `later_5` has their neighbours,
written to find further gaps: 2 of 12 right ones and 19 of 20 wrong ones were judged wrongly before
the rules changed. Of the 16 right ones of `scripts_right_4`, written after that, none raises one.
Those of `structured` were written with the rules for losses of several tensors, and say nothing
about others.
"""

from __future__ import annotations

from collections import Counter
from importlib import import_module

from setups.parts import EXAMPLES as EXAMPLES
from setups.parts import LATER as LATER
from setups.parts import SCRIPTS as SCRIPTS
from setups.parts import Example as Example

NAMES = (
    "right_batches_1",
    "right_batches_2",
    "right_models",
    "wrong_batches_1",
    "wrong_batches_2",
    "wrong_models",
    "added",
    "later_1",
    "later_2",
    "later_3",
    "later_4",
    "later_5",
    "scripts_right_1",
    "scripts_right_2",
    "scripts_right_3",
    "scripts_right_4",
    "scripts_wrong_1",
    "scripts_wrong_2",
    "scripts_wrong_3",
    "structured",
)
MODULES = [import_module(f"setups.{name}") for name in NAMES]


def table() -> str:
    """Return how `check` did: mistakes found, false alarms, and both by code."""
    found: Counter[str] = Counter()
    total: Counter[str] = Counter()
    alarms: Counter[str] = Counter()
    for one in EXAMPLES + LATER + SCRIPTS:
        codes = {finding.code for finding in one.report()}
        if one.code is not None:
            total[one.code] += 1
            found[one.code] += one.code in codes
        alarms.update(codes - {one.code, *one.also})
    mistakes = total.total()
    count = len(EXAMPLES + LATER + SCRIPTS)
    lines = [
        f"set-ups           {count:>4}, {len(LATER)} of them written after the rules",
        f"mistakes found    {found.total():>4} of {mistakes}",
        f"false alarms      {alarms.total():>4} ({count - mistakes} set-ups are right)",
        "",
        f"{'code':<26}found  of  false alarms",
    ]
    for code in sorted(total | alarms):
        lines.append(f"{code:<26}{found[code]:>5}{total[code]:>4}{alarms[code]:>14}")
    return "\n".join(lines)
