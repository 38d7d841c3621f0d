"""Quantile residuals: targets transformed to standard normal values by the predicted distribution.

The quantile residuals of P. K. Dunn and G. K. Smyth (1996): Φ⁻¹(F(y)), F being the predicted
cumulative distribution. They are standard normal if the model is right, whatever the likelihood.
A count has a step of F instead of a value; a point of it is drawn at random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from neglog.fitting.likelihoods.tails import Truths

if TYPE_CHECKING:
    from neglog.fitting.prediction.row_predictions import RowPredictions
    from neglog.fitting.results.fit import Fit

    Array = np.ndarray[Any, Any]

_MAX_RESIDUAL = 37.0  # beyond, a normal probability underflows float64


def quantile_residuals(fit: Fit, rows: RowPredictions) -> Array | None:
    """Return (N,) residuals of rows whose target is a number; None if F is not known.

    Args:
        fit: whose likelihood, scale and dispersion they are.
        rows: the truths and the predicted means (medians, quantiles, centres).

    Example:
        >>> import neglog, numpy as np
        >>> random = np.random.default_rng(0)
        >>> x = random.normal(size=(400, 2))
        >>> fit = neglog.fit(x, random.poisson(np.exp(x[:, 0])), likelihood="poisson")
        >>> residuals = quantile_residuals(fit, fit.training)
        >>> bool(abs(residuals.mean()) < 0.2), bool(0.8 < residuals.std() < 1.2)
        (True, True)
    """
    fitted = fit.fitted
    found = fitted.target.facts.tails_of(
        Truths(
            y=np.asarray(rows.truth, dtype=np.float64),
            mean=np.asarray(rows.predicted, dtype=np.float64),
            weight=rows.weight,
            response=fitted.response,
            shared=fitted.shared,
            dispersion=fitted.dispersion,
        )
    )
    if found is None:
        return None
    below, above = found
    # The smaller tail is the exact one: 1 − 1e-20 would be 1.
    residuals = np.where(below < above, special.ndtri_exp(below), -special.ndtri_exp(above))
    return np.asarray(np.clip(residuals, -_MAX_RESIDUAL, _MAX_RESIDUAL))
