"""What the table states about an option, in addition to its name, type and default."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

ROWS = "Rows"
READING = "Reading the table"
MODEL = "Model and loss"
OPTIMIZER = "Optimizer"
INTERVALS = "Standard errors and intervals"
OUTPUT = "Output"
PANELS = (ROWS, READING, MODEL, OPTIMIZER, INTERVALS, OUTPUT)
"""The groups of the command line's help and of docs/options.md, in their order."""

NEWTON = "linear models that newton solves"
TRAINED = "optimizers of torch.optim"
NETWORKS = "networks"


@dataclass(frozen=True)
class Range:
    """The numbers that an option allows.

    Attributes:
        words: what follows "must" in the message, such as "lie in [0, 1)".
        contains: whether it allows a number.
    """

    words: str
    contains: Callable[[float], bool]

    @property
    def phrase(self) -> str:
        """The range without a verb, such as "in [0, 1)"."""
        return self.words.partition(" ")[2]


FRACTION = Range("lie in [0, 1)", lambda x: 0 <= x < 1)
BETWEEN_0_AND_1 = Range("lie between 0 and 1", lambda x: 0 < x < 1)
NOT_NEGATIVE = Range("be a number of 0 or more", lambda x: 0 <= x < math.inf)
POSITIVE = Range("be a number above 0", lambda x: 0 < x < math.inf)
AT_LEAST_0 = Range("be 0 or more", lambda x: x >= 0)
AT_LEAST_1 = Range("be 1 or more", lambda x: x >= 1)
SEEDS = Range("lie in [0, 2^63)", lambda x: 0 <= x < 2**63)


@dataclass(frozen=True)
class Option:
    """The facts about an option; its name, type and default are those of the annotated field.

    Texts write the name of another option in braces; each form spells it in its own way.

    Attributes:
        help: its meaning, in full sentences.
        panel: the group that lists it.
        unset: what None means, such as "detected".
        python: what only Python's documentation adds, such as an example.
        command: what only the command line's help adds.
        flags: the flags that set it, if they have other names.
        choices: the values that it allows; all values of its type by default.
        within: the numbers that it allows.
        column: whether it names a non-feature column; Python accepts values too.
        models: the kind of model that it is for; any by default.
        likelihood: the only likelihood that it is for.
        needs: options of which one must be given too.
        excludes: options that it excludes, each with the reason.
        in_memory: why it requires all rows in memory, if it does.
        instead: what to pass instead where it does not apply.
        repeated: whether a flag may be repeated.
        written: whether the command line reads text of its own form, such as 64,32.
    """

    help: str
    panel: str
    unset: str = ""
    python: str = ""
    command: str = ""
    flags: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    within: Range | None = None
    column: bool = False
    models: str = ""
    likelihood: str = ""
    needs: tuple[str, ...] = ()
    excludes: Mapping[str, str] = field(default_factory=dict)
    in_memory: str = ""
    instead: str = ""
    repeated: bool = False
    written: bool = False
