"""The weights of several classes without a base: each feature's sum to 0 over the classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neglog.fitting.coefficients import Coefficients


def centred(coefficients: Coefficients, classes: list[str]) -> Coefficients:
    """Return the K classes' coefficients, given those of all but a base.

    Their standard errors are those of the linear combinations that they are, which no choice of
    the base changes; the K by K covariance of a feature is singular, as the weights sum to 0.

    Args:
        coefficients: of K − 1 classes against the base.
        classes: the labels of all K, in order.
    """
    fitted = list(dict.fromkeys(output for output, _ in coefficients.names))
    features = [feature for output, feature in coefficients.names if output == fitted[0]]
    way = np.array([[float(label == other) for other in fitted] for label in classes])
    way -= 1 / len(classes)
    every = np.kron(way, np.eye(len(features)))
    estimate = way @ coefficients.estimate.reshape(len(fitted), -1)
    error = coefficients.error.reshape(len(fitted), -1)
    largest = np.nan_to_num(error).max(0)
    unit = np.where(largest > 0, largest, 1.0)  # else squares of 1e200 would be infinite
    own = np.nan_to_num(error / unit).ravel()
    covariance = every @ (np.nan_to_num(coefficients.correlation) * own * own[:, None]) @ every.T
    sizes = np.sqrt(covariance.diagonal())
    whole = np.where(sizes > 0, sizes, 1.0)
    nowhere = np.isnan(error).any(0)
    found = np.where(nowhere, np.nan, sizes.reshape(len(classes), -1) * unit)
    return replace(
        coefficients,
        names=[(label, feature) for label in classes for feature in features],
        estimate=estimate.ravel(),
        error=found.ravel(),
        correlation=covariance / whole / whole[:, None],
    )
