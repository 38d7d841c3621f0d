"""The losses as functions, with the names and signatures of `torch.nn.functional`.

Every loss is in nats. The prediction comes first, the target second. `size_average` and `reduce`
are torch's deprecated spellings of `reduction`.

The keyword-only arguments `mask`, `sample_weight`, `normalizer`, `empty`, `ignore_index` and
`class_dim` are additions to torch's; their defaults keep torch's behaviour. The docstring of each
function describes them.

`sum_and_count` returns the sum and the divisor of a mean.
"""

from neglog.functional.binary import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from neglog.functional.bounded import beta_nll_loss, von_mises_nll_loss
from neglog.functional.classes import cross_entropy, log_softmax, nll_loss
from neglog.functional.common import sum_and_count
from neglog.functional.contrastive import info_nce, siglip
from neglog.functional.counts import poisson_nll_loss
from neglog.functional.ctc import ctc_loss
from neglog.functional.distances import (
    cosine_embedding_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from neglog.functional.excess_zeros import (
    poisson_hurdle_nll_loss,
    zero_inflated_negative_binomial_nll_loss,
    zero_inflated_poisson_nll_loss,
)
from neglog.functional.heavy_tails import (
    expectile_loss,
    laplace_nll_loss,
    log_cosh_loss,
    student_t_nll_loss,
)
from neglog.functional.lifetimes import exponential_nll_loss, weibull_nll_loss
from neglog.functional.likelihood import likelihood_loss
from neglog.functional.linear import linear_cross_entropy
from neglog.functional.linear_binary import linear_binary_cross_entropy_with_logits
from neglog.functional.linear_likelihood import linear_likelihood_loss
from neglog.functional.linear_rows import (
    LinearStatistics,
    linear_statistics,
    selected_logprobs,
)
from neglog.functional.margins import (
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
)
from neglog.functional.mixtures import mixture_density_loss, multivariate_normal_nll_loss
from neglog.functional.normal import (
    beta_nll_weighted_gaussian,
    censored_normal_nll_loss,
    crps_loss,
)
from neglog.functional.ordinal import corn_loss, ordinal_loss
from neglog.functional.overdispersed import negative_binomial_nll_loss
from neglog.functional.positive import (
    gamma_nll_loss,
    inverse_gaussian_nll_loss,
    log_normal_nll_loss,
    tweedie_loss,
)
from neglog.functional.quantiles import quantile_loss
from neglog.functional.ranking import bradley_terry_loss, plackett_luce_loss
from neglog.functional.real import (
    huber_loss,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
    sse_loss,
)
from neglog.functional.reweighted import (
    asymmetric_loss,
    focal_loss,
    generalized_cross_entropy,
    poly_loss,
    sigmoid_focal_loss,
)
from neglog.functional.soft_targets import kl_div
from neglog.functional.survival import cox_ph_loss, discrete_hazard_loss
from neglog.functional.trials import beta_binomial_nll_loss, binomial_nll_loss
from neglog.functional.variance import gaussian_nll_loss

__all__ = [
    "LinearStatistics",
    "asymmetric_loss",
    "beta_binomial_nll_loss",
    "beta_nll_loss",
    "beta_nll_weighted_gaussian",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "binomial_nll_loss",
    "bradley_terry_loss",
    "censored_normal_nll_loss",
    "corn_loss",
    "cosine_embedding_loss",
    "cox_ph_loss",
    "cross_entropy",
    "crps_loss",
    "ctc_loss",
    "discrete_hazard_loss",
    "expectile_loss",
    "exponential_nll_loss",
    "focal_loss",
    "gamma_nll_loss",
    "gaussian_nll_loss",
    "generalized_cross_entropy",
    "hinge_embedding_loss",
    "huber_loss",
    "info_nce",
    "inverse_gaussian_nll_loss",
    "kl_div",
    "l1_loss",
    "laplace_nll_loss",
    "likelihood_loss",
    "linear_binary_cross_entropy_with_logits",
    "linear_cross_entropy",
    "linear_likelihood_loss",
    "linear_statistics",
    "log_cosh_loss",
    "log_normal_nll_loss",
    "log_softmax",
    "margin_ranking_loss",
    "mixture_density_loss",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "multivariate_normal_nll_loss",
    "negative_binomial_nll_loss",
    "nll_loss",
    "ordinal_loss",
    "plackett_luce_loss",
    "poisson_hurdle_nll_loss",
    "poisson_nll_loss",
    "poly_loss",
    "quantile_loss",
    "selected_logprobs",
    "siglip",
    "sigmoid_focal_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "sse_loss",
    "student_t_nll_loss",
    "sum_and_count",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "tweedie_loss",
    "von_mises_nll_loss",
    "weibull_nll_loss",
    "zero_inflated_negative_binomial_nll_loss",
    "zero_inflated_poisson_nll_loss",
]
