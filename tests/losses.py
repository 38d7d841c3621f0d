"""One call for each public loss: x (N, 3) is the prediction; the target is fixed inside."""

from __future__ import annotations

import torch

from neglog import functional as F


def const(x, value):
    return torch.full_like(x, value).detach()


def label(x, value):
    return torch.full_like(x[:, 0], value).detach().long()


# Each with the kind of prediction that it takes.
LOSSES = {
    "sse": (lambda x, **o: F.sse_loss(x, const(x, 0.3), **o), "real"),
    "mse": (lambda x, **o: F.mse_loss(x, const(x, 0.3), **o), "real"),
    "mse weighted": (lambda x, **o: F.mse_loss(x, const(x, 0.3), weight=const(x, 2), **o), "real"),
    "l1": (lambda x, **o: F.l1_loss(x, const(x, 0.31), **o), "real"),
    "huber": (lambda x, **o: F.huber_loss(x, const(x, 0.3), delta=0.75, **o), "real"),
    "smooth l1": (lambda x, **o: F.smooth_l1_loss(x, const(x, 0.3), beta=0.375, **o), "real"),
    "gaussian": (lambda x, **o: F.gaussian_nll_loss(x, const(x, 0.3), x.square() + 1, **o), "real"),
    "gaussian full": (
        lambda x, **o: F.gaussian_nll_loss(x, const(x, 0.3), 0.5, full=True, **o),
        "real",
    ),
    "poisson": (lambda x, **o: F.poisson_nll_loss(x, const(x, 2), full=True, **o), "real"),
    "poisson rate": (
        lambda x, **o: F.poisson_nll_loss(x, const(x, 2), log_input=False, full="exact", **o),
        "unit",
    ),
    "kl": (lambda x, **o: F.kl_div(x, const(x, 1 / 3), **{"reduction": "sum"} | o), "rows"),
    "kl log": (
        lambda x, **o: F.kl_div(x, const(x, -1.1), log_target=True, **{"reduction": "sum"} | o),
        "rows",
    ),
    "bce": (lambda x, **o: F.binary_cross_entropy(x, const(x, 0.3), **o), "unit"),
    "bce logits": (
        lambda x, **o: F.binary_cross_entropy_with_logits(x, const(x, 1), **o),
        "real",
    ),
    "bce weighted": (
        lambda x, **o: F.binary_cross_entropy_with_logits(
            x, const(x, 1), weight=const(x, 0.7), pos_weight=torch.tensor(2.0), **o
        ),
        "real",
    ),
    "soft margin": (lambda x, **o: F.soft_margin_loss(x, const(x, -1), **o), "real"),
    "multilabel": (
        lambda x, **o: F.multilabel_soft_margin_loss(x, const(x, 1), weight=torch.ones(3), **o),
        "real",
    ),
    "nll": (lambda x, **o: F.nll_loss(x, label(x, 0), **o), "rows"),
    "cross entropy": (lambda x, **o: F.cross_entropy(x, label(x, 1), **o), "rows"),
    "smoothed": (
        lambda x, **o: F.cross_entropy(x, label(x, 1), label_smoothing=0.25, **o),
        "rows",
    ),
    "probabilities": (lambda x, **o: F.cross_entropy(x, const(x, 1 / 3), **o), "rows"),
    "offset": (
        lambda x, **o: F.cross_entropy(x, label(x, 1), offset=torch.tensor([0.5, 0, 1]).to(x), **o),
        "rows",
    ),
    "bce smoothed": (
        lambda x, **o: F.binary_cross_entropy_with_logits(
            x, const(x, 1), label_smoothing=0.25, **o
        ),
        "real",
    ),
    "focal": (lambda x, **o: F.focal_loss(x, label(x, 1), **o), "rows"),
    "focal soft": (lambda x, **o: F.focal_loss(x, const(x, 1 / 3), 1.5, **o), "rows"),
    "poly": (lambda x, **o: F.poly_loss(x, label(x, 1), **o), "rows"),
    "generalized": (lambda x, **o: F.generalized_cross_entropy(x, label(x, 1), **o), "rows"),
    "sigmoid focal": (
        lambda x, **o: F.sigmoid_focal_loss(x, const(x, 1), **{"reduction": "mean"} | o),
        "real",
    ),
    "asymmetric": (lambda x, **o: F.asymmetric_loss(x, const(x, 1), **o), "real"),
    "quantiles": (
        lambda x, **o: F.quantile_loss(x, const(x[:, 0], 0.31), (0.25, 0.5, 0.875), **o),
        "real",
    ),
    "log cosh": (lambda x, **o: F.log_cosh_loss(x, const(x, 0.3), **o), "real"),
    "student t gaussian": (
        lambda x, **o: F.student_t_nll_loss(x, x.square() + 1, const(x, 0.3), full=True, **o),
        "real",
    ),
    "censored gaussian": (
        lambda x, **o: F.censored_normal_nll_loss(
            x,
            x.square() + 1,
            const(x, 0.3),
            torch.tensor([-1, 0, 2]).expand(x.shape),
            const(x, 0.75),
            **o,
        ),
        "real",
    ),
    "tweedie": (lambda x, **o: F.tweedie_loss(x, const(x, 2), full="exact", **o), "real"),
    "weibull gaussian": (
        lambda x, **o: F.weibull_nll_loss(x, 0.1 * x, const(x, 2), label(x, 0)[:, None], **o),
        "real",
    ),
    "zinb gaussian": (
        lambda x, **o: F.zero_inflated_negative_binomial_nll_loss(
            x, x.square() + 1, 0.5 * x, const(x, 2), full=True, **o
        ),
        "real",
    ),
    "von mises gaussian": (
        lambda x, **o: F.von_mises_nll_loss(x, x.square() + 1, const(x, 0.3), **o),
        "real",
    ),
    "hinge": (lambda x, **o: F.hinge_embedding_loss(x, const(x, -1), **o), "real"),
    "margin ranking": (
        lambda x, **o: F.margin_ranking_loss(x, const(x, 0.3), const(x, 1), margin=0.1, **o),
        "real",
    ),
    "multi margin": (lambda x, **o: F.multi_margin_loss(x, label(x, 1), **o), "rows"),
    "multilabel margin": (
        lambda x, **o: F.multilabel_margin_loss(x, torch.tensor([1, -1, 0]).expand(x.shape), **o),
        "rows",
    ),
    "triplet": (
        lambda x, **o: F.triplet_margin_loss(x, const(x, 0.3), const(x, -0.3), **o),
        "rows",
    ),
    "cosine": (lambda x, **o: F.cosine_embedding_loss(x, const(x, 0.3), label(x, -1), **o), "rows"),
    "bradley-terry": (
        lambda x, **o: F.bradley_terry_loss(x, const(x, 0.3), margin=0.2, **o),
        "real",
    ),
    "plackett-luce": (
        lambda x, **o: F.plackett_luce_loss(x, torch.tensor([1.0, 0.0, 1.0]).expand(x.shape), **o),
        "rows",
    ),
    "hazard": (
        lambda x, **o: F.discrete_hazard_loss(x, label(x, 1), label(x, 1), **o),
        "rows",
    ),
    "mixture": (
        lambda x, **o: F.mixture_density_loss(
            x,
            const(x, 0.3),
            torch.tensor([0.1, 0, 1]).to(x).expand(x.shape),
            const(x[:, 0], 1),
            **o,
        ),
        "rows",
    ),
    "multivariate normal": (
        lambda x, **o: F.multivariate_normal_nll_loss(
            x, torch.eye(3).to(x), const(x, 0.3), full=True, **o
        ),
        "rows",
    ),
}

# Torch's operations compute these; their derivatives need not hold on to the prediction.
COMPOSED = (
    "multi margin", "multilabel margin", "triplet", "cosine",
    "bradley-terry", "plackett-luce", "hazard", "mixture", "multivariate normal",
)  # fmt: skip


def inputs(name: str, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Return a small prediction of the kind the loss takes, as a leaf."""
    torch.manual_seed(0)
    x = torch.randn(6, 3, dtype=dtype)
    x = x.sigmoid() if LOSSES[name][1] == "unit" else x
    return x.requires_grad_()
