"""Set-ups that were written when the rules were finished. Part 1 of 3."""

from __future__ import annotations

import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import neglog
from setups.parts import (
    Focal,
    OfDict,
    Tagger,
    call,
    loader,
    log_rows,
    mlp,
    right_later,
    rows,
    table_of,
    yes_or_no,
)


@right_later
def distillation():
    teacher, student = torch.randn(2, 32, 10)
    return call(
        nn.KLDivLoss(reduction="batchmean"),
        (student / 4).log_softmax(1),
        (teacher / 4).softmax(1),
    )


@right_later
def heat_maps():
    x, y = torch.randn(2, 4, 64)
    return call(
        nn.KLDivLoss(reduction="batchmean"),
        x.log_softmax(1).reshape(4, 8, 8),
        y.softmax(1).reshape(4, 8, 8),
    )


@right_later
def contrastive_pairs():
    a, b = F.normalize(torch.randn(2, 32, 16), dim=-1)
    return call(nn.CrossEntropyLoss(), a @ b.T / 0.07, torch.arange(32))


@right_later
def cosines_without_temperature():
    a, b = F.normalize(torch.randn(2, 32, 16), dim=-1)
    return call(neglog.CrossEntropyLoss(), a @ b.T, torch.arange(32))


@right_later
def cosines_of_positive_features():
    a, b = F.normalize(torch.rand(2, 32, 16), dim=-1)
    return call(neglog.CrossEntropyLoss(), a @ b.T, torch.arange(32))


@right_later
def prototypes_by_negative_distances():
    distances = torch.cdist(torch.randn(40, 8), torch.randn(5, 8))
    return call(nn.CrossEntropyLoss(), -distances, torch.randint(0, 5, (40,)))


@right_later
def masked_language_model():
    y = torch.randint(0, 30, (8, 64)).masked_fill(torch.rand(8, 64) > 0.15, -100)
    return call(nn.CrossEntropyLoss(), torch.randn(8, 30, 64), y)


@right_later
def policy_gradient_terms():
    return call(nn.NLLLoss(reduction="none"), *log_rows(32, 4))


@right_later
def focal_loss_of_ones_own():
    return call(Focal(), *rows())


@right_later
def a_lambda():
    return call(lambda x, y: (x - y).square().mean(), torch.randn(9), torch.randn(9))


@right_later
def pinball():
    def pinball(x: Tensor, y: Tensor) -> Tensor:
        return torch.maximum(0.9 * (y - x), 0.1 * (x - y)).mean()

    return call(pinball, torch.randn(64), torch.randn(64))


@right_later
def preferences():
    return call(lambda a, b: -F.logsigmoid(a - b).mean(), torch.randn(32), torch.randn(32))


@right_later
def autoencoder():
    x = table_of("digits")[0]
    return call(mlp(64, 64), nn.MSELoss(), loader(x, x))


@right_later
def pixels_as_probabilities():
    x, _ = table_of("digits")
    pixels = torch.tensor(datasets.load_digits().data, dtype=torch.float32) / 16
    return call(mlp(64, 64), nn.BCEWithLogitsLoss(reduction="sum"), loader(x, pixels))


@right_later
def poisson_model():
    x, _ = table_of("diabetes")
    y = torch.poisson((0.3 * x[:, :3].sum(1, keepdim=True) + 1).exp())
    return call(mlp(10, 1), nn.PoissonNLLLoss(), loader(x, y))


@right_later
def poisson_model_of_rates():
    x, _ = table_of("diabetes")
    y = torch.poisson((0.3 * x[:, :3].sum(1, keepdim=True) + 1).exp())
    return call(mlp(10, 1, nn.Softplus()), nn.PoissonNLLLoss(log_input=False), loader(x, y))


@right_later
def one_variance_for_several_outputs():
    x = torch.randn(16, 3)
    return call(nn.GaussianNLLLoss(), x, x + torch.randn(16, 3), torch.rand(16, 1) + 0.5)


@right_later
def discriminator_on_real_rows():
    return call(nn.BCEWithLogitsLoss(), torch.randn(64, 1), torch.ones(64, 1))


@right_later
def only_one_class_in_the_batch():
    return call(nn.CrossEntropyLoss(), rows()[0], torch.full((64,), 4))


@right_later
def no_label_applies():
    return call(neglog.BCEWithLogitsLoss(), torch.randn(16, 6), torch.zeros(16, 6))


@right_later
def bfloat16_model():
    x, y = table_of("digits")
    return call(mlp(64, 10).bfloat16(), nn.CrossEntropyLoss(), loader(x.bfloat16(), y))


@right_later
def float64_model():
    x, y = table_of("wine")
    return call(mlp(13, 3).double(), nn.CrossEntropyLoss(), loader(x.double(), y))


@right_later
def float16_model():
    x, y = table_of("digits")
    return call(mlp(64, 10).half(), neglog.CrossEntropyLoss(), loader(x.half(), y))


@right_later
def mixup():
    x, y = rows()
    hot = F.one_hot(y, 10).float()
    return call(nn.CrossEntropyLoss(label_smoothing=0.1), x, 0.3 * hot + 0.7 * hot.flip(0))


@right_later
def video():
    return call(
        nn.CrossEntropyLoss(), torch.randn(1, 3, 4, 4, 4), torch.randint(0, 3, (1, 4, 4, 4))
    )


@right_later
def tiny_image_of_two_classes():
    x = nn.Conv2d(3, 2, 1)(torch.randn(4, 3, 2, 2))
    return call(nn.CrossEntropyLoss(), x, torch.randint(0, 2, (4, 2, 2)))


@right_later
def one_weight_for_yes():
    x, y = yes_or_no(4, 1, 8, 8)
    return call(nn.BCEWithLogitsLoss(pos_weight=torch.tensor([5.0])), x, y)


@right_later
def cosine_embedding():
    y = torch.randint(0, 2, (16,)) * 2.0 - 1
    return call(nn.CosineEmbeddingLoss(), torch.randn(16, 8), torch.randn(16, 8), y)


@right_later
def hinge_embedding():
    y = torch.randint(0, 2, (16,)) * 2.0 - 1
    return call(nn.HingeEmbeddingLoss(), torch.rand(16), y)


@right_later
def multi_margin():
    return call(nn.MultiMarginLoss(), *rows(16, 5))


@right_later
def ctc():
    x = torch.randn(20, 4, 10).log_softmax(2)
    y = torch.randint(1, 10, (4, 6))
    return call(nn.CTCLoss(), x, y, torch.full((4,), 20), torch.full((4,), 6))


@right_later
def adaptive_softmax():
    criterion = nn.AdaptiveLogSoftmaxWithLoss(16, 50, [10, 25])
    return call(criterion, torch.randn(32, 16), torch.randint(0, 50, (32,)))


@right_later
def loader_of_three():
    x, y = table_of("iris")
    batches = DataLoader(TensorDataset(x, y, torch.arange(len(x))), 50)
    return call(mlp(4, 3), nn.CrossEntropyLoss(), batches)


@right_later
def features_by_name():
    x, y = table_of("iris")
    return call(OfDict(), nn.CrossEntropyLoss(), [({"left": x[:, :1], "right": x[:, 1:]}, y)])


@right_later
def batches_of_one_row():
    x, y = table_of("iris")
    return call(mlp(4, 3), neglog.CrossEntropyLoss(), loader(x, y, 1))


@right_later
def lazy_layers():
    x, y = table_of("iris")
    return call(nn.Sequential(nn.LazyLinear(3)), nn.CrossEntropyLoss(), loader(x, y))


@right_later
def large_vocabulary():
    return call(neglog.CrossEntropyLoss(), *rows(64, 5000))


@right_later
def large_vocabulary_in_half_logs():
    x, y = rows(64, 5000)
    return call(nn.NLLLoss(), x.half().log_softmax(1), y)


@right_later
def brier_score():
    x, y = rows()
    return call(nn.MSELoss(), x.softmax(1), F.one_hot(y, 10).float())


@right_later
def sequences_of_similar_lengths():
    batches = []
    for length in (100, 80, 90, 70):
        x, y = torch.randint(0, 30, (4, 100)), torch.randint(0, 20, (4, 100))
        y[:, length:] = -100
        batches.append((x, y))
    return call(Tagger(30, 20), nn.CrossEntropyLoss(), batches)


@right_later
def attention_over_rows_of_pixels():
    x, y = table_of("digits")
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.Sequential(nn.Unflatten(1, (8, 8)), layer, nn.Flatten(), nn.Linear(64, 10))
    return call(model, nn.CrossEntropyLoss(label_smoothing=0.05), loader(x, y, 64))


@right_later
def convolutions():
    x, y = table_of("digits")
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    model = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), body, nn.Linear(144, 10))
    return call(model, neglog.CrossEntropyLoss(), loader(x, y, 64))
