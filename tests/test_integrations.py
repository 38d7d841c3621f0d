"""neglog's losses in skorch, Keras and torchmetrics: the libraries themselves run."""

from __future__ import annotations

import os

import numpy
import pytest
import torch

import neglog
from neglog import functional as F
from neglog.integrations.keras import loss

pytestmark = [
    pytest.mark.slow,  # their imports take seconds
    pytest.mark.filterwarnings("ignore"),
]


def data() -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return features and labels that a layer can learn."""
    rng = numpy.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype("float32")
    return x, (x[:, 0] > 0).astype("int64") + (x[:, 1] > 0)


class Layer(torch.nn.Linear):
    """A linear layer that every library starts from."""

    def __init__(self, outputs: int = 3) -> None:
        torch.manual_seed(0)
        super().__init__(3, outputs)


def steps(criterion, x, y, outputs: int = 3, count: int = 4) -> torch.nn.Linear:
    """Return a layer after steps of gradient descent on all rows, in plain torch."""
    layer = Layer(outputs)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    for _ in range(count):
        optimizer.zero_grad()
        criterion(layer(torch.as_tensor(x)), torch.as_tensor(y)).backward()
        optimizer.step()
    return layer


@pytest.mark.parametrize("criterion", [neglog.CrossEntropyLoss, torch.nn.CrossEntropyLoss])
def test_skorch_trains_and_predicts_as_with_torchs_loss(criterion) -> None:
    import skorch

    x, y = data()
    net = skorch.NeuralNetClassifier(
        Layer, criterion=criterion, criterion__label_smoothing=0.1, lr=0.1, max_epochs=4,
        batch_size=-1, train_split=None, verbose=0, iterator_train__shuffle=False,
    )  # fmt: skip
    net.fit(x, y)
    wanted = steps(torch.nn.CrossEntropyLoss(label_smoothing=0.1), x, y)
    torch.testing.assert_close(net.module_.weight, wanted.weight)
    numpy.testing.assert_allclose(net.predict_proba(x).sum(1), 1, rtol=1e-5)  # it knows the class


def test_skorch_passes_on_what_neglog_says() -> None:
    import skorch

    x, y = data()
    net = skorch.NeuralNet(
        Layer, module__outputs=1, criterion=neglog.BCEWithLogitsLoss, train_split=None, verbose=0
    )
    with pytest.raises(neglog.NeglogError, match=r"use input\.squeeze"):
        net.fit(x, (y > 0).astype("float32"))


@pytest.mark.parametrize("column", [False, True])
def test_keras_trains_with_labels_and_weights(column) -> None:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    x, y = data()
    weight = numpy.linspace(0.5, 1.5, len(y)).astype("float32")
    start = Layer()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model.layers[0].set_weights([start.weight.detach().T.numpy(), start.bias.detach().numpy()])
    each = loss(neglog.CrossEntropyLoss(reduction="none"), labels=True)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=each)
    labels = y[:, None] if column else y
    model.fit(x, labels, sample_weight=weight, batch_size=60, epochs=4, shuffle=False, verbose=0)

    def plain(logits, y):
        return (F.cross_entropy(logits, y, reduction="none") * torch.as_tensor(weight)).mean()

    wanted = steps(plain, x, y)
    found = torch.as_tensor(model.layers[0].get_weights()[0]).T
    torch.testing.assert_close(found, wanted.weight, rtol=1e-4, atol=1e-5)


def test_keras_losses_have_the_criterions_name() -> None:
    assert loss(neglog.HuberLoss()).__name__ == "HuberLoss"
    assert loss(F.mse_loss).__name__ == "mse_loss"
    with pytest.raises(neglog.NeglogError, match="labels must be"):
        loss(neglog.HuberLoss(), labels=3)


def test_the_perplexity_is_that_of_torchmetrics() -> None:
    from torchmetrics.text import Perplexity

    theirs, sums = Perplexity(ignore_index=-100), []
    for seed in range(3):
        torch.manual_seed(seed)
        logits, labels = torch.randn(2, 5, 7), torch.randint(0, 7, (2, 5))
        labels[:, : seed + 1] = -100
        theirs.update(logits, labels)
        sums.append(F.sum_and_count(F.cross_entropy, logits, labels, class_dim=-1))
    total, count = (sum(parts) for parts in zip(*sums, strict=True))
    torch.testing.assert_close((total / count).exp(), theirs.compute())
