"""Wrong set-ups of a model, a loss and a loader."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from setups.parts import Changed, Tagger, call, loader, mlp, table_of, wrong


@wrong("double-softmax")
def softmax_head():
    x, y = table_of("digits")
    return call(mlp(64, 10, nn.Softmax(1)), nn.CrossEntropyLoss(), loader(x, y))


@wrong("double-sigmoid")
def sigmoid_head():
    x, y = table_of("breast_cancer")
    model = mlp(30, 1, nn.Sigmoid())
    return call(model, nn.BCEWithLogitsLoss(), loader(x, y.float()[:, None]))


@wrong("sigmoid-before-loss")
def sigmoid_head_into_bce():
    x, y = table_of("breast_cancer")
    return call(mlp(30, 1, nn.Sigmoid()), nn.BCELoss(), loader(x, y.float()[:, None]))


@wrong("rectified-logits")
def relu_head():
    x, y = table_of("iris")
    return call(mlp(4, 3, nn.ReLU()), nn.CrossEntropyLoss(), loader(x, y))


@wrong("shape-mismatch")
def diabetes_column_against_flat():
    x, y = table_of("diabetes")
    return call(mlp(10, 1), nn.MSELoss(), loader(x, y.float()))


@wrong("target-scale")
def diabetes_unscaled():
    x, y = table_of("diabetes")
    return call(mlp(10, 1), nn.MSELoss(), loader(x, y.float()[:, None] + 1000))


@wrong("label-range")
def wine_labels_from_1():
    x, y = table_of("wine")
    return call(mlp(13, 3), nn.CrossEntropyLoss(), loader(x, y + 1))


@wrong("no-gradient-path")
def detached_output():
    x, y = table_of("iris")
    return call(Changed(mlp(4, 3), Tensor.detach), nn.CrossEntropyLoss(), loader(x, y))


@wrong("zero-gradient")
def rounded_output():
    x, y = table_of("diabetes")
    model = Changed(mlp(10, 1), Tensor.round)
    return call(model, nn.MSELoss(), loader(x, y.float()[:, None] / 100))


@wrong("model-raises")
def features_of_another_size():
    x, y = table_of("iris")
    return call(mlp(5, 3), nn.CrossEntropyLoss(), loader(x, y))


@wrong("model-raises")
def model_that_returns_a_dict():
    x, y = table_of("iris")
    return call(Changed(mlp(4, 3), lambda z: {"z": z}), nn.CrossEntropyLoss(), loader(x, y))


@wrong("mean-of-means")
def sequences_of_very_different_lengths():
    batches = []
    for length in (100, 5, 60, 90):
        x, y = torch.randint(0, 30, (4, 100)), torch.randint(0, 20, (4, 100))
        y[:, length:] = -100
        batches.append((x, y))
    return call(Tagger(30, 20), nn.CrossEntropyLoss(), batches)


@wrong("worse-than-chance")
def digits_not_scaled():
    x, y = table_of("digits")
    return call(mlp(64, 10), nn.CrossEntropyLoss(), loader(100 * x, y))


@wrong("class-dimension")
def tagger_with_as_many_steps_as_tags_confused():
    x, y = torch.randint(0, 30, (16, 6)), torch.randint(0, 6, (16, 6))
    return call(Tagger(30, 6, moved=False), nn.CrossEntropyLoss(), loader(x, y, 4))


@wrong("unshifted-labels")
def language_model_without_a_shift():
    x = torch.randint(0, 30, (16, 12))
    return call(Tagger(30, 30), nn.CrossEntropyLoss(), loader(x, x, 4))
