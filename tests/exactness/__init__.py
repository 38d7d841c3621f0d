"""How exact the losses and their gradients are, against the textbook in as many digits as it takes.

`NEGLOG_EXACTNESS_POINTS` sets how many points a cell has; the more, the unluckier the worst one.
"""

from __future__ import annotations

from exactness.cells import CELLS as CELLS
from exactness.cells import LIMITS as LIMITS
from exactness.cells import Cell as Cell
from exactness.cells import Outputs as Outputs
from exactness.cells import Problem as Problem
from exactness.cells import Ulps as Ulps
from exactness.cells import worst as worst
from exactness.cells import worst_of as worst_of
from exactness.report import WORST as WORST
from exactness.report import table as table
from exactness.sums import SUMS as SUMS
from exactness.sums import Sum as Sum
