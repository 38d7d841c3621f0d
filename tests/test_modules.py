"""Every module returns what its function returns, and is made wherever torch's can be made."""

from __future__ import annotations

import re

import backends
import numpy
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import neglog
from neglog import functional as F

X = torch.linspace(-2, 2, 18).sin().reshape(6, 3)
BITS, LABELS = (X > 0).float(), torch.tensor([0, 1, 2, 0, 1, 2])
LISTS = torch.tensor([[0, -1, 0], [1, 2, -1], [-1, 0, 0]]).repeat(2, 1)
PAIRS = {
    "SSELoss": (F.sse_loss, X, BITS),
    "MSELoss": (F.mse_loss, X, BITS),
    "L1Loss": (F.l1_loss, X, BITS),
    "SmoothL1Loss": (F.smooth_l1_loss, X, BITS),
    "HuberLoss": (F.huber_loss, X, BITS),
    "PoissonNLLLoss": (F.poisson_nll_loss, X, BITS),
    "KLDivLoss": (F.kl_div, X.log_softmax(1), X.softmax(1)),
    "BCELoss": (F.binary_cross_entropy, X.sigmoid(), BITS),
    "BCEWithLogitsLoss": (F.binary_cross_entropy_with_logits, X, BITS),
    "SoftMarginLoss": (F.soft_margin_loss, X, 2 * BITS - 1),
    "MultiLabelSoftMarginLoss": (F.multilabel_soft_margin_loss, X, BITS),
    "NLLLoss": (F.nll_loss, X.log_softmax(1), LABELS),
    "CrossEntropyLoss": (F.cross_entropy, X, LABELS),
    "FocalLoss": (F.focal_loss, X, LABELS),
    "PolyLoss": (F.poly_loss, X, LABELS),
    "GeneralizedCrossEntropyLoss": (F.generalized_cross_entropy, X, LABELS),
    "SigmoidFocalLoss": (F.sigmoid_focal_loss, X, BITS),
    "AsymmetricLoss": (F.asymmetric_loss, X, BITS),
    "HingeEmbeddingLoss": (F.hinge_embedding_loss, X, 2 * BITS - 1),
    "MarginRankingLoss": (F.margin_ranking_loss, X, -X, 2 * BITS - 1),
    "MultiMarginLoss": (F.multi_margin_loss, X, LABELS),
    "MultiLabelMarginLoss": (F.multilabel_margin_loss, X, LISTS),
    "TripletMarginLoss": (F.triplet_margin_loss, X, X + 0.1, BITS),
    "TripletMarginWithDistanceLoss": (F.triplet_margin_with_distance_loss, X, X + 0.1, BITS),
    "CosineEmbeddingLoss": (F.cosine_embedding_loss, X, BITS, 2 * (LABELS > 0) - 1),
    "QuantileLoss": (F.quantile_loss, X, BITS),
    "ExpectileLoss": (F.expectile_loss, X, BITS),
    "LogCoshLoss": (F.log_cosh_loss, X, BITS),
    "StudentTNLLLoss": (F.student_t_nll_loss, X, X + 2, BITS),
    "LaplaceNLLLoss": (F.laplace_nll_loss, X, X + 2, BITS),
    "BetaNLLWeightedGaussian": (F.beta_nll_weighted_gaussian, X, X + 2, BITS),
    "CRPSLoss": (F.crps_loss, X, X + 2, BITS),
    "CensoredNormalNLLLoss": (F.censored_normal_nll_loss, X, X + 2, BITS, BITS),
    "GammaNLLLoss": (F.gamma_nll_loss, X, BITS + 1),
    "InverseGaussianNLLLoss": (F.inverse_gaussian_nll_loss, X, BITS + 1),
    "LogNormalNLLLoss": (F.log_normal_nll_loss, X, X + 2, BITS + 1),
    "TweedieLoss": (F.tweedie_loss, X, BITS),
    "ExponentialNLLLoss": (F.exponential_nll_loss, X, BITS + 1, BITS),
    "WeibullNLLLoss": (F.weibull_nll_loss, X, X, BITS + 1, BITS),
    "NegativeBinomialNLLLoss": (F.negative_binomial_nll_loss, X, X + 3, BITS),
    "ZeroInflatedPoissonNLLLoss": (F.zero_inflated_poisson_nll_loss, X, X.flip(0), BITS),
    "ZeroInflatedNegativeBinomialNLLLoss": (
        F.zero_inflated_negative_binomial_nll_loss,
        X,
        X + 3,
        X.flip(0),
        BITS,
    ),
    "PoissonHurdleNLLLoss": (F.poisson_hurdle_nll_loss, X, X.flip(0), BITS),
    "BinomialNLLLoss": (F.binomial_nll_loss, X, BITS),
    "BetaBinomialNLLLoss": (F.beta_binomial_nll_loss, X + 3, X.flip(0) + 3, BITS),
    "BetaNLLLoss": (F.beta_nll_loss, X + 3, X.flip(0) + 3, 0.5 * BITS + 0.25),
    "VonMisesNLLLoss": (F.von_mises_nll_loss, X, X + 3, BITS),
    "BradleyTerryLoss": (F.bradley_terry_loss, X, X.flip(0)),
    "PlackettLuceLoss": (F.plackett_luce_loss, X, BITS),
    "DiscreteHazardLoss": (F.discrete_hazard_loss, X, LABELS, LABELS > 0),
    "MixtureDensityLoss": (F.mixture_density_loss, X, X.flip(0), X.flip(1), LABELS.float()),
    "MultivariateNormalNLLLoss": (F.multivariate_normal_nll_loss, X, torch.eye(3), BITS),
}


@pytest.mark.filterwarnings("ignore:kl_div")
@pytest.mark.parametrize("name", PAIRS)
def test_a_module_passes_its_reduction_on(name, monkeypatch) -> None:
    """Without kernels, which get the reduction from the function."""
    backends.only(monkeypatch)
    function, x, *others = PAIRS[name]
    each = function(x, *others, reduction="none")
    wanted = {"mean": each.mean(), "sum": each.sum(), "none": each}
    wanted["batchmean"] = each.sum() / len(x)
    for reduction, expected in wanted.items():
        result = getattr(neglog, name)(reduction=reduction)(x, *others)
        assert torch.equal(result, function(x, *others, reduction=reduction))
        torch.testing.assert_close(result, expected)
    keep = LABELS > 0
    total, count = getattr(neglog, name)().sum_and_count(x, *others, mask=keep)
    masked = function(x, *others, reduction="mean", mask=keep)
    torch.testing.assert_close(total / count, masked)


def test_the_mean_of_squared_errors_takes_a_normalizer() -> None:
    loss = neglog.SSELoss(reduction="mean")(X, BITS, normalizer=4.0)
    torch.testing.assert_close(loss, (X - BITS).square().sum() / 4)


def test_weights_without_values_make_a_module() -> None:
    with FakeTensorMode():
        fake = neglog.CrossEntropyLoss(torch.rand(3)), neglog.BCELoss(torch.rand(3))
    with torch.device("meta"):
        meta = neglog.NLLLoss(torch.rand(3)), neglog.BCEWithLogitsLoss(pos_weight=torch.rand(3))
    assert all(isinstance(module, nn.Module) for module in (*fake, *meta))


def test_jagged_tensors_have_operations_of_their_own() -> None:
    rows = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=torch.jagged)
    assert F.mse_loss(rows, rows * 3) == 4.0


WRONG_OPTIONS = {
    "AsymmetricLoss": ({"gamma_neg": -1.0}, {"gamma_pos": -1.0}, {"clip": 1.0}),
    "BetaNLLWeightedGaussian": ({"beta": -1.0},),
    "ExpectileLoss": ({"level": 0.0},),
    "FocalLoss": ({"gamma": -1.0}, {"label_smoothing": 2.0}, {"ignore_index": 1.5}),
    "GammaNLLLoss": ({"shape": 0.0}, {"shape": torch.tensor(1.0)}),
    "GeneralizedCrossEntropyLoss": ({"q": 0.0}, {"q": 1.5}),
    "HuberLoss": ({"delta": 0.0},),
    "InverseGaussianNLLLoss": ({"shape": -1.0},),
    "LaplaceNLLLoss": ({"eps": 0.0},),
    "PlackettLuceLoss": ({"top_k": 0}, {"ties": "random"}),
    "PoissonNLLLoss": ({"full": "yes"},),
    "PolyLoss": ({"epsilon": float("inf")},),
    "QuantileLoss": (
        {"quantile": 1.0},
        {"quantile": "0.5"},
        {"quantile": []},
        {"quantile": [0.5, 2.0]},
        {"quantile": 0.5, "non_crossing": True},
        {"quantile": [0.9, 0.1], "non_crossing": True},
    ),
    "SigmoidFocalLoss": ({"alpha": 2.0}, {"gamma": -1.0}),
    "SmoothL1Loss": ({"beta": -1.0},),
    "StudentTNLLLoss": ({"df": 0.0}, {"df": float("nan")}),
    "TweedieLoss": ({"exponent": 2.0}, {"dispersion": 0.0}, {"full": "yes"}),
}


@pytest.mark.parametrize("name", WRONG_OPTIONS)
def test_a_module_refuses_the_options_that_its_function_refuses(name) -> None:
    function, *tensors = PAIRS[name]
    for options in WRONG_OPTIONS[name]:
        with pytest.raises(neglog.errors.ArgumentError) as by_function:
            function(*tensors, **options)
        with pytest.raises(
            neglog.errors.ArgumentError, match="^" + re.escape(str(by_function.value))
        ):
            getattr(neglog, name)(**options)


def test_modules_of_other_calls_refuse_wrong_options_too() -> None:
    layer = {"in_features": 2, "num_classes": 3}
    cases = [
        (lambda: neglog.CoxPHLoss(ties="exact"), "ties must be one of"),
        (lambda: neglog.GaussianNLLLoss(eps=0.0), "eps must be above 0"),
        (lambda: neglog.CORNLoss(num_classes=1), "num_classes must lie in"),
        (lambda: neglog.LinearCrossEntropyLoss(**layer, scale=0.0), "scale must be above 0"),
        (lambda: neglog.LinearCrossEntropyLoss(**layer, margin=0.5), "margin requires a scale"),
        (lambda: neglog.LinearCrossEntropyLoss(**layer, softcap=0.0), "softcap must be above 0"),
    ]
    for make, words in cases:
        with pytest.raises(neglog.errors.ArgumentError, match=words):
            make()


def test_options_may_be_numbers_of_numpy() -> None:
    half = numpy.float32(0.5)
    for name, option in {
        "StudentTNLLLoss": "df",
        "QuantileLoss": "quantile",
        "FocalLoss": "gamma",
    }.items():
        function, *tensors = PAIRS[name]
        got = getattr(neglog, name)(**{option: half})(*tensors)
        torch.testing.assert_close(got, function(*tensors, **{option: 0.5}))
    levels = numpy.array([0.1, 0.5, 0.9])
    got = neglog.QuantileLoss(levels)(X, BITS[:, 0])
    torch.testing.assert_close(got, F.quantile_loss(X, BITS[:, 0], [0.1, 0.5, 0.9]))


def test_losses_that_torch_lacks_show_their_options() -> None:
    shown = {
        repr(neglog.OrdinalLoss(3)): "OrdinalLoss(num_classes=3)",
        repr(neglog.OrdinalLoss(3, [0.0, 1.5])): "OrdinalLoss(num_classes=3, thresholds=[0, 1.5])",
        repr(neglog.FocalLoss(gamma=3.0)): "FocalLoss(gamma=3.0)",
        repr(neglog.CoxPHLoss(reduction="sum")): "CoxPHLoss(ties='efron', reduction='sum')",
        repr(neglog.StudentTNLLLoss()): "StudentTNLLLoss(df=4.0, full=False)",
        repr(neglog.CrossEntropyLoss(label_smoothing=0.1)): "CrossEntropyLoss()",  # as in torch
    }
    for found, expected in shown.items():
        assert found == expected


def test_inputs_of_a_declaration_outside_a_tuple_are_refused() -> None:
    likelihood = neglog.likelihoods.StudentT
    with pytest.raises(neglog.errors.ArgumentError, match=r"one tuple, \(location, scale\)"):
        F.likelihood_loss(likelihood, X, X + 3, BITS, df=4.0)
