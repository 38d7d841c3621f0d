"""`neglog.check` on models, loaders and criteria that hold tensors in structures."""

from __future__ import annotations

import dataclasses
import functools
from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import pytest
import setups
import torch
from setups.parts import Changed
from torch import nn
from torch.nn import functional as F

import neglog
from neglog.checking import structures

X, Y = torch.linspace(-2, 2, 96).sin().reshape(16, 6), torch.arange(16) % 3
CE = neglog.CrossEntropyLoss()
Out = namedtuple("Out", "logits aux")


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@dataclasses.dataclass
class Batch:
    x: torch.Tensor
    y: torch.Tensor


class OfWhole(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 3)

    def forward(self, batch):
        return self.head(batch["x"])


class OfTwo(OfWhole):
    def forward(self, a, b=None):
        return self.head(a if b is None else a + b)


class ByKeyword(OfWhole):
    def forward(self, *, x, scale=1.0):
        return self.head(x) * scale


class OfAnything(OfWhole):
    def forward(self, **named):
        return self.head(named["feature"])


class OfTuple(OfWhole):
    def forward(self, pair):
        a, b = pair
        return self.head(a + b)


def head(change=lambda z: z):
    return Changed(nn.Linear(6, 3), change)


def weighted(z, y, w):
    return (F.cross_entropy(z, y, reduction="none") * w).mean()


def vae(recon, x, mean):
    return F.mse_loss(recon, x) + mean.square().mean()


RIGHT = {
    "named tuple": lambda: (head(lambda z: Out(z, z)), lambda o, y: CE(o.logits, y), [(X, Y)]),
    "object": lambda: (
        head(lambda z: SimpleNamespace(z=z)),
        lambda o, y: CE(o.z, y),
        [(X, Y)],
    ),
    "nested": lambda: (
        head(lambda z: {"a": [z, {"b": (z, None)}]}),
        lambda o, y: CE(o["a"][1]["b"][0], y),
        [(X, Y)],
    ),
    "data class": lambda: (head(), CE, [Batch(X, Y)]),
    "criterion of the whole": lambda: (head(), lambda o, b: CE(o, b.y), [Batch(X, Y)]),
    "dict of the model": lambda: (OfWhole(), CE, [({"x": X}, Y)]),
    "dict of both": lambda: (OfWhole(), lambda o, b: CE(o, b["y"]), [{"x": X, "y": Y}]),
    "dict of unknown names": lambda: (head(), CE, [{"feature": X, "kind": Y}]),
    "tuple of the model": lambda: (OfTuple(), CE, [((X, X), Y)]),
    "two arguments": lambda: (OfTwo(), CE, [((X, X), Y)]),
    "three entries": lambda: (OfTwo(), CE, [(X, X, Y)]),
    "an entry of none": lambda: (head(), CE, [(X, Y, None)]),
    "keywords": lambda: (ByKeyword(), CE, [{"x": X, "label": Y}]),
    "any keywords": lambda: (OfAnything(), CE, [{"feature": X, "y": Y}]),
    "target in a dict": lambda: (head(), lambda o, y: CE(o, y["c"]), [(X, {"c": Y})]),
    "weights in the loader": lambda: (head(), weighted, [(X, Y, torch.rand(16))]),
    "accuracy first": lambda: (
        head(),
        lambda o, y: ((o.argmax(1) == y).float().mean(), CE(o, y)),
        [(X, Y)],
    ),
    "sum of a dict": lambda: (
        head(),
        lambda o, y: {"ce": CE(o, y), "size": o.square().mean()},
        [(X, Y)],
    ),
    "partial": lambda: (
        head(lambda z: {"l": z}),
        functools.partial(lambda o, y, w: CE(o["l"], y) * w, w=2.0),
        [(X, Y)],
    ),
    "several parameters": lambda: (
        Changed(nn.Linear(6, 6), lambda z: (z, z)),
        vae,
        [(X, X)],
    ),
    "triplets": lambda: (
        head(lambda z: (z, z + 0.1, -z)),
        nn.TripletMarginLoss(),
        [(X, None)],
    ),
    "labels in a list": lambda: (head(), lambda o, y: CE(o, torch.as_tensor(y)), [(X, [*Y])]),
    "recurrent": lambda: (
        nn.LSTM(6, 3, batch_first=True),
        lambda o, y: F.mse_loss(o[0], y),
        [(X.reshape(4, 4, 6), torch.rand(4, 4, 3))],
    ),
    "scripted criterion": lambda: (head(), torch.jit.script(nn.CrossEntropyLoss()), [(X, Y)]),
    "own ordered dict": lambda: (
        head(lambda z: OrderedDict(a=z)),
        lambda o, y: SimpleNamespace(loss=CE(o["a"], y)),
        [(X, Y)],
    ),
}


def later_masked(z, y):
    return F.binary_cross_entropy_with_logits(z, y, reduction="none")[y >= 0].mean()


def sentinels(z, y):
    return F.mse_loss(z, y, reduction="none")[y > -900].mean()


def nearest(z, y):
    return F.l1_loss(z[:, None], y[None], reduction="none").min(1).values.mean()


def no_boxes(z, y):
    return F.smooth_l1_loss(z[y > 5], z[y > 5].detach(), reduction="sum") + F.cross_entropy(z, y)


def nothing_at_times(z, y):
    return F.cross_entropy(z, y) if bool((y > 0).any()) else torch.tensor(0.0)


REALS = torch.linspace(-1, 1, 48).reshape(16, 3)
MEANT = {
    "missing labels that are left out": lambda: (
        head(),
        later_masked,
        [(X, (torch.arange(48) % 3 - 1.0).reshape(16, 3))],
    ),
    "sentinels that are left out": lambda: (
        head(),
        sentinels,
        [(X, torch.where(REALS > 0.5, -999.0, REALS))],
    ),
    "all pairs": lambda: (head(), nearest, [(X, torch.randn(10, 3))]),
    "a number as target": lambda: (head(), lambda z, y: F.mse_loss(z, torch.tensor(1.0)), [(X, Y)]),
    "a batch without boxes": lambda: (head(), no_boxes, [(X, Y)]),
    "a batch without a loss": lambda: (head(), nothing_at_times, [(X, 0 * Y), (X, Y)]),
    "wide limits": lambda: (nn.Sequential(nn.Linear(6, 3), nn.Hardtanh(-20, 20)), CE, [(X, Y)]),
    "neighbours that agree": lambda: (
        head(),
        lambda z, y: F.mse_loss(z, z.roll(1, 0)) + F.mse_loss(z[1:], z[:-1]),
        [(X, Y)],
    ),
}


@pytest.mark.parametrize("name", MEANT)
def test_intended_unusual_inputs_raise_no_finding(name):
    assert not neglog.check(*MEANT[name]())


LINEAR = nn.Linear(6, 3)
WRONG = {
    "relu6": ("rectified-logits", lambda: (nn.Sequential(LINEAR, nn.ReLU6()), CE, [(X, Y)])),
    "clamped sigmoid": (
        "squashed-logits",
        lambda: (head(lambda z: z.sigmoid().clamp(1e-6, 1 - 1e-6)), CE, [(X, Y)]),
    ),
    "log-softmax for a binary loss": (
        "squashed-logits",
        lambda: (neglog.BCEWithLogitsLoss(), LINEAR(X).log_softmax(1), F.one_hot(Y, 3).float()),
    ),
    "softmax of one row": (
        "kl-dimension",
        lambda: (nn.KLDivLoss(reduction="sum"), X[:1].log_softmax(0), X[:1].softmax(0)),
    ),
    "weights of the last dimension": (
        "inverted-pos-weight",
        lambda: (
            nn.BCEWithLogitsLoss(pos_weight=torch.tensor([9.0, 9.0])),
            torch.randn(40, 7, 2),
            (torch.arange(560).reshape(40, 7, 2) % 10 > 0).float(),
        ),
    ),
    "a critic that is not detached": (
        "target-gradient",
        lambda: (neglog.HuberLoss(), nn.Linear(6, 1)(X), 1 + 0.9 * nn.Linear(6, 1)(X)),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_neighbours_of_mistakes_are_found(name):
    code, build = WRONG[name]
    assert [finding.code for finding in neglog.check(*build())] == [code]


def test_statistics_that_a_criterion_changes_are_put_back():
    model = nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3))
    before = [buffer.clone() for buffer in model.buffers()]
    goal = Y[:, None]
    neglog.check(
        model, lambda z, y: F.mse_loss(z.gather(1, goal), model(y).detach()[:, :1]), [(X, X)]
    )
    assert all(map(torch.equal, before, model.buffers()))


@pytest.mark.parametrize("name", RIGHT)
def test_structures_raise_no_finding(name):
    report = neglog.check(*RIGHT[name]())
    assert list(report) == []
    assert report.skipped == ()


IMAGES, MASKS = torch.randn(2, 3, 8, 8), torch.randint(0, 8, (2, 8, 8))
VIEWS = [
    lambda z: z.view(-1, 8),
    lambda z: z.flatten().view(-1, 8),
    lambda z: z.transpose(2, 3).reshape(-1, 8),
    lambda z: z.transpose(1, 2).reshape(-1, 8),
    lambda z: F.avg_pool2d(F.interpolate(z, scale_factor=2), 2).view(-1, 8),
]


@pytest.mark.parametrize("view", VIEWS)
def test_channels_are_followed_through_the_graph(view):
    model = nn.Conv2d(3, 8, 1)
    (found,) = neglog.check(model, lambda z, y: CE(view(z), y.flatten()), [(IMAGES, MASKS)])
    assert (found.code, found.certainty) == ("scrambled-view", "certain")


@pytest.mark.parametrize(
    "view", [lambda z: z.permute(0, 2, 3, 1).reshape(-1, 8), lambda z: z.flatten(2)]
)
def test_permuted_channels_raise_no_finding(view):
    def loss(z, y):
        z = view(z)
        return CE(z, y.flatten() if z.dim() == 2 else y.flatten(1))

    assert not neglog.check(nn.Conv2d(3, 8, 1), loss, [(IMAGES, MASKS)])


def test_a_report_says_what_was_not_looked_at():
    report = neglog.check(head(), lambda z, y: z.logsumexp(1).mean(), [(X, Y)])
    assert not report
    told = "Not checked: the formula of <lambda>, which calls no loss of torch or neglog."
    assert report.text(200).endswith(told)
    report = neglog.check(head(), lambda a, b, c, d, e: 0, [(X, Y)])
    assert report.unseen == ("the criterion, which cannot be called with (output, target)",)


def test_a_built_in_loss_needs_a_tensor():
    (found,) = neglog.check(head(lambda z: {"logits": z}), CE, [(X, Y)])
    assert found.code == "model-raises"
    assert found.evidence == "batch 0: the model returns dict with 'logits'"
    assert "criterion(out.logits, y)" in found.fix


def state(value):
    return [(t.clone(), t.requires_grad, t.grad if t.is_leaf else None) for t in value]


def state_of(args):
    return state(structures.tensors(args))


@pytest.mark.parametrize("one", setups.SCRIPTS, ids=lambda one: one.name)
def test_a_check_leaves_no_trace_on_scripts(one):
    torch.manual_seed(20)
    args, options = one.build()
    models = [a for a in args if isinstance(a, nn.Module)]
    tensors = [t for m in models for t in (*m.parameters(), *m.buffers())]
    before, modes = state(tensors), [m.training for a in models for m in a.modules()]
    batches = state_of(args)
    random = torch.get_rng_state()
    neglog.check(*args, **options)
    assert torch.equal(random, torch.get_rng_state())
    assert modes == [m.training for a in models for m in a.modules()]
    for earlier, now in ((before, state(tensors)), (batches, state_of(args))):
        for (a, wants, grad), (b, still, grad_now) in zip(earlier, now, strict=True):
            assert torch.equal(a, b)
            assert wants == still
            assert grad is grad_now
