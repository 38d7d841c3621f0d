"""Losses of several tensors: rankings, survival, mixtures, sequences, margins; right and wrong."""

from __future__ import annotations

import torch
from torch import nn

import neglog
from neglog import functional as ours
from setups.parts import call, example, right, rows

wrong = example
_TIME, _EVENT = torch.arange(1.0, 17), torch.tensor([1.0, 0.0]).repeat(8)
_CLASSES = torch.arange(4).repeat(4)
_FACTOR = torch.tensor([[1.0, 0.0], [0.5, 2.0]])


@right
def ordered_classes():
    criterion = neglog.OrdinalLoss(4)
    return call(criterion, torch.randn(16), torch.arange(4).repeat(4))


@right
def ordered_classes_by_conditions():
    y = torch.arange(4).repeat(4)
    y[3] = -100
    return call(neglog.CORNLoss(), torch.randn(16, 3), y)


@right
def preferences_of_pairs():
    return call(neglog.BradleyTerryLoss(), torch.randn(16), torch.randn(16))


@right
def rankings_with_padding():
    x = torch.randn(8, 5)
    x[:, 4] = float("nan")
    mask = torch.arange(5).expand(8, 5) < 4
    return call(ours.plackett_luce_loss, x, torch.rand(8, 5), mask=mask)


@right
def survival():
    return call(neglog.CoxPHLoss(), torch.randn(16), _TIME, _EVENT)


@right
def survival_of_a_model():
    batches = [(torch.randn(16, 3), (_TIME, _EVENT))] * 2
    model = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    return call(model, neglog.CoxPHLoss(), batches)


@right
def hazards_with_a_mask():
    x = torch.randn(16, 6)
    x[3] = float("nan")
    mask = torch.arange(16) != 3
    return call(neglog.DiscreteHazardLoss(), x, torch.arange(16) % 6, _EVENT, mask=mask)


@right
def mixture_of_vectors():
    tensors = torch.randn(16, 3), torch.randn(16, 3, 2), torch.randn(16, 3, 2), torch.randn(16, 2)
    return call(neglog.MixtureDensityLoss(), *tensors)


@right
def normal_vectors():
    return call(neglog.MultivariateNormalNLLLoss(), torch.randn(16, 2), _FACTOR, torch.randn(16, 2))


@right
def embeddings_of_any_length():
    y = torch.tensor([1.0, -1.0]).repeat(8)
    return call(neglog.CosineEmbeddingLoss(), 9 * torch.randn(16, 4), torch.randn(16, 4), y)


@right
def triplets_of_a_model():
    class Twice(nn.Linear):
        def forward(self, x):
            z = super().forward(x)
            return z, z + 0.3, -z

    return call(Twice(3, 4), nn.TripletMarginLoss(), [(torch.randn(16, 3), None)])


@right
def label_lists():
    y = torch.tensor([[1, 2, -1, 0]]).expand(8, 4)
    return call(nn.MultiLabelMarginLoss(), torch.randn(8, 4), y)


@right
def sequences_with_a_masked_one():
    x = torch.randn(6, 2, 4).log_softmax(-1)
    x[:, 1] = float("nan")
    words, lengths = torch.tensor([[1, 2], [3, 3]]), torch.tensor([2, 2])
    mask = torch.tensor([True, False])
    return call(neglog.CTCLoss(), x, words, torch.tensor([6, 6]), lengths, mask=mask)


@right
def a_head_without_logits():
    rows_of = torch.randn(16, 4)
    y = torch.arange(16) % 9
    return call(ours.linear_cross_entropy, rows_of, torch.randn(9, 4), y)


@right
def a_layer_with_its_loss():
    criterion = neglog.LinearCrossEntropyLoss(4, 9)
    return call(criterion, torch.randn(16, 4), torch.arange(16) % 9)


@right
def adaptive_layer_of_neglog():
    criterion = neglog.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 10])
    return call(criterion, torch.randn(16, 16), torch.arange(16))


@right
def two_views():
    return call(ours.info_nce, torch.randn(8, 4), torch.randn(8, 4))


@right
def images_and_texts():
    return call(ours.siglip, torch.randn(8, 4), torch.randn(8, 4))


@right
def distances_with_signs():
    return call(nn.HingeEmbeddingLoss(), torch.rand(16), 2 * _EVENT - 1)


@right
def ranked_pairs():
    return call(neglog.MarginRankingLoss(0.1), torch.randn(16), torch.randn(16), 2 * _EVENT - 1)


@right
def triplets_with_a_distance():
    criterion = nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: (a - b).norm(dim=1))
    return call(criterion, *torch.randn(3, 16, 4))


@right
def class_margins_with_weights():
    return call(neglog.MultiMarginLoss(weight=torch.rand(4) + 0.5), torch.randn(16, 4), _CLASSES)


@right
def ordered_classes_with_thresholds_of_a_model():
    thresholds = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True)
    return call(ours.ordinal_loss, torch.randn(16), _CLASSES, thresholds)


@right
def hazards_of_a_model():
    batches = [(torch.randn(16, 3), _CLASSES, _EVENT)] * 2
    return call(nn.Linear(3, 4), neglog.DiscreteHazardLoss(), batches)


@right
def times_in_strata():
    return call(ours.cox_ph_loss, torch.randn(16), _TIME, _EVENT, strata=_CLASSES)


@right
def censored_lifetimes_with_events_in_the_call():
    criterion = neglog.WeibullNLLLoss()
    return call(criterion, torch.randn(16), 0.1 * torch.randn(16), _TIME, _EVENT)


@wrong("argument-values")
def thresholds_that_fall():
    thresholds = torch.tensor([1.0, 0.0, 2.0])
    return call(ours.ordinal_loss, torch.randn(16), torch.arange(4).repeat(4), thresholds)


@wrong("argument-values")
def ordered_classes_from_1():
    return call(neglog.CORNLoss(), torch.randn(16, 3), 1 + torch.arange(4).repeat(4))


@wrong("argument-values")
def intervals_from_1():
    return call(neglog.DiscreteHazardLoss(), torch.randn(16, 4), 1 + torch.arange(16) % 4, _EVENT)


@wrong("argument-values")
def events_of_1_and_2():
    return call(neglog.CoxPHLoss(), torch.randn(16), _TIME, _EVENT + 1)


@wrong("argument-values")
def a_covariance_as_a_factor():
    covariance = _FACTOR @ _FACTOR.T
    criterion = neglog.MultivariateNormalNLLLoss()
    return call(criterion, torch.randn(16, 2), covariance, torch.randn(16, 2))


@wrong("argument-values")
def zeros_for_pairs_of_hinges():
    return call(nn.HingeEmbeddingLoss(), torch.rand(16), _EVENT)


@wrong("argument-values")
def labels_beyond_the_adaptive_layer():
    criterion = neglog.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 10])
    return call(criterion, torch.randn(16, 16), torch.arange(16) + 5)


@wrong("argument-values")
def labels_beyond_the_head():
    head = torch.randn(9, 4)
    return call(ours.linear_cross_entropy, torch.randn(16, 4), head, torch.arange(16))


@wrong("argument-values")
def ranking_labels_of_a_model():
    class Pair(nn.Linear):
        def forward(self, x):
            return super().forward(x).unbind(1)

    batches = [(torch.randn(16, 3), _EVENT)] * 2
    return call(Pair(3, 2), nn.MarginRankingLoss(0.5), batches)


@wrong("ctc-log-probabilities")
def probabilities_into_ctc():
    words, lengths = torch.tensor([[1, 2], [3, 3]]), torch.tensor([2, 2])
    x = torch.randn(6, 2, 4).softmax(-1)
    return call(neglog.CTCLoss(), x, words, torch.tensor([6, 6]), lengths)


@wrong("ctc-log-probabilities")
def log_probabilities_over_time():
    words, lengths = torch.tensor([[1, 2], [3, 3]]), torch.tensor([2, 2])
    x = torch.randn(6, 2, 4).log_softmax(0)
    return call(nn.CTCLoss(), x, words, torch.tensor([6, 6]), lengths)


@wrong("softmax-scores")
def softmax_before_margins():
    x, y = rows()
    return call(nn.MultiMarginLoss(), x.softmax(1), y)


@wrong("softmax-scores")
def softmax_before_a_ranking():
    return call(neglog.PlackettLuceLoss(), torch.randn(8, 5).softmax(1), torch.rand(8, 5))


@wrong("softmax-scores")
def sigmoid_before_hazards():
    x = torch.randn(16, 4, requires_grad=True).sigmoid()
    return call(neglog.DiscreteHazardLoss(), x, torch.arange(16) % 4, _EVENT)


@wrong("no-events")
def all_censored_in_a_partial_likelihood():
    return call(neglog.CoxPHLoss(), torch.randn(16), _TIME, torch.zeros(16))


@wrong("all-censored")
def nobody_had_the_event():
    criterion = neglog.DiscreteHazardLoss()
    return call(criterion, torch.randn(64, 4), torch.arange(64) % 4, torch.zeros(64))


@wrong("shape-mismatch")
def a_column_of_log_hazards():
    return call(neglog.CoxPHLoss(), torch.randn(16, 1), _TIME, _EVENT)


@wrong("shape-mismatch")
def a_column_of_scores():
    return call(nn.MarginRankingLoss(), torch.randn(16, 1), torch.randn(16, 1), 2 * _EVENT - 1)


@wrong("shape-mismatch")
def targets_of_a_mixture_in_a_column():
    tensors = torch.randn(16, 3), torch.randn(16, 3), torch.randn(16, 3), torch.randn(16, 1)
    return call(neglog.MixtureDensityLoss(), *tensors)


@wrong("target-dtype")
def floating_labels_of_margins():
    return call(neglog.MultiMarginLoss(), torch.randn(16, 4), (torch.arange(16) % 4).float())


@wrong("non-finite-input")
def overflowing_rewards():
    chosen = torch.randn(16)
    chosen[3] = float("nan")
    return call(neglog.BradleyTerryLoss(), chosen, torch.randn(16))
