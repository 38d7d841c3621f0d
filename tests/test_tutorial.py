"""The rows T3 to T12 of the tutorial on loss functions that neglog starts from."""

from __future__ import annotations

import pytest
import torch

import neglog
from neglog import functional

F32 = {"rtol": 2e-6, "atol": 1e-6}


@pytest.fixture(scope="module")
def binary():
    """Return X, w, y, z and σ of the binary example, three million samples."""
    torch.random.manual_seed(520)
    x, w = torch.rand((3_000_000, 4)), torch.rand((4, 1))
    y = torch.randint(0, 2, (3_000_000, 1)).float()
    z = x @ w
    return y, z, torch.sigmoid(z)


@pytest.fixture(scope="module")
def multiclass():
    """Return z and y of the example with three classes."""
    torch.random.manual_seed(520)
    x, w = torch.rand((3_000, 4)), torch.rand((4, 3))
    y = torch.randint(0, 3, (3_000,)).float()
    return x @ w, y.long()


def test_t3_sum_of_squared_errors() -> None:
    z, y = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.5, 2.0, 1.0])
    assert neglog.SSELoss()(z, y).item() == 0.25 + 4.0
    assert functional.sse_loss(z, y).item() == 4.25


def test_t4_mean_squared_error_of_fifty() -> None:
    torch.manual_seed(0)
    z, y = torch.rand(50), torch.rand(50)
    loss = neglog.MSELoss()(z, y)
    torch.testing.assert_close(loss, ((z - y) ** 2).sum() / 50, **F32)
    torch.testing.assert_close(loss, torch.nn.MSELoss()(z, y), **F32)


def test_t5_total_mean_and_each_sample(binary) -> None:
    y, z = (t[:1000].double() for t in binary[:2])
    sigma = torch.sigmoid(z)
    each = -(y * sigma.log() + (1 - y) * (1 - sigma).log())
    for reduction, expected in (("none", each), ("sum", each.sum()), ("mean", each.mean())):
        loss = neglog.BCEWithLogitsLoss(reduction=reduction)(z, y)
        torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-12)


def test_t9_binary_cross_entropy_three_ways(binary) -> None:
    y, z, sigma = binary
    by_hand = -(1 / 3_000_000) * torch.sum((1 - y) * torch.log(1 - sigma) + y * torch.log(sigma))
    on_probabilities = neglog.BCELoss()(sigma, y)
    on_logits = neglog.BCEWithLogitsLoss()(z, y)
    for loss in (on_probabilities, on_logits):
        assert f"{loss.item():.4f}" == "0.9137"
        torch.testing.assert_close(loss, by_hand, rtol=2e-6, atol=0)
    torch.testing.assert_close(on_probabilities, torch.nn.BCELoss()(sigma, y), **F32)
    torch.testing.assert_close(on_logits, torch.nn.BCEWithLogitsLoss()(z, y), **F32)
    torch.testing.assert_close(on_probabilities, on_logits, **F32)


def test_t10_mismatched_arguments_are_errors_in_a_sentence(binary) -> None:
    y, z, sigma = (t[:8] for t in binary)
    for criterion, x in ((neglog.BCELoss(), sigma), (neglog.BCEWithLogitsLoss(), z)):
        with pytest.raises(
            ValueError, match=r"the same shape, but input is \(8, 1\) and target is"
        ):
            criterion(x, y.squeeze(1))
        with pytest.raises(RuntimeError, match=r"the same floating dtype, but input is"):
            criterion(x, y.double())
    with pytest.raises(RuntimeError, match="the arguments look swapped"):
        neglog.BCEWithLogitsLoss()(y.long(), z)
    with pytest.raises(ValueError, match="these look like logits; use binary_cross_entropy_with_"):
        neglog.BCELoss()(4 * z, y)


def test_t11_the_loss_is_minus_the_log_of_the_true_classs_probability(multiclass) -> None:
    z, y = multiclass
    sigma = torch.softmax(z, dim=1)
    one_hot = torch.nn.functional.one_hot(y, 3)
    likelihood = (sigma**one_hot).prod(dim=1)
    torch.testing.assert_close(likelihood, sigma.gather(1, y[:, None])[:, 0])
    loss = neglog.CrossEntropyLoss(reduction="none")(z, y)
    torch.testing.assert_close(loss, -likelihood.log(), **F32)
    with pytest.raises(IndexError, match=r"the labels look 1-based \(1..3\); subtract 1"):
        neglog.CrossEntropyLoss()(z, y + 1)


def test_t12_the_two_paths_agree(multiclass) -> None:
    z, y = multiclass
    in_two_steps = neglog.NLLLoss()(neglog.LogSoftmax(dim=1)(z), y)
    in_one = neglog.CrossEntropyLoss()(z, y)
    assert f"{in_two_steps.item():.4f}" == f"{in_one.item():.4f}" == "1.1135"
    torch.testing.assert_close(in_two_steps, in_one, **F32)
    torch.testing.assert_close(in_one, torch.nn.CrossEntropyLoss()(z, y), **F32)
