"""A linear model's weights in the units of the table."""

from __future__ import annotations

import numpy as np
from torch import nn

from neglog.fitting.likelihoods.responses import Classes, Response
from neglog.fitting.network.standardise import Standardise, last


def table_weights(model: nn.Sequential, response: Response) -> tuple[np.ndarray, np.ndarray]:
    """Return a linear model's weights (K, P) and intercepts (K,) for the table's own units.

    Those of several classes are centred: they sum to 0 over the classes.
    """
    units, layer = model[0], last(model)
    assert isinstance(units, Standardise)
    weights = layer.weight.detach() / units.scale * response.spread
    intercepts = layer.bias.detach() * response.spread + response.centre - weights @ units.mean
    if isinstance(response, Classes):
        weights, intercepts = (response.logits(part.T).T for part in (weights, intercepts[:, None]))
        weights, intercepts = weights - weights.mean(0), (intercepts - intercepts.mean(0))[:, 0]
    return weights.numpy(), intercepts.numpy()
