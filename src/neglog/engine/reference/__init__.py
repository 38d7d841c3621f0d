"""The formulas in torch's operations, with which every other backend is compared."""

from __future__ import annotations

from torch import Tensor

from neglog.engine.problem import ComposedProblem, ElementwiseProblem, Problem
from neglog.engine.reference.elementwise import constant as constant
from neglog.engine.reference.elementwise import reduced as reduced
from neglog.engine.reference.elementwise import reduced_elements as reduced_elements
from neglog.engine.reference.elementwise import shown as shown
from neglog.engine.reference.log_softmax import FEW as FEW
from neglog.engine.reference.log_softmax import is_spread as is_spread
from neglog.engine.reference.log_softmax import log_softmax as log_softmax
from neglog.engine.reference.log_softmax import log_softmax_jvp as log_softmax_jvp
from neglog.engine.reference.log_softmax import log_softmax_vjp as log_softmax_vjp
from neglog.engine.reference.rows import count_of_rows as count_of_rows
from neglog.engine.reference.rows import kept_rows as kept_rows
from neglog.engine.reference.rows import losses_of_rows as losses_of_rows
from neglog.engine.reference.rows import one_hot as one_hot
from neglog.engine.reference.rows import reduced_rows
from neglog.engine.reference.rows import scales_of_rows as scales_of_rows
from neglog.engine.reference.rows import shown_rows as shown_rows
from neglog.engine.reference.rows import sums_of_targets as sums_of_targets
from neglog.engine.reference.rows import targets_of as targets_of
from neglog.engine.reference.rows import weights_of_rows as weights_of_rows


def loss(problem: Problem) -> Tensor:
    """Return the reduced loss, as torch differentiates it."""
    if isinstance(problem, ComposedProblem):
        return problem.loss()
    if isinstance(problem, ElementwiseProblem):
        return reduced_elements(problem)
    return reduced_rows(problem)
