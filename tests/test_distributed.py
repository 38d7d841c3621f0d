"""Losses of rows that are split over processes: value and gradients of one process."""

from __future__ import annotations

import backends
import pytest
import split
import torch
from losses import LOSSES, inputs
from team import Team
from test_modules import LABELS, PAIRS

import neglog
from neglog.errors import ArgumentError, SupportError

MASK = torch.tensor([True, False, True, True, True, False])
EXTRAS = {
    "plain": {},
    "mask": {"mask": MASK},
    "weights": {"sample_weight": torch.tensor([1.0, 3.0, 0.0, 2.0, 0.5, 1.0])},
    "nothing": {"mask": torch.zeros(6, dtype=torch.bool), "empty": "zero"},
}
FEW = [("weights", "mean", "averaged"), ("nothing", "mean", "summed"), ("mask", "sum", "averaged")]
MANY = [
    ("mask", "batchmean", "averaged"),
    ("plain", "mean", "averaged"),
    ("mask", "mean", "summed"),
]
SPLITS = [*FEW, *(pytest.param(*options, marks=pytest.mark.slow) for options in MANY)]


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """Return processes that the cases of this file share."""
    team = Team(tmp_path_factory.mktemp("team"))
    yield team
    team.end()


@pytest.mark.filterwarnings("ignore:kl_div")
@pytest.mark.parametrize(("extras", "reduction", "gradients"), SPLITS)
def test_a_split_of_rows_gives_the_loss_and_gradients_of_one_process(
    extras, reduction, gradients, team, monkeypatch
) -> None:
    backends.only(monkeypatch)
    options = {**EXTRAS[extras], "reduction": reduction}
    parts = team.results(split.of_rows, [*LOSSES], options, gradients)
    scale = 1 / len(parts) if gradients == "averaged" else 1.0
    for name, (call, _) in LOSSES.items():
        x = inputs(name)
        expected = call(x, **options)
        expected.backward()
        shares, slopes, wholes = zip(*(found[name] for found in parts), strict=True)
        torch.testing.assert_close(sum(shares) * scale, expected.detach())
        torch.testing.assert_close(torch.cat(slopes) * scale, x.grad)
        assert len({whole.item() for whole in wholes}) == 1
        torch.testing.assert_close(wholes[0], expected.detach())


COUNTED = [name for name in PAIRS if hasattr(getattr(neglog, name), "count")]


def test_a_count_of_targets_is_the_divisor_of_the_mean_over_all_processes(team) -> None:
    parts = team.results(split.counts, COUNTED)
    for name in COUNTED:
        _, *tensors = PAIRS[name]
        expected = getattr(neglog, name)().sum_and_count(*tensors, mask=LABELS > 0)[1]
        assert {found[name].item() for found in parts} == {expected.item()}, name


def test_labels_are_counted_by_their_weights() -> None:
    criterion = neglog.CrossEntropyLoss([1.0, 2.0, 4.0], ignore_index=-1)
    x, labels = torch.zeros(4, 3), torch.tensor([0, 2, -1, 1])
    weights = torch.tensor([1.0, 0.5, 3.0, 0.0])
    for options in ({}, {"sample_weight": weights}, {"mask": weights > 0.5}):
        expected = criterion.sum_and_count(x, labels, **options)[1]
        assert criterion.count(labels, **options) == expected
    probabilities = torch.full((4, 3, 2), 1 / 3)
    expected = criterion.sum_and_count(torch.zeros(4, 3, 2), probabilities)[1]
    assert criterion.count(probabilities) == expected
    with pytest.raises(SupportError, match="the first 7 at index 1"):
        criterion.count(torch.tensor([1, 7]))


@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_label_out_of_range_on_one_rank_raises_on_all(team, size) -> None:
    found = team.run(split.labels, size - 1, size=size)
    wanted = rf"rank {size - 1}: labels must lie in \[0, 2\].*the first 7 at index 1"
    for error in found:
        with pytest.raises(SupportError, match=wanted):
            raise error


def test_a_plan_requires_processes() -> None:
    with pytest.raises(ArgumentError, match="start them with torchrun"):
        neglog.distributed.Plan(rows="dp", gradients="averaged")
    with pytest.raises(ArgumentError, match=r"gradients must be one of .*'mean'"):
        neglog.distributed.Plan(gradients="mean")
    with pytest.raises(ArgumentError, match=r"plan must be a neglog.distributed.Plan.*'dp'"):
        neglog.MSELoss(plan="dp")
    with pytest.raises(ArgumentError, match=r"plan must be a neglog.distributed.Plan.*'dp'"):
        neglog.functional.mse_loss(torch.ones(2), torch.ones(2), plan="dp")


def test_plans_that_would_give_another_loss_are_refused(team) -> None:
    for case, message in (
        (split.risk_sets, "a plan requires strata"),
        (split.twice, r"rank \d is in two groups; its rows would count twice"),
    ):
        for error in team.run(case, size=2):
            with pytest.raises(ArgumentError, match=message):
                raise error


def test_weights_of_all_processes_get_their_gradients(team) -> None:
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.5, 1.0], requires_grad=True)
    target = torch.arange(6.0)
    neglog.MSELoss()(torch.zeros(6), target, sample_weight=weight).backward()
    found = torch.cat(team.results(split.weights, weight.detach()))
    torch.testing.assert_close(found, weight.grad)
