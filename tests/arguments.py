"""A valid call of every public loss function, by name, for the tests of wrong arguments."""

from __future__ import annotations

from typing import Any

import torch

X = torch.linspace(-2, 2, 18).sin().reshape(6, 3)
BITS, LABELS = (X > 0).float(), torch.tensor([0, 1, 2, 0, 1, 2])
SIGNS, BIT = 2 * BITS - 1, (LABELS > 0).float()
LISTS = torch.tensor([[0, -1, 0], [1, 2, -1], [-1, 0, 0]]).repeat(2, 1)
ROWS = {"input": X, "target": LABELS}
PAIR = {"input": X, "target": BITS}
LAYER = {"input": X, "linear_weight": X[:4].flip(0), "target": LABELS}

CALLS: dict[str, dict[str, Any]] = {
    "asymmetric_loss": PAIR,
    "beta_binomial_nll_loss": PAIR | {"input": X + 3, "concentration0": X + 4},
    "beta_nll_loss": {"input": X + 3, "concentration0": X + 4, "target": 0.5 * BITS + 0.25},
    "beta_nll_weighted_gaussian": PAIR | {"var": X + 2},
    "binary_cross_entropy": PAIR | {"input": X.sigmoid()},
    "binary_cross_entropy_with_logits": PAIR,
    "binomial_nll_loss": PAIR | {"total_count": 2 * torch.ones_like(X)},
    "bradley_terry_loss": {"chosen": X, "rejected": X.flip(0), "margin": 0.5},
    "censored_normal_nll_loss": PAIR | {"scale": X + 2, "censoring": BITS, "upper": X + 3},
    "corn_loss": ROWS,
    "cosine_embedding_loss": {"input1": X, "input2": X.flip(0), "target": SIGNS[:, 0]},
    "cox_ph_loss": {"log_hazard": X[:, 0], "time": X[:, 1] + 3, "event": BIT, "strata": LABELS % 2},
    "cross_entropy": ROWS,
    "crps_loss": PAIR | {"scale": X + 2},
    "ctc_loss": {
        "log_probs": torch.full((6, 2, 4), 0.25).log(),
        "targets": torch.tensor([[1, 1, 2], [2, 3, 0]]),
        "input_lengths": torch.tensor([6, 5]),
        "target_lengths": torch.tensor([3, 2]),
    },
    "discrete_hazard_loss": {"logits": X, "interval": LABELS, "event": BIT},
    "expectile_loss": PAIR,
    "exponential_nll_loss": PAIR | {"target": BITS + 1, "event": BITS},
    "focal_loss": ROWS,
    "gamma_nll_loss": PAIR | {"target": BITS + 1},
    "gaussian_nll_loss": PAIR | {"var": X + 2},
    "generalized_cross_entropy": ROWS,
    "hinge_embedding_loss": PAIR | {"target": SIGNS},
    "huber_loss": PAIR,
    "info_nce": {"query": X, "key": X.flip(0)},
    "inverse_gaussian_nll_loss": PAIR | {"target": BITS + 1},
    "kl_div": {"input": X.log_softmax(1), "target": X.softmax(1), "reduction": "sum"},
    "l1_loss": PAIR,
    "laplace_nll_loss": PAIR | {"scale": X + 2},
    "linear_binary_cross_entropy_with_logits": LAYER | {"target": torch.ones(6, 4)},
    "linear_cross_entropy": LAYER,
    "linear_statistics": LAYER,
    "log_cosh_loss": PAIR,
    "log_normal_nll_loss": PAIR | {"scale": X + 2, "target": BITS + 1},
    "log_softmax": {"input": X, "dim": 1},
    "margin_ranking_loss": {"input1": X, "input2": X.flip(0), "target": SIGNS},
    "mixture_density_loss": {"logits": X, "mean": -X, "log_scale": X.flip(0), "target": BIT},
    "mse_loss": PAIR,
    "multi_margin_loss": ROWS,
    "multilabel_margin_loss": {"input": X, "target": LISTS},
    "multilabel_soft_margin_loss": PAIR,
    "multivariate_normal_nll_loss": {"mean": X, "scale_tril": torch.eye(3), "target": BITS},
    "negative_binomial_nll_loss": PAIR | {"total_count": X + 3},
    "nll_loss": ROWS | {"input": X.log_softmax(1)},
    "ordinal_loss": {"input": X[:, 0], "target": LABELS, "thresholds": torch.tensor([-1.0, 1.0])},
    "plackett_luce_loss": PAIR,
    "poisson_hurdle_nll_loss": PAIR | {"zero_logits": X.flip(0)},
    "poisson_nll_loss": PAIR,
    "poly_loss": ROWS,
    "quantile_loss": PAIR,
    "selected_logprobs": {"input": X, "linear_weight": X[:4].flip(0), "index": LABELS},
    "siglip": {"image": X, "text": X.flip(0)},
    "sigmoid_focal_loss": PAIR,
    "smooth_l1_loss": PAIR,
    "soft_margin_loss": PAIR | {"target": SIGNS},
    "sse_loss": PAIR,
    "student_t_nll_loss": PAIR | {"scale": X + 2},
    "triplet_margin_loss": {"anchor": X, "positive": X.flip(0), "negative": -X},
    "triplet_margin_with_distance_loss": {"anchor": X, "positive": X.flip(0), "negative": -X},
    "tweedie_loss": PAIR,
    "von_mises_nll_loss": PAIR | {"concentration": X + 3},
    "weibull_nll_loss": PAIR | {"log_shape": X, "target": BITS + 1, "event": BITS},
    "zero_inflated_negative_binomial_nll_loss": PAIR | {"total_count": X + 3, "zi_logits": X},
    "zero_inflated_poisson_nll_loss": PAIR | {"zi_logits": X.flip(0)},
}
"""Those of any declaration, `likelihood_loss` and `linear_likelihood_loss`, are the others'."""
