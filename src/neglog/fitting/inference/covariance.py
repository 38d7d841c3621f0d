"""The covariance of the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from neglog.errors.tables import RoleError
from neglog.fitting.batches.batch import Batch
from neglog.fitting.inference.sparsity import curvature, expected_squares
from neglog.fitting.likelihoods.row_losses import scores
from neglog.fitting.linear.objective import Objective

_AT_KINK = 1e-9


@dataclass(frozen=True)
class Counts:
    """Numbers of rows and weights.

    Attributes:
        rows: n; the sum of the weights if these are frequencies.
        weights: k, the number of estimated weights, without shared parameters.
        frequency: whether a row of weight 2 counts as two rows.
    """

    rows: float
    weights: int
    frequency: bool = True

    @property
    def left(self) -> float:
        """The residual degrees of freedom, n − k."""
        return self.rows - self.weights


@dataclass(frozen=True)
class Estimator:
    """How the covariance of the weights is estimated.

    Attributes:
        label: its name in a summary.
        expected: whether it inverts the information that the model expects, not the Hessian.
        by_pearson: whether Pearson's dispersion multiplies the inverse.
        correction: of a sandwich, the factor for few rows or clusters; None for other estimators.
        clustered: whether the rows of a cluster depend on each other.
    """

    label: str
    expected: bool = False
    by_pearson: bool = False
    correction: Callable[[Counts, int | None], float] | None = None
    clustered: bool = False


def _of_clusters(counts: Counts, groups: int | None) -> float:
    """Return the factor of statsmodels and Stata."""
    assert groups is not None
    if groups < 2:
        raise RoleError("clustered standard errors require two clusters or more, but there is one.")
    return groups / (groups - 1) * (counts.rows - 1) / counts.left


ESTIMATORS = {
    "fisher": Estimator("Fisher", expected=True),
    "observed": Estimator("observed"),
    "quasi": Estimator("quasi-likelihood", expected=True, by_pearson=True),
    "hc0": Estimator("sandwich HC0", correction=lambda *_: 1.0),
    "hc1": Estimator("sandwich HC1", correction=lambda counts, _: counts.rows / counts.left),
    "cluster": Estimator("clustered", correction=_of_clusters, clustered=True),
}
"""The choices of `covariance`; sandwiches hold where the model is wrong about the spread."""


@dataclass(frozen=True)
class Covariance:
    """The covariance of all weights; 0 for aliased ones.

    Attributes:
        matrix: (W, W), in the layout of `Objective`.
        kind: one of the choices of `covariance`; "observed" if Fisher's has no closed form.
        freedom: the degrees of freedom of Student's t; None for the normal distribution.
        groups: the number of clusters, if any.
    """

    matrix: Tensor
    kind: str
    freedom: float | None
    groups: int | None = None


def covariance(
    objective: Objective,
    weights: Tensor,
    free: Tensor,
    hessian: Tensor,
    kind: str,
    counts: Counts,
    dispersion: float,
) -> Covariance:
    """Return the covariance of the weights.

    ``fisher`` inverts the expected information, ``observed`` the Hessian; ``quasi`` multiplies
    Fisher's by Pearson's dispersion. ``hc0`` (the sandwich of Huber and White) is valid if the
    variance is misspecified, ``hc1`` multiplies it by n / (n − k), and ``cluster`` allows
    correlation within a group. For a loss with a kink the sandwich is that of Hendricks and
    Koenker, which estimates the density of the errors for each row.

    Args:
        objective: the rows and their likelihood.
        weights: the optimum.
        free: the indices of the weights that the rows determine.
        hessian: the Hessian of the mean loss at the optimum.
        kind: one of the choices of `covariance`.
        counts: of rows and weights.
        dispersion: the factor of the inverse information.

    Raises:
        FitError: there is one cluster only.
    """
    response, how = objective.response, ESTIMATORS[kind]
    expected = how.expected and response.has_information
    if not response.smooth and how.correction:
        hessian = curvature(objective, free, counts.rows)
    elif not response.smooth or (expected and not response.canonical):
        given = objective.value(weights, expected=True).hessian
        assert given is not None
        hessian = given
    inverse = _inverse(hessian[free][:, free]) / objective.total
    groups = None
    if how.correction is None:
        inner = inverse * dispersion
    else:
        meat, groups = _meat(objective, weights, counts.frequency, how.clustered)
        inner = inverse @ meat[free][:, free] @ inverse * how.correction(counts, groups)
    matrix = torch.zeros_like(hessian)
    matrix[free[:, None], free] = inner
    student = how.by_pearson or response.has_normal_errors
    named = "observed" if how.expected and not expected else kind
    return Covariance(matrix, named, counts.left if student else None, groups)


def _inverse(hessian: Tensor) -> Tensor:
    size = hessian.diagonal().abs().sqrt()
    inverse: Tensor = torch.linalg.inv_ex(hessian / size[:, None] / size).inverse
    return inverse / size[:, None] / size


def _meat(
    objective: Objective, weights: Tensor, frequency: bool, grouped: bool
) -> tuple[Tensor, int | None]:
    """Return the sum of outer products of the scores, per row or per cluster."""
    size, smooth = objective.size, objective.response.smooth
    total = torch.zeros(size, size, dtype=torch.float64)
    power = 1 if frequency else 2
    groups = torch.zeros(0, size, dtype=torch.float64)
    for batch, losses in objective.losses_by_batch(weights):
        if not smooth and not grouped:
            weight = torch.ones_like(losses.nll) if batch.weight is None else batch.weight**power
            total += batch.columns.gram(weight * expected_squares(objective))
            continue
        own = scores(losses, objective.response.outputs, batch.columns)
        if not smooth:  # rounding alone decides on which side of a kink it is
            own = own * (losses.nll > _AT_KINK)[:, None]
        if grouped:
            groups = _add_scores(groups, own, batch)
            continue
        own = own if batch.weight is None else own * (batch.weight ** (power / 2))[:, None]
        total += own.T @ own
    if not grouped:
        return objective.reduce(total.reshape(-1)).reshape(size, size), None
    return groups.T @ groups, int((groups != 0).any(1).sum())


def _add_scores(groups: Tensor, row_scores: Tensor, batch: Batch) -> Tensor:
    """Add the scores of rows to those of their clusters."""
    assert batch.cluster is not None
    count = max(len(groups), int(batch.cluster.max()) + 1)
    padding = torch.zeros(count - len(groups), groups.shape[1], dtype=torch.float64)
    row_scores = row_scores if batch.weight is None else row_scores * batch.weight[:, None]
    return torch.cat([groups, padding]).index_add_(0, batch.cluster, row_scores)


def in_table_units(
    objective: Objective, weights: Tensor, free: Tensor, matrix: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights, standard errors and correlation in the units of the table.

    The covariance itself would overflow or underflow in units such as 1e200.

    Args:
        objective: the rows and their likelihood.
        weights: the optimum.
        free: the indices of the free weights; the covariance of the others is 0.
        matrix: their covariance.
    """
    response, width = objective.response, objective.source.features + 1
    units = objective.source.units
    block = torch.diag(torch.cat([units.scale, torch.ones(1)])) * response.spread
    block[-1, :-1] = -units.centre * response.spread
    blocks = [block] * response.outputs
    transform = torch.block_diag(*blocks, torch.eye(len(response.shared), dtype=torch.float64))
    first = response.outputs * width
    if not response.intercept:  # thresholds, which move as an intercept would, the other way
        transform[first:, : width - 1] = units.centre
    moved = transform @ weights
    moved[width - 1 : first : width] += response.centre
    moved[first:] += response.shared_in_table_units
    largest = transform.abs().amax(1)
    transform = transform / largest[:, None]
    inner = transform[:, free] @ matrix[free][:, free] @ transform[:, free].T
    error = inner.diagonal().sqrt()
    unit = torch.where(error > 0, error, 1.0)
    return moved, error * largest, inner / unit[:, None] / unit
