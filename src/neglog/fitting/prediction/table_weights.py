"""A linear model's weights in the units of the table."""

from __future__ import annotations

import numpy as np
from torch import nn

from neglog.fitting.likelihoods.responses import Response
from neglog.fitting.network.standardise import Standardise, last


def table_weights(model: nn.Sequential, response: Response) -> tuple[np.ndarray, np.ndarray]:
    """Return a linear model's weights (K, P) and intercepts (K,) for the table's own units.

    Those of several classes are centred: they sum to 0 over the classes.
    """
    units, layer = model[0], last(model)
    assert isinstance(units, Standardise)
    weights = layer.weight.detach() / units.scale * response.spread
    intercepts = layer.bias.detach() * response.spread + response.centre - weights @ units.mean
    return response.table_weights(weights.numpy(), intercepts.numpy())
