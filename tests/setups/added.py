"""Set-ups that use what neglog adds to torch's losses: right ones, and wrong ones beneath."""

from __future__ import annotations

import functools

import torch

import neglog
from neglog import functional as ours
from neglog import likelihoods
from setups.parts import call, example, right, rows

wrong = example
_WORDS = torch.tensor([[1, 2], [3, 3]]), torch.tensor([6, 6]), torch.tensor([2, 2])


@right
def sequence_with_classes_last():
    return call(
        neglog.CrossEntropyLoss(class_dim=-1), torch.randn(2, 7, 5), torch.randint(0, 5, (2, 7))
    )


@right
def soft_classes_first():
    soft = torch.randn(5, 2, 7).softmax(0)
    return call(neglog.CrossEntropyLoss(class_dim=0), torch.randn(5, 2, 7), soft)


@right
def weights_along_the_classes():
    criterion = neglog.BCEWithLogitsLoss(pos_weight=torch.rand(3) + 1, class_dim=1)
    return call(criterion, torch.randn(4, 3, 6, 3), torch.randint(0, 2, (4, 3, 6, 3)).float())


@right
def ignored_binary_codes():
    y = torch.randint(0, 2, (64,)).float()
    y[::5] = -100
    return call(neglog.BCEWithLogitsLoss(ignore_index=-100), 2 * torch.randn(64), y)


@right
def masked_missing_targets():
    y = torch.randn(64)
    y[::7] = float("nan")
    return call(neglog.MSELoss(), torch.randn(64), y, mask=~y.isnan())


@right
def masked_sentinels():
    y = torch.randn(64)
    y[:9] = -999
    return call(ours.huber_loss, torch.randn(64), y, mask=y > -900)


@right
def masked_labels():
    x, y = rows()
    y[:8], x[:8] = 77, float("inf")
    return call(neglog.CrossEntropyLoss(), x, y, mask=torch.arange(64) >= 8)


@right
def a_sample_of_no_weight():
    x = rows()[0]
    soft = torch.randn(64, 10).softmax(1)
    soft[3] = float("nan")
    weight = torch.rand(64)
    weight[3] = 0
    return call(neglog.CrossEntropyLoss(), x, soft, sample_weight=weight, normalizer=60)


@right
def labels_in_the_first_dimension():
    criterion = neglog.MultiLabelSoftMarginLoss(class_dim=0)
    return call(criterion, torch.randn(5, 64), torch.randint(0, 2, (5, 64)).float())


@wrong("double-softmax")
def probabilities_with_classes_last():
    x = torch.randn(4, 7, 5).softmax(-1)
    return call(neglog.CrossEntropyLoss(class_dim=-1), x, torch.randint(0, 5, (4, 7)))


@wrong("double-softmax")
def probabilities_under_a_focal_loss():
    x, y = rows()
    return call(neglog.FocalLoss(), x.softmax(1), y)


@wrong("double-sigmoid")
def sigmoids_under_a_focal_loss():
    x, y = torch.randn(64, requires_grad=True), torch.randint(0, 2, (64,)).float()
    return call(neglog.SigmoidFocalLoss(reduction="mean"), x.sigmoid(), y)


@right
def logits_and_soft_targets_of_reweighted_losses():
    x, _ = rows()
    return call(neglog.PolyLoss(), x, torch.randn(x.shape).softmax(1))


@wrong("label-range")
def labels_from_one_under_a_mask():
    x, y = rows()
    return call(neglog.CrossEntropyLoss(), x, y + 1, mask=torch.arange(64) >= 8)


@wrong("target-range")
def codes_and_a_mask_of_255():
    y = 255.0 * torch.randint(0, 2, (64,))
    y[::5] = -100
    return call(neglog.BCEWithLogitsLoss(ignore_index=-100), torch.randn(64), y)


@wrong("non-finite-target")
def a_mask_that_leaves_a_nan():
    y = torch.randn(64)
    y[::7] = float("nan")
    loss = functools.partial(ours.mse_loss, mask=torch.arange(64) != 0)
    return call(loss, torch.randn(64), y)


class Negative(torch.nn.Module):
    """Emits a mean and its exponential, or the mean twice."""

    def __init__(self, variance):
        super().__init__()
        self.layer, self.variance = torch.nn.Linear(3, 1), variance

    def forward(self, x):
        mean = self.layer(x).squeeze(1)
        return mean, self.variance(mean)


def _declared(variance, y):
    criterion = neglog.LikelihoodLoss(likelihoods.HeteroscedasticNormal, eps=1e-6)
    return call(Negative(variance), criterion, [(torch.randn(32, 3), y)])


@right
def a_declaration_of_two_inputs():
    return _declared(torch.exp, torch.randn(32))


@wrong("input-range")
def a_declaration_with_negative_variances():
    return _declared(lambda mean: mean - 1, torch.randn(32))


@wrong("input-range")
def a_loss_of_two_inputs_with_negative_scales():
    model = Negative(lambda mean: mean - mean.max() - 1)
    return call(model, neglog.StudentTNLLLoss(), [(torch.randn(32, 3), torch.randn(32))])


@wrong("target-range")
def a_declaration_with_a_target_outside():
    criterion = neglog.LikelihoodLoss(likelihoods.Gamma, shape=2.0)
    return call(criterion, torch.randn(32), torch.randn(32))


@wrong("target-range")
def a_declaration_of_two_inputs_with_counts_below_0():
    criterion = neglog.LikelihoodLoss(likelihoods.PoissonRate, eps=1e-8)
    return call(criterion, torch.rand(32), torch.arange(32.0) - 3)


@right
def pairs_with_signs():
    y = torch.tensor([1.0, -1.0]).repeat(8)
    return call(torch.nn.CosineEmbeddingLoss(), torch.randn(16, 4), torch.randn(16, 4), y)


@right
def aligned_sequences():
    return call(torch.nn.CTCLoss(), torch.randn(6, 2, 4).log_softmax(-1), *_WORDS)


@wrong("argument-values")
def pairs_with_zeros_and_ones():
    y = torch.tensor([1.0, 0.0]).repeat(8)
    return call(torch.nn.CosineEmbeddingLoss(), torch.randn(16, 4), torch.randn(16, 4), y)


@wrong("ctc-log-probabilities")
def logits_into_ctc():
    return call(torch.nn.CTCLoss(), 2 * torch.randn(6, 2, 4), *_WORDS)


@wrong("argument-values")
def a_sequence_without_room_for_its_repeats():
    words, frames, lengths = _WORDS
    zeros = torch.nn.CTCLoss(reduction="sum")
    return call(zeros, torch.randn(6, 2, 4).log_softmax(-1), words, frames - 4, lengths)
