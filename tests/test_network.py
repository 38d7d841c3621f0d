"""The training of networks: schedules, early stopping, checkpoints that survive a kill."""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import forked
import killed
import numpy as np
import pytest
import together
import torch
from robustness import SOURCES
from torch import nn

from neglog.errors import FitError
from neglog.fitting.network import architecture, intervals, optimizers, schedule, tree
from neglog.fitting.network.architecture import Architecture
from neglog.fitting.network.checkpoint import Checkpoint, fingerprint
from neglog.fitting.network.intervals import ensemble
from neglog.fitting.network.process_team import wrap
from neglog.fitting.network.settings import Settings
from neglog.fitting.network.standardise import Standardise
from neglog.fitting.network.team import Team
from neglog.fitting.network.train import train
from neglog.fitting.network.training_objective import TrainingObjective, gradient_norm
from neglog.fitting.running.progress import Listener

UNITS = Standardise(torch.full((3,), 2.0).double(), torch.full((3,), 4.0).double())


def table(count=120, seed=0):
    """Draw rows and a target with a product of two columns in it."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(count, 1, generator=generator, dtype=torch.float64)
    return x, x[:, :1] - 0.5 * x[:, 1:2] * x[:, 2:] + 0.5 * noise


def squares(model, x, y, held=None):
    """Return least squares as a problem, with rows that are held out."""

    def loss(output, rows):
        return (output - y[rows]).square().mean()

    def losses():
        validation = None if held is None else float((model(held[0]) - held[1]).square().mean())
        return float((model(x) - y).square().mean()), validation

    return TrainingObjective(x, loss, losses)


def weights(model):
    return torch.cat([tensor.reshape(-1) for tensor in model.state_dict().values()])


def network(*hidden, seed=0, **options):
    return Architecture(hidden, **options).build(UNITS, 1, seed)


def plain(name="adam", hidden=(6,), settings=None, dropout=0.0, **options):
    """Train a network on the table; return it and how it ended."""
    x, y = table()
    model = network(*hidden, dropout=dropout)
    optimizer, _ = optimizers.make(name, options, model)
    problem = squares(model, x, y, table(60, seed=9))
    return model, train(model, problem, optimizer, settings=settings or Settings(8, 32))


# The architecture.


@pytest.mark.parametrize("name", architecture.activations())
def test_every_activation_of_torch_trains(name):
    x, y = table()
    model = network(5, 4, activation=name.lower(), dropout=0.1)
    assert type(model[2]).__name__ == name
    assert len(model) == 8
    optimizer, _ = optimizers.make("adam", {}, model)
    found = train(model, squares(model, x, y), optimizer, settings=Settings(30, 32))
    assert found.history[-1].training < found.history[0].training
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float64}


def test_a_seed_decides_the_first_weights_and_leaves_torchs_generator_alone():
    torch.manual_seed(4)
    before = torch.get_rng_state()
    one, same, other = weights(network(4)), weights(network(4)), weights(network(4, seed=1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(weights(network(4, seed=None)), weights(network(4, seed=None)))


def test_a_network_without_hidden_layers_is_a_linear_model_of_weights_0():
    model = network(seed=3, dtype=torch.float32)
    assert [type(layer).__name__ for layer in model] == ["Standardise", "Linear"]
    assert float(model(torch.ones(2, 3)).detach().abs().max()) == 0.0
    described = Architecture().describe(1, 2, "logit")
    assert described == "linear, 1 feature → 2 logits"


REFUSED = {
    "activation": (lambda: Architecture((3,), "rellu"), r"no activation 'rellu'; choose ReLU, .*"),
    "activation of rows": (lambda: Architecture((3,), "softmax"), "no activation 'softmax'"),
    "dropout": (lambda: Architecture((3,), dropout=1.0), r"dropout must lie in \[0, 1\)"),
    "dropout NaN": (lambda: Architecture((3,), dropout=float("nan")), r"dropout must lie in"),
    "dropout for none": (lambda: Architecture(dropout=0.1), "there are none"),
    "width": (lambda: Architecture((3, 0)), "widths of 1 or more"),
    "epochs": (lambda: Settings(0), "epochs must be 1 or more"),
    "patience": (lambda: Settings(patience=0), "patience must be 1 or more"),
    "min_delta": (lambda: Settings(min_delta=-1.0), "min_delta must be 0 or more"),
    "no validation": (
        lambda: train(
            (model := network()), squares(model, *table()), torch.optim.SGD(model.parameters()),
            settings=Settings(patience=1),
        ), "patience requires held-out rows",
    ),
    "lbfgs with dropout": (
        lambda: plain("lbfgs", dropout=0.5), "leave out dropout",
    ),
    "diverged": (lambda: plain("sgd", lr=1e12), "smaller learning rate with --lr"),
    "schedule": (lambda: scheduled("adam", "onecycl"), "no 'onecycl'; choose StepLR, MultiStepLR"),
    "schedule of functions": (lambda: scheduled("adam", "lambdalr"), "no 'lambdalr'"),
    "schedule's option": (
        lambda: scheduled("adam", "steplr", stepsize=3), "StepLR takes no option 'stepsize'",
    ),
    "schedule's missing option": (lambda: scheduled("adam", "onecycle"), "OneCycleLR refuses"),
    "schedule's own option": (
        lambda: scheduled("adam", "onecycle", max_lr=1.0, total_steps=3), "no option 'total_steps'",
    ),
    "schedule's value": (
        lambda: scheduled("adam", "steplr", step_size=0), r"StepLR\(step_size=0\) cannot go on",
    ),
    "schedule and optimizer": (
        lambda: scheduled("adagrad", "cyclic", base_lr=0.1, max_lr=1.0), "CyclicLR refuses",
    ),
    "ensemble": (lambda: ensemble(None, 5, 1, False), "2 models or more"),
    "every": (lambda: Checkpoint(Path("x"), every=0), "every must be 1"),
    "seconds": (lambda: Checkpoint(Path("x"), seconds=-1), "seconds must be 0"),
    "folder": (lambda: checkpointed(Path("/nowhere/at/all")), "cannot be written"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_trained_gets_a_sentence(case):
    call, words = REFUSED[case]
    with pytest.raises(FitError, match=words) as caught:
        call()
    message = str(caught.value)
    assert message.endswith(f". [{caught.value.code}]")
    assert "\n" not in message


def test_weights_that_exceed_the_memory_are_refused_before_they_are_made(monkeypatch):
    monkeypatch.setattr(architecture, "_memory", lambda: 2**35)
    with pytest.raises(FitError, match=r"of 1000000000 make 5e\+09 weights, which take 37.3 GiB"):
        network(1_000_000_000)


# Schedules.


def scheduled(name, kind, epochs=6, **details):
    """Train by a schedule; return the learning rates of all steps, and that after them."""
    x, y = table(64)
    model = network(4)
    optimizer, _ = optimizers.make(name, {}, model)
    settings = Settings(epochs, 16)
    plan = schedule.make(kind, details, optimizer, epochs, settings.steps(optimizer, 64))
    rates = []
    problem = squares(model, x, y)

    def loss(output, rows):
        rates.append(optimizer.param_groups[0]["lr"])
        return problem.loss(output, rows)

    train(model, TrainingObjective(x, loss, problem.losses), optimizer, plan, settings)
    return rates


SCHEDULES = {
    "CosineAnnealingLR": {},
    "CosineAnnealingWarmRestarts": {"T_0": 2},
    "ConstantLR": {},
    "CyclicLR": {"base_lr": 0.001, "max_lr": 0.1, "step_size_up": 3},
    "ExponentialLR": {"gamma": 0.5},
    "LinearLR": {},
    "MultiStepLR": {"milestones": [2, 3, 3]},
    "OneCycleLR": {"max_lr": 0.1},
    "PolynomialLR": {},
    "ReduceLROnPlateau": {"patience": 0, "threshold": 0.9},
    "StepLR": {"step_size": 2},
}


def test_every_schedule_of_torch_is_tried_here():
    assert set(SCHEDULES) == set(schedule.known())


@pytest.mark.parametrize("kind", SCHEDULES)
def test_every_schedule_changes_the_rate(kind):
    rates = scheduled("adam", kind, **SCHEDULES[kind])
    assert len(set(rates)) > 1
    assert rates == scheduled("adam", kind.lower().removesuffix("lr"), **SCHEDULES[kind])


def test_schedules_end_with_the_training():
    """The norm of the gradient, which is computed at the end, makes for one more rate."""
    assert scheduled("adam", "cosineannealing")[-1] == pytest.approx(0, abs=1e-15)
    assert scheduled("sgd", "polynomial")[-1] == 0
    assert scheduled("adam", "onecycle", max_lr=0.1)[-2] == pytest.approx(0.1 / 25 / 1e4)


# The loop.


@pytest.mark.parametrize("name", ["lbfgs", "sgd"])
def test_a_linear_model_reaches_least_squares(name):
    x, y = table()
    model = Architecture().build(Standardise.of(x), 1)
    optimizer, _ = optimizers.make(name, {}, model)
    problem = squares(model, x, y)
    found = train(model, problem, optimizer, settings=Settings(500, 120, tolerance=1e-7))
    assert found.ending == "stationary"
    assert found.outcome.converged
    assert "the derivative is zero (below 1e-07), after" in found.outcome.text
    assert found.gradient_norm < 1e-7
    ones = np.c_[x.numpy(), np.ones(len(x))]
    exact = ones @ np.linalg.lstsq(ones, y.numpy())[0]
    # The gradient's norm, over the least eigenvalue of the Hessian (above 0.5 here), bounds it.
    np.testing.assert_allclose(model(x).detach().numpy(), exact, atol=1e-6)
    assert not any(layer.training for layer in model)


def test_the_training_continues_if_the_gradient_vanishes_towards_infinity():
    x, y = table()
    model = Architecture().build(Standardise.of(x), 1)
    optimizer, _ = optimizers.make("lbfgs", {}, model)
    problem = TrainingObjective(
        x, (p := squares(model, x, y)).loss, p.losses, is_minimum=lambda: False
    )
    found = train(model, problem, optimizer, settings=Settings(7, tolerance=1e-7))
    assert found.ending == "epochs"
    assert not found.outcome.converged
    assert "all 7 epochs were run" in found.outcome.text


def test_an_epoch_takes_every_row_once_in_an_order_of_its_own():
    x, y = table(50)
    model = network(4)
    seen = []
    problem = squares(model, x, y)

    def loss(output, rows):
        seen.append(rows)
        return problem.loss(output, rows)

    optimizer, _ = optimizers.make("sgd", {}, model)
    train(model, TrainingObjective(x, loss, problem.losses), optimizer, settings=Settings(2, 16))
    assert [len(rows) for rows in seen[:8]] == [16, 16, 16, 2] * 2
    first, second = torch.cat(seen[:4]), torch.cat(seen[4:8])
    assert first.sort().values.tolist() == second.sort().values.tolist() == list(range(50))
    assert not torch.equal(first, second)


def test_the_gradients_norm_is_that_of_all_rows(monkeypatch):
    x, y = table()
    model = network(4, dropout=0.5)
    problem = squares(model, x, y)
    model.eval()
    gradients = torch.autograd.grad(
        problem.loss(model(x), torch.arange(len(x))), model.parameters()
    )
    whole = torch.cat([g.reshape(-1) for g in gradients]).norm()
    monkeypatch.setattr("neglog.fitting.network.training_objective._CHUNK", 7)
    # 18 partial sums are rounded on the way.
    assert gradient_norm(model, problem) == pytest.approx(float(whole), rel=1e-13)


def test_the_seed_decides_all_and_torchs_generator_nothing():
    torch.manual_seed(1)
    one, _ = plain(dropout=0.4)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    same, _ = plain(dropout=0.4)
    assert torch.equal(torch.get_rng_state(), before)
    other, _ = plain(dropout=0.4, settings=Settings(8, 32, seed=1))
    assert torch.equal(weights(one), weights(same))
    assert not torch.equal(weights(one), weights(other))


def test_dropout_is_not_the_same_in_every_epoch():
    x, y = table()
    model = network(64, dropout=0.5)
    outputs = []
    problem = squares(model, x, y)

    def loss(output, rows):
        outputs.append(output.detach())
        return output.sum() * 0

    optimizer = torch.optim.SGD(model.parameters())
    train(model, TrainingObjective(x, loss, problem.losses), optimizer, settings=Settings(2))
    assert not torch.equal(outputs[0], outputs[1])


def scripted(losses, **options):
    """Train with validation losses that are dictated; return how it ended and the weights."""
    x, y = table()
    model = network()
    said = iter(losses)
    kept = []

    def told():
        kept.append(weights(model).clone())
        return 1.0, next(said)

    problem = TrainingObjective(x, squares(model, x, y).loss, told)
    settings = Settings(len(losses) - 1, **options)
    found = train(model, problem, torch.optim.SGD(model.parameters(), 0.01), settings=settings)
    return found, weights(model), kept


def test_early_stopping_restores_the_best_weights():
    found, reached, kept = scripted([5, 4, 3, 3.5, 2.95, 3.2, 3.1, 1], patience=4, min_delta=0.1)
    assert found.ending == "patience"
    assert found.epoch == 2
    assert torch.equal(reached, kept[2])
    assert len(kept) == 7
    assert not found.outcome.converged
    assert "has not fallen for 4 epochs, stopped after 6 epochs" in found.outcome.text
    assert "the weights of epoch 2, of the least, 3 nats, are kept." in found.outcome.text


@pytest.mark.parametrize("held", [[3, 2, 1, 0.5], [3, 3, 3, 3], [None] * 4])
def test_a_plateau_schedule_monitors_the_validation_loss_if_there_is_one(held):
    x, y = table()
    model = network()
    training, validation = iter([3, 3, 3, 3]), iter(held)
    problem = TrainingObjective(
        x, squares(model, x, y).loss, lambda: (next(training), next(validation))
    )
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    plan = schedule.make("reducelronplateau", {"patience": 0}, optimizer, 3, 1)
    train(model, problem, optimizer, plan, Settings(3))
    reduced = optimizer.param_groups[0]["lr"] < 0.01
    assert reduced == (held[-1] != 0.5)


def test_the_best_weights_are_also_those_of_a_training_that_ran_to_its_end():
    found, reached, kept = scripted([5, 4, 3, float("nan"), 3.5], patience=4)
    assert found.ending == "epochs"
    assert torch.equal(reached, kept[2])
    assert "the weights of epoch 2" in found.outcome.text
    _, reached, kept = scripted([float("nan"), float("inf"), 4, 5], patience=4)
    assert torch.equal(reached, kept[2])
    _, reached, kept = scripted([5, 4, 3, 3.2, 3.5])
    assert torch.equal(reached, kept[4])


@pytest.mark.parametrize("moment", ["in an epoch", "in the losses", "in the listener"])
def test_ctrl_c_keeps_the_weights_of_the_last_whole_epoch(moment):
    x, y = table()
    model = network(6)
    problem = squares(model, x, y)
    kept, steps = [], []

    def loss(output, rows):
        steps.append(0)
        if moment == "in an epoch" and len(steps) == 10:  # the second step of the third epoch
            raise KeyboardInterrupt
        return problem.loss(output, rows)

    def losses():
        if moment == "in the losses" and len(kept) == 3:
            raise KeyboardInterrupt
        kept.append(weights(model).clone())
        return problem.losses()

    class Impatient(Listener):
        stopped = False

        def step(self, epoch):
            if moment == "in the listener" and epoch.step == 2:
                raise KeyboardInterrupt

        def stop(self):
            self.stopped = True

    optimizer, _ = optimizers.make("adam", {}, model)
    listener = Impatient()
    found = train(
        model,
        TrainingObjective(x, loss, losses),
        optimizer,
        settings=Settings(9, 32),
        listener=listener,
    )
    assert found.ending == "interrupted"
    assert "Ctrl-C after step 2" in found.outcome.text
    assert [epoch.step for epoch in found.history] == [0, 1, 2]
    assert torch.equal(weights(model), kept[2])
    assert listener.stopped


# Checkpoints.


class Killed(BaseException):
    """What no handler expects."""


def checkpointed(path, name="adam", kind="step", fatal=0, resume=False, seed=0, **details):
    """Train with a checkpoint, to the end, or to a loss that is fatal."""
    x, y = table(50)
    units = Standardise.of(x)
    layers = [nn.Linear(3, 4, bias=False), nn.Dropout(0.2 * (name != "LBFGS")), nn.Tanh()]
    torch.manual_seed(seed)
    model = nn.Sequential(units, *layers, nn.Linear(4, 1, bias=False)).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    problem = squares(model, x, y, table(20, seed=2))
    calls = []

    def loss(output, rows):
        calls.append(0)
        if len(calls) == fatal:
            raise Killed
        return problem.loss(output, rows)

    optimizer, _ = optimizers.make(name, {}, model)
    settings = Settings(6, 16, patience=3)
    steps = settings.steps(optimizer, 50)
    details = {"step_size": 2} if kind == "step" else details
    plan = schedule.make(kind, details, optimizer, 6, steps)
    file = Checkpoint(path, {"hidden": (4,), "targets": y}, resume)
    found = train(
        model, TrainingObjective(x, loss, problem.losses), optimizer, plan, settings, None, file
    )
    return weights(model), found


@pytest.mark.slow
def test_resumed_trainings_equal_those_that_ran_through_for_every_optimizer(tmp_path):
    for name in optimizers.known():
        whole, found = checkpointed(tmp_path / f"{name} whole", name)
        for fatal in (2, 7, 13):
            path = tmp_path / f"{name} {fatal}"
            with pytest.raises(Killed):
                checkpointed(path, name, fatal=fatal)
            resumed, again = checkpointed(path, name, resume=True)
            assert torch.equal(whole, resumed), name
            assert again == found


@pytest.mark.parametrize("kind", SCHEDULES)
def test_resumed_trainings_equal_those_that_ran_through_for_every_schedule(kind, tmp_path):
    details = SCHEDULES[kind]
    whole, found = checkpointed(tmp_path / "whole", kind=kind, **details)
    with pytest.raises(Killed):
        checkpointed(tmp_path / "cut", kind=kind, fatal=11, **details)
    resumed, again = checkpointed(tmp_path / "cut", kind=kind, resume=True, **details)
    assert torch.equal(whole, resumed)
    assert again == found


def test_a_resumed_training_does_not_restart(tmp_path):
    """It takes no step again that was whole: fatal at the second epoch's first step, it resumes."""
    path = tmp_path / "cut"
    with pytest.raises(Killed):
        checkpointed(path, fatal=10)
    with pytest.raises(Killed):  # 4 epochs of 4 steps are left, and the 17th loss is the norm's
        checkpointed(path, fatal=17, resume=True)
    checkpointed(path, fatal=2, resume=True)


def test_a_training_that_has_ended_is_resumed_to_the_same_end(tmp_path):
    whole, found = checkpointed(tmp_path / "file")
    written = (tmp_path / "file").read_bytes()
    resumed, again = checkpointed(tmp_path / "file", resume=True)
    assert torch.equal(whole, resumed)
    assert again == found
    assert (tmp_path / "file").read_bytes() == written


@pytest.mark.parametrize("options", [{"every": 4}, {"seconds": 1e9}])
def test_a_checkpoint_is_written_now_and_then_and_at_the_end(options, tmp_path, monkeypatch):
    written = []
    write = Checkpoint.write
    monkeypatch.setattr(
        Checkpoint, "write", lambda self, *rest: (written.append(rest[-1]), write(self, *rest))
    )
    x, y = table(50)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    file = Checkpoint(tmp_path / "file", **options)
    train(model, squares(model, x, y), optimizer, settings=Settings(10), checkpoint=file)
    assert written == ([0, 4, 8, 10] if "every" in options else [0, 10])


def test_a_checkpoint_is_not_overwritten_by_another_training(tmp_path):
    checkpointed(tmp_path / "file")
    before = (tmp_path / "file").read_bytes()
    with pytest.raises(FitError, match="already; go on from it with --resume"):
        checkpointed(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == before


def test_a_checkpoint_of_another_training_is_refused_and_the_change_is_named(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(Killed):
        checkpointed(path, fatal=9)
    changed = {
        "optimizer": {"name": "SGD"},
        "schedule": {"kind": "onecycle", "max_lr": 1.0},
        "first weights": {"seed": 1},
    }
    for what, options in changed.items():
        with pytest.raises(FitError, match=f"another fit: {what} was .* but is now .*") as caught:
            checkpointed(path, resume=True, **options)
        assert "\n" not in str(caught.value)


def test_facts_that_differ_are_named(tmp_path):
    file = Checkpoint(tmp_path / "file", resume=True)
    file.write({}, {"hidden": fingerprint((4,)), "weights": fingerprint(torch.ones(2))}, 1)
    with pytest.raises(FitError, match=r"hidden was \(4,\), but is now \(4, 4\); go on with"):
        file.read({"hidden": fingerprint((4, 4))})
    with pytest.raises(
        FitError, match=r"weights was float32 of shape \(2,\) and hash .* not given"
    ):
        file.read({"hidden": fingerprint((4,))})


def test_every_byte_of_a_checkpoint_counts(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(Killed):
        checkpointed(path, fatal=9)
    whole = path.read_bytes()
    random.seed(0)
    places = random.sample(range(len(whole)), 60)
    for damaged in [
        b"", whole[:7], whole[:-1], b"{}" * 50, whole + b"0",
        *(whole[:k] + bytes([whole[k] ^ 1 << k % 8]) + whole[k + 1 :] for k in places),
    ]:  # fmt: skip
        path.write_bytes(damaged)
        with pytest.raises(FitError, match="is damaged") as caught:
            checkpointed(path, resume=True)
        assert "starts again." in str(caught.value)


def test_a_tree_is_unpacked_as_it_was():
    whole = {
        0: (1, 2.5, float("inf"), [None, True, "text"]),
        "t": [torch.ones(2, 2).T, torch.tensor(3, dtype=torch.uint8), torch.zeros(0)],
        "milestones": collections.Counter([3, 3]),
        "dict": {"tensor": 1, "tuple": ()},
    }
    plain, tensors = tree.pack(whole)
    again = tree.unpack(json.loads(json.dumps(plain)), tensors)
    assert repr(again) == repr(whole)
    with pytest.raises(FitError, match="cannot hold a set"):
        tree.pack({"a": {1}})


# Kills.


def killed_or_done(kind, file, out, fatal=0):
    """Train in a process of its own; return its exit status."""
    return forked.statuses([forked.start(killed.main, kind, file, out, fatal)])[0]


@pytest.mark.parametrize("kind", ["adam", "sgd", "lbfgs"])
@pytest.mark.slow
def test_a_training_that_is_killed_again_and_again_ends_in_the_same_bits(kind, tmp_path):
    """It kills itself, with SIGKILL, at moments of its epochs and of the writing of checkpoints."""
    file, out, whole = tmp_path / "file", tmp_path / "out", tmp_path / "whole"
    assert killed_or_done(kind, tmp_path / "other", whole) == 0
    moments = random.Random(kind)
    kills = 0
    while (code := killed_or_done(kind, file, out, moments.randrange(5, 50))) != 0:
        assert code == -signal.SIGKILL
        assert not out.exists()
        kills += 1
    assert kills > 1
    assert out.read_text() == whole.read_text()
    assert {path.name for path in tmp_path.iterdir()} <= {"file", "other", "out", "whole"}


@pytest.mark.parametrize("kind", killed.KINDS)
def test_every_moment_of_a_checkpoint_may_be_the_last(kind, tmp_path, monkeypatch):
    """As above, but in this process: whatever a file's writing leaves behind can be resumed."""
    whole = killed.run(kind, tmp_path / "whole")
    # A file is written alike for all; an epoch of L-BFGS takes ten times as long.
    for fatal in range(1, 18, 4 if kind == "lbfgs" else 1):
        monkeypatch.setattr(os, "fsync", os.fsync)
        monkeypatch.setattr(Path, "open", Path.open)
        monkeypatch.setattr(Path, "replace", Path.replace)
        file = tmp_path / str(fatal)
        monkeypatch.setattr(os, "kill", kill)
        with pytest.raises(Killed):
            killed.run(kind, file, fatal)
        monkeypatch.undo()
        assert torch.equal(killed.run(kind, file), whole)


def kill(*_):
    raise Killed


# Intervals.


def mean_of(y):
    """Return a model whose prediction is the mean of its rows, and which notes seeds and rows."""
    noted = []

    def train_one(seed, rows):
        noted.append((seed, rows))
        return lambda x: y[rows].mean().expand(len(x), 1)

    return train_one, noted


def test_bootstrapped_intervals_are_those_of_the_mean():
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(400, generator=generator, dtype=torch.float64)
    train_one, noted = mean_of(y)
    found = ensemble(train_one, 400, 999, bootstrap=True, seed=3)
    lower, upper = found.interval(torch.zeros(2, 1), level=0.9)
    assert lower.shape == upper.shape == found.mean(torch.zeros(2, 1)).shape == (2, 1)
    error = float(y.std(correction=0)) / 20
    # 999 draws know a 5 % quantile of a normal distribution to 0.07 of its standard deviation.
    assert float(lower[0, 0]) == pytest.approx(float(y.mean()) - 1.645 * error, abs=0.2 * error)
    assert float(upper[0, 0]) == pytest.approx(float(y.mean()) + 1.645 * error, abs=0.2 * error)
    assert len({seed for seed, _ in noted}) == 999
    assert all(len(rows) == 400 and len(rows.unique()) < 400 for _, rows in noted)


def test_an_ensemble_without_bootstrap_changes_the_seeds_only():
    train_one, noted = mean_of(torch.arange(5.0))
    ensemble(train_one, 5, 4, bootstrap=False, seed=1)
    ensemble(train_one, 5, 2, bootstrap=True, seed=1)
    assert all(torch.equal(rows, torch.arange(5)) for _, rows in noted[:4])
    assert len({seed for seed, _ in noted[:4]}) == 4
    assert [seed for seed, _ in noted[4:]] == [seed for seed, _ in noted[:2]]


def test_an_intervals_level_is_held_by_the_number_of_values():
    """Of n + 1 values in any order, each is as likely to be the last: beyond n of them, 2/(n+1)."""
    models = tuple(lambda x, k=k: x + k for k in range(39))
    lower, upper = intervals.Ensemble(models, False).interval(torch.zeros(1, 1).double(), 0.95)
    assert (lower.item(), upper.item()) == pytest.approx((0.0, 38.0), abs=1e-14)  # is rounded
    lower, upper = intervals.Ensemble(models, False).interval(torch.zeros(1, 1).double(), 0.5)
    assert (lower.item(), upper.item()) == pytest.approx((9.0, 29.0))
    with pytest.raises(
        FitError, match=r"at level 0\.95 require 39 models or more, but there are 38"
    ):
        intervals.Ensemble(models[:38], False).interval(torch.zeros(1, 1))
    with pytest.raises(FitError, match="level must lie between 0 and 1"):
        intervals.Ensemble(models, False).interval(torch.zeros(1, 1), 1.0)


def test_the_reason_for_no_standard_errors_holds():
    """At a minimum, the Hessian by the weights of a network is singular: scaling is free."""
    x, y = table(60)
    model = network(2)
    optimizer, _ = optimizers.make("lbfgs", {}, model)
    train(model, squares(model, x, y), optimizer, settings=Settings(40, tolerance=1e-9))
    names, values = zip(*model.named_parameters(), strict=True)

    def loss(*given):
        output = torch.func.functional_call(model, dict(zip(names, given, strict=True)), x)
        return (output - y).square().mean()

    blocks = torch.autograd.functional.hessian(loss, values)
    size = sum(v.numel() for v in values)
    rows = [
        torch.cat([b.reshape(v.numel(), -1) for b in row], 1)
        for row, v in zip(blocks, values, strict=True)
    ]
    curvatures = torch.linalg.eigvalsh(torch.cat(rows))
    assert curvatures.shape == (size,)
    assert int((curvatures.abs() < 1e-9 * curvatures.max()).sum()) >= 2
    assert "Hessian is singular" in intervals.WHY_NO_STANDARD_ERRORS


# Several processes.


def processes(folder, kind, name, batch, fatal=0):
    """Resume two processes from the checkpoint of a folder; return their exit statuses."""
    rest = (folder, kind, name, batch, fatal)
    return forked.statuses([forked.start(together.main, rank, *rest) for rank in range(2)])


TOGETHER = [
    ("ddp", "SGD", 70), ("ddp", "Adam", 23), ("ddp", "LBFGS", 70),
    ("fsdp2", "SGD", 70), ("fsdp2", "Adam", 23),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "batch"), TOGETHER)
@pytest.mark.slow
def test_two_processes_find_the_weights_of_one(kind, name, batch, tmp_path):
    """The last batch of 23 is a single row, of which one process has none."""
    assert processes(tmp_path, kind, name, batch) == [0, 0]
    alone = together.together(name, batch)
    for rank in range(2):
        found = [float.fromhex(text) for text in (tmp_path / f"{name} {rank}").read_text().split()]
        # Sums in another order: some 1e-16, which 8 epochs make larger.
        found = torch.tensor(found, dtype=torch.float64)
        torch.testing.assert_close(found, alone, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", ["ddp", "fsdp2"])
@pytest.mark.slow
def test_two_processes_resume_from_a_checkpoint_like_one(kind, tmp_path):
    assert processes(tmp_path, kind, "Adam", 24, fatal=14) == [3, 3]
    assert processes(tmp_path, kind, "Adam", 24) == [0, 0]
    written = (tmp_path / "Adam 0").read_text()
    assert written == (tmp_path / "Adam 1").read_text()
    found = torch.tensor([float.fromhex(text) for text in written.split()], dtype=torch.float64)
    torch.testing.assert_close(found, together.together("Adam", 24), rtol=1e-10, atol=1e-10)


IN_FLIGHT = """
import sys, torch
from torch import distributed
from neglog.fitting.network.process_team import wrap

rank, meet = sys.argv[1:]
distributed.init_process_group("gloo", init_method=meet, rank=int(rank), world_size=2)
wrap(torch.nn.Sequential(torch.nn.Linear(2, 1)), "ddp")
group = distributed.group.WORLD  # which a mesh holds too

class OfPython(torch.Tensor):  # whose release takes the interpreter's lock
    pass

for size in range(20_000, 20_060):
    distributed.all_reduce(torch.ones(size).as_subclass(OfPython), async_op=True)
sys.exit(3)
"""


@pytest.mark.slow
def test_collectives_in_flight_do_not_abort_an_exit(tmp_path):
    """If nothing waits for them, most runs end in SIGABRT."""
    start = [sys.executable, "-c", IN_FLIGHT]
    environment = os.environ | {"PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen([*start, str(rank), f"file://{tmp_path}/meet"], env=environment)
        for rank in range(2)
    ]
    assert [process.wait() for process in started] == [3, 3]


def test_lbfgs_is_refused_parts_of_the_weights():
    model = network(3)
    optimizer = torch.optim.LBFGS(model.parameters())
    with pytest.raises(FitError, match="choose adam, or ddp"):
        train(model, squares(model, *table()), optimizer, team=Team(model, 0, 2, sharded=True))


def test_no_process_writes_before_all_have_looked_for_a_checkpoint(tmp_path):
    answers = []

    class Asked(Team):
        def agree(self, answer):
            answers.append((tmp_path / "file").exists())
            return answer

    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    file = Checkpoint(tmp_path / "file")
    problem = squares(model, *table())
    train(model, problem, optimizer, settings=Settings(1), checkpoint=file, team=Asked(model))
    assert answers == [False, True, True]


def test_processes_that_are_not_there_are_named():
    with pytest.raises(FitError, match="start them with torchrun"):
        wrap(network(3), "ddp")
