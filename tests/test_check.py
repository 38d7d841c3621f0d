"""`neglog.check`: what it finds, what it leaves alone, and what it says."""

from __future__ import annotations

import functools
import random
import re
import sys
import warnings

import backends
import numpy as np
import pytest
import setups
import torch
from setups import EXAMPLES, LATER, SCRIPTS, Example
from torch import nn
from torch.utils.data import DataLoader, RandomSampler

import neglog
from neglog import criteria, errors
from neglog.checking import rule as registry
from neglog.checking.evaluate import without_trace
from neglog.checking.report import CERTAINTIES, Finding, Report
from neglog.errors import ArgumentError, CheckError

ALL = EXAMPLES + LATER + SCRIPTS
WRONG = [one for one in ALL if one.code]
RIGHT = [one for one in ALL if not one.code]
MISSED = {"missing_regression_targets_as_minus_1"}  # -1 may be a number among others

X, Y = torch.linspace(-2, 2, 24).reshape(8, 3), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    """Compute small tensors in one thread, and without kernels; conftest restores the number."""
    torch.set_num_threads(1)
    backends.only(monkeypatch)


def wrong_batch():
    return nn.CrossEntropyLoss(), X.softmax(1), Y


@functools.cache
def report_of(one: Example) -> Report:
    return one.report()


def named(one: Example) -> str:
    return one.name


@pytest.mark.parametrize("one", WRONG, ids=named)
def test_every_mistake_is_found_and_reported(one):
    report = report_of(one)
    found = {finding.code: finding for finding in report}
    assert report.skipped == ()
    if one.name in MISSED:
        assert one.code not in found
        return
    assert one.code in found
    assert set(found) <= {one.code, *one.also}
    finding = found[one.code]
    assert finding.certainty in CERTAINTIES
    assert all((finding.what, finding.evidence, finding.consequence, finding.fix))
    assert finding.what.endswith(".")
    assert "\n" not in finding.fix


@pytest.mark.parametrize("one", RIGHT, ids=named)
def test_right_set_ups_raise_no_finding(one):
    report = report_of(one)
    assert list(report) == []
    assert report.skipped == ()


ACCEPTED = {"label-dtype", "target-dtype"}  # neglog takes any integer type where torch raises


@pytest.mark.parametrize("one", [one for one in ALL if one.code not in ACCEPTED], ids=named)
def test_the_losses_of_neglog_are_checked_as_those_of_torch(one, monkeypatch):
    def twin(criterion):
        kind = getattr(criteria, type(criterion).__name__)
        made = object.__new__(kind)  # neglog's constructors refuse some options outright
        made.__dict__.update(criterion.__dict__)
        return made

    for module in setups.MODULES:  # models are not compared
        monkeypatch.setattr(module, "trained", lambda model, *_: model, raising=False)
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(20)
        (criterion, *tensors), options = one.build()
    if not isinstance(tensors[0], torch.Tensor) or not hasattr(criteria, type(criterion).__name__):
        return
    codes = [
        [f.code for f in neglog.check(c, *tensors, **options)] for c in (criterion, twin(criterion))
    ]
    assert codes[1] == codes[0]


def test_the_corpus_is_as_large_and_as_fair_as_promised():
    assert len(ALL) >= 70
    assert len(RIGHT) >= len(ALL) / 2
    assert len({one.name for one in ALL}) == len(ALL)


def test_every_rule_has_a_mistake_that_it_finds():
    codes = {rule.code for rule in (*registry.BATCH_RULES, *registry.SETUP_RULES)}
    assert {one.code for one in WRONG} == codes


def test_no_two_rules_share_a_code():
    codes = [rule.code for rule in (*registry.BATCH_RULES, *registry.SETUP_RULES)]
    assert len(set(codes)) == len(codes)


def test_the_table_counts_what_was_found(monkeypatch):
    monkeypatch.setattr(setups, "EXAMPLES", [WRONG[0], RIGHT[0]])
    monkeypatch.setattr(setups, "SCRIPTS", [])
    monkeypatch.setattr(setups, "LATER", [one for one in LATER if one.name in MISSED])
    table = setups.table().splitlines()
    assert " ".join(table[0].split()) == "set-ups 3, 1 of them written after the rules"
    assert " ".join(table[1].split()) == "mistakes found 1 of 2"
    assert " ".join(table[2].split()) == "false alarms 0 (1 set-ups are right)"
    assert table[-1].split() == ["sentinel-target", "0", "1", "0"]


# ---- the numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(("classes", "floor"), [(2, 0.313), (3, 0.551), (10, 1.461), (1000, 5.909)])
def test_the_floor_of_a_double_softmax_is_what_torch_computes(classes, floor):
    y = torch.arange(classes)
    perfect = nn.functional.one_hot(y, classes).float()
    assert float(nn.CrossEntropyLoss()(perfect, y)) == pytest.approx(floor, abs=1e-3)
    (finding,) = neglog.check(nn.CrossEntropyLoss(), perfect, y)
    assert f"below {floor:.3f} nats for {classes} classes" in finding.consequence


def test_the_floor_of_a_double_sigmoid_is_what_torch_computes():
    y = torch.tensor([0.0, 1.0]).repeat(16)
    (finding,) = neglog.check(nn.BCEWithLogitsLoss(), y.clone(), y)
    told = float(re.search(r"cost ([\d.]+)", finding.consequence).group(1))
    assert told == pytest.approx(float(nn.BCEWithLogitsLoss()(y, y)), abs=1e-3)
    assert told == 0.503
    assert "all 32 inputs" in finding.evidence


def test_the_reported_saturation_is_where_float32_saturates():
    one = next(one for one in WRONG if one.name == "sigmoid_head_into_bce")
    (finding,) = report_of(one)
    end = float(re.search(r"above about ([\d.]+)", finding.consequence).group(1))
    assert torch.tensor(end + 0.2).sigmoid() == 1
    assert torch.tensor(end - 1.0).sigmoid() < 1


def test_a_broadcast_is_reported_with_both_losses():
    x = torch.linspace(-1, 1, 64)
    (finding,) = neglog.check(nn.MSELoss(), x[:, None], x)
    assert "4096 pairs instead of 64" in finding.consequence
    assert finding.consequence.endswith("instead of 0")
    assert "input is (64, 1) and target is (64,)" in finding.evidence


def test_counts_and_first_positions_are_reported():
    x = X.clone()
    x[5, 1] = x[6, 0] = torch.nan
    (finding,) = neglog.check(nn.CrossEntropyLoss(), x, Y)
    assert finding.evidence == "2 of 24, the first at index (5, 1), which holds nan"
    (finding,) = neglog.check(nn.CrossEntropyLoss(), X, Y + 1)
    assert "2 of 8 values outside" in finding.evidence
    assert "index 2" in finding.evidence
    assert finding.fix == "subtract 1"
    assert "Target 3 is out of bounds" in finding.consequence


def test_findings_of_a_loader_count_the_batches():
    batches = [(X, Y), (X, Y + 1), (X, Y)]
    (finding,) = neglog.check(nn.Identity(), nn.CrossEntropyLoss(), batches)
    assert finding.evidence.endswith("(in 1 of 3 batches; this is the first)")


def test_only_so_many_batches_are_looked_at():
    batches = [(X, Y), (X, Y), (X, Y + 1)]
    assert not neglog.check(nn.Identity(), nn.CrossEntropyLoss(), batches, batches=2)
    assert neglog.check(nn.Identity(), nn.CrossEntropyLoss(), batches, batches=3)


# ---- recognised losses ------------------------------------------------------------------------


def test_a_function_and_its_options_are_the_module_of_them():
    x = X.log_softmax(1)
    cases = [
        (nn.functional.nll_loss, {"weight": torch.tensor([1.0, -1.0, 1.0])}),
        (neglog.functional.cross_entropy, {"ignore_index": 0}),
    ]
    codes = [[f.code for f in neglog.check(f, x, Y % 1 + 3, **o)] for f, o in cases]
    assert codes[0] == ["label-range", "weight-values"]
    assert codes[1] == ["label-range"]


def test_a_subclass_that_overrides_the_arithmetic_is_not_cross_entropy():
    class OnProbabilities(nn.CrossEntropyLoss):
        def forward(self, input, target):
            return -input.gather(1, target[:, None]).log().mean()

    assert not neglog.check(OnProbabilities(), X.softmax(1), Y)
    assert neglog.check(nn.CrossEntropyLoss(), X.softmax(1), Y)


def test_a_custom_loss_is_still_checked_for_what_every_loss_needs():
    nan = X.clone()
    nan[0, 0] = torch.nan
    (finding,) = neglog.check(lambda x, y: (x * 0).sum() + 1, X, Y)
    assert finding.code == "constant-loss"
    (finding,) = neglog.check(lambda x, y: (x - y[:, None]).sum(), nan, Y)
    assert finding.code == "non-finite-input"
    (finding,) = neglog.check(lambda x, y: float(x.sum()), X, Y)
    assert finding.code == "criterion-raises"
    assert "returned float, not a tensor" in finding.evidence


# ---- order, printing, raising -----------------------------------------------------------------

ORDER = Report(
    [Finding(f"code-{c[:4]}", c, "What.", "seen", "costs", "mend") for c in CERTAINTIES], "a batch"
)


def test_the_certain_come_first_and_then_the_most_harmful():
    x = X.softmax(1)
    weight = torch.tensor([1.0, 2.0, float("inf")])
    report = neglog.check(nn.CrossEntropyLoss(weight=weight), x, Y.clamp(max=1))
    assert [(f.code, f.certainty) for f in report] == [
        ("weight-values", "certain"),
        ("double-softmax", "near certain"),
    ]
    both = neglog.check(nn.CrossEntropyLoss(weight=weight), x.detach(), Y + 1)
    assert [f.code for f in both] == ["label-range", "weight-values", "double-softmax"]


def test_a_report_is_a_sequence():
    report = neglog.check(*wrong_batch())
    assert len(report) == 1
    assert report[0] is next(iter(report))
    assert report[:1] == (report[0],)
    assert report[0] in report
    assert repr(report) == "Report(double-softmax)"
    assert repr(Report((), "nothing")) == "Report(nothing found)"
    with pytest.raises(AttributeError):
        report[0].code = "other"


@pytest.mark.parametrize("width", [20, 30, 45, 80, 200])
def test_no_line_is_wider_than_the_terminal(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    for one in WRONG[:30]:
        report = report_of(one)
        lines = str(report).splitlines()
        assert max(map(len, lines)) <= max(width, 30)
        squeezed = "".join(str(report).split())
        for finding in report:
            for part in (finding.what, finding.evidence, finding.consequence, finding.fix):
                assert "".join(part.split()) in squeezed


def test_a_terminal_of_ascii_can_show_it():
    spoilt = Finding("code", "certain", "−1 … 255 λ.", "×", "≥", "·")
    text = Report([spoilt], "a batch").text(80, "ascii")
    assert text.isascii()
    assert "-1 ... 255 ?." in text
    assert "−1 … 255 λ." in Report([spoilt], "a batch").text(80, "utf-8")


def test_the_findings_of_neglog_are_ascii():
    for one in WRONG:
        for finding in report_of(one):
            assert (finding.what + finding.consequence + finding.fix).isascii(), one.name


def test_a_stream_without_an_encoding_can_show_it(monkeypatch):
    class Stream:
        encoding = None

    report = Report((), "a batch")
    monkeypatch.setattr(sys, "stdout", Stream())
    assert str(report) == "neglog.check looked at a batch and found nothing wrong."


def test_an_empty_report_says_what_was_looked_at():
    report = neglog.check(nn.CrossEntropyLoss(), X, Y)
    told = "neglog.check looked at CrossEntropyLoss on input (8, 3) float32, target (8,) int64 "
    assert report.text(200) == told + "and found nothing wrong."
    report = neglog.check(nn.Identity(), nn.CrossEntropyLoss(), [(X, Y)] * 2)
    assert report.text(200).startswith(
        "neglog.check looked at Identity with CrossEntropyLoss on 2 batches, the first input (8, 3)"
    )


def test_a_report_reads_as_it_should():
    text = neglog.check(*wrong_batch()).text(72)
    assert text == (
        "neglog.check looked at CrossEntropyLoss on input (8, 3) float32, target\n"
        "(8,) int64 and found 1 thing (1 near certain):\n"
        "\n"
        "[near certain] double-softmax: The input holds probabilities, and the\n"
        "  loss applies softmax to them once more.\n"
        "  evidence:    8 of 8 rows lie in [0, 1] and sum to 1\n"
        "  consequence: the loss cannot go below 0.551 nats for 3 classes,\n"
        "               however good the model is\n"
        "  fix:         leave out the softmax and pass the logits; apply softmax\n"
        "               to predict only"
    )


def test_rules_that_could_not_be_applied_are_named():
    text = Report((), "a batch", ("one", "two")).text(80)
    assert text.endswith("\n\nNot applicable to this input: one, two.")


@pytest.mark.parametrize("level", CERTAINTIES)
def test_raise_on_holds_what_is_at_least_as_certain(level):
    kept = ORDER.at_least(level)
    assert [f.certainty for f in kept] == list(CERTAINTIES[: CERTAINTIES.index(level) + 1])


def test_raise_on():
    batch = wrong_batch()
    assert len(neglog.check(*batch, raise_on="certain")) == 1
    for level in ("near certain", "heuristic"):
        with pytest.raises(CheckError, match="double-softmax"):
            neglog.check(*batch, raise_on=level)
    with pytest.raises(CheckError, match="double-softmax"):
        model = nn.Sequential(nn.Linear(3, 3), nn.Softmax(1))
        neglog.check(model, nn.CrossEntropyLoss(), [(X, Y)], raise_on="certain")
    assert not neglog.check(nn.CrossEntropyLoss(), X, Y, raise_on="heuristic")


# ---- no trace ---------------------------------------------------------------------------------


def state(model: nn.Module) -> list:
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    values = [t.clone() for t in (*model.parameters(), *model.buffers())]
    modes = [m.training for m in model.modules()]
    hooks = [len(m._forward_hooks) + len(m._backward_hooks) for m in model.modules()]
    random_states = [torch.get_rng_state(), random.getstate(), str(np.random.get_state())]
    return [*grads, *values, modes, hooks, *random_states]


def same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return b is not None and torch.equal(a, b)
    return a == b


class Noisy(torch.utils.data.Dataset):
    """Augments with every random source there is."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return X[index] + random.random() + float(np.random.rand()) + torch.rand(()), Y[index]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("graded", [True, False])
def test_a_check_leaves_no_trace_on_the_model(training, graded):
    layers = (nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 3))
    model = nn.Sequential(*layers).train(training)
    if graded:
        model(X).sum().backward()
    generator = torch.Generator().manual_seed(3)
    sampler = RandomSampler(Noisy(), generator=torch.Generator().manual_seed(4))
    loaders = [
        DataLoader(Noisy(), 4, shuffle=True),
        DataLoader(Noisy(), 4, shuffle=True, generator=generator),
        DataLoader(Noisy(), 4, sampler=sampler),
    ]
    generators = [generator.get_state(), sampler.generator.get_state()]
    before = state(model)
    for loader in loaders:
        assert not neglog.check(model, nn.CrossEntropyLoss(), loader).skipped
    assert all(map(same, before, state(model)))
    assert all(map(same, generators, [generator.get_state(), sampler.generator.get_state()]))


def test_a_check_leaves_no_trace_on_the_tensors_and_their_graph():
    x = X.clone().requires_grad_()
    hidden = x * 2
    before = hidden._version
    neglog.check(nn.CrossEntropyLoss(), hidden, Y)
    assert x.grad is None
    assert hidden._version == before
    hidden.sum().backward()  # the graph is still there
    assert torch.equal(x.grad, torch.full_like(x, 2))


def test_a_criterion_that_draws_random_numbers_leaves_the_state():
    before = torch.get_rng_state()
    neglog.check(lambda x, y: (x * torch.rand(())).sum(), X, Y)
    assert torch.equal(before, torch.get_rng_state())


def test_a_lazy_layer_stays_lazy_and_a_script_keeps_its_statistics():
    with without_trace():
        lazy = nn.Sequential(nn.LazyLinear(3))
        script = torch.jit.script(nn.Sequential(nn.BatchNorm1d(3)))
    for model in (lazy, script):
        assert not neglog.check(model, nn.CrossEntropyLoss(), [(X, Y)])
    assert isinstance(lazy[0].weight, nn.parameter.UninitializedParameter)
    assert int(script.state_dict()["0.num_batches_tracked"]) == 0


def test_a_check_works_where_gradients_are_off():
    model = nn.Sequential(nn.Linear(3, 3), nn.Softmax(1))
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            (finding,) = neglog.check(model, nn.CrossEntropyLoss(), [(X.clone(), Y)])
            assert (finding.code, finding.certainty) == ("double-softmax", "certain")
            (finding,) = neglog.check(nn.CrossEntropyLoss(), X.softmax(1), Y.clone())
            assert finding.code == "double-softmax"


def test_warnings_of_the_loss_are_not_shown(recwarn):
    assert neglog.check(nn.MSELoss(), X, Y.float())
    assert not recwarn.list


# ---- odd input --------------------------------------------------------------------------------

CRITERIA = [
    nn.CrossEntropyLoss(label_smoothing=0.1),
    nn.CrossEntropyLoss(weight=torch.ones(3), ignore_index=1),
    nn.NLLLoss(),
    nn.BCELoss(),
    nn.BCEWithLogitsLoss(pos_weight=torch.ones(3)),
    nn.SoftMarginLoss(),
    nn.MultiLabelSoftMarginLoss(),
    nn.MSELoss(),
    nn.HuberLoss(),
    nn.PoissonNLLLoss(),
    nn.PoissonNLLLoss(log_input=False),
    nn.GaussianNLLLoss(),
    nn.KLDivLoss(reduction="batchmean"),
    nn.KLDivLoss(log_target=True),
    neglog.CrossEntropyLoss(),
    neglog.MSELoss(),
    neglog.BCEWithLogitsLoss(),
    nn.TripletMarginLoss(),
]
VALUES = [
    torch.zeros(()),
    torch.zeros(0),
    torch.zeros(0, 3),
    torch.zeros(3, 0),
    torch.zeros(1),
    torch.full((3,), torch.nan),
    torch.full((2, 3), torch.inf),
    torch.full((2, 3), -torch.inf),
    torch.ones(2, 3).bfloat16(),
    torch.ones(2, 3, 4).half(),
    torch.ones(2, 3).bool(),
    torch.ones(2, 3).byte(),
    torch.zeros(2).long(),
    torch.tensor(1),
    torch.zeros(1, 1),
    torch.zeros(2, 3, 1, 1, 1),
    torch.randn(2, 3, dtype=torch.float64),
]
STRANGE = [
    torch.ones(2, 3).to_sparse(),
    torch.ones(2, 3) + 1j,
    torch.ones(2, 3, device="meta"),
    torch.ones(2, 3).to(torch.float8_e4m3fn),
]


@pytest.mark.parametrize("criterion", CRITERIA, ids=str)
def test_unusual_input_is_reported_and_never_crashes(criterion):
    for x in VALUES:
        for y in VALUES:
            report = neglog.check(criterion, x, y)
            assert report.skipped == (), (x, y)
            assert report.text(60)


@pytest.mark.parametrize("criterion", CRITERIA, ids=str)
def test_tensors_of_another_kind_do_not_crash_it(criterion):
    for x in (*STRANGE, VALUES[-1]):
        for y in STRANGE:
            assert neglog.check(criterion, x, y).text(60)


# ---- messages ---------------------------------------------------------------------------------

CE = nn.CrossEntropyLoss()
MODEL = nn.Identity()
MESSAGES = [
    (
        lambda: neglog.check(CE, X, Y, raise_on="sure"),
        "raise_on must be None or one of ('certain', 'near certain', 'heuristic'), "
        "but it is 'sure'.",
    ),
    (
        lambda: neglog.check(CE, [1.0], Y),
        "input must be a torch.Tensor, but it is list; use torch.as_tensor(input).",
    ),
    (
        lambda: neglog.check(CE, X, Y.numpy()),
        "target must be a torch.Tensor, but it is numpy.ndarray; use torch.as_tensor(target).",
    ),
    (
        lambda: neglog.check(nn.CrossEntropyLoss, X, Y),
        "criterion must be callable with tensors, but it is the class CrossEntropyLoss; "
        "make one, CrossEntropyLoss().",
    ),
    (lambda: neglog.check("mse", X, Y), "criterion must be callable, but it is str."),
    (
        lambda: neglog.check(MODEL, CE, []),
        "loader must yield at least one batch, but it is empty; fill it.",
    ),
    (
        lambda: neglog.check(MODEL, CE, [X]),
        "loader must yield pairs (x, y), but its first batch holds no target; "
        "add it, or pass a criterion that needs none.",
    ),
    (
        lambda: neglog.check(MODEL, CE, [(X,)]),
        "loader must yield pairs (x, y), but its first batch holds no target; "
        "add it, or pass a criterion that needs none.",
    ),
    (
        lambda: neglog.check(MODEL, CE, [(X, [1])]),
        "loader must yield pairs (x, y) whose y is a torch.Tensor, but it is list; "
        "use torch.as_tensor(y).",
    ),
    (
        lambda: neglog.check(MODEL, CE, X),
        "loader must yield pairs (x, y), but it is Tensor; a list [(x, y)] will do.",
    ),
    (
        lambda: neglog.check(MODEL, CE, 3),
        "loader must yield pairs (x, y), but it is int; a list [(x, y)] will do.",
    ),
    (
        lambda: neglog.check(lambda x: x, CE, [(X, Y)]),
        "model must be a torch.nn.Module, but it is function.",
    ),
    (
        lambda: neglog.check(MODEL, CE, [(X, Y)], batches=0),
        "batches must be a whole number of 1 or more, but it is 0.",
    ),
    (
        lambda: neglog.check(MODEL, CE, [(X, Y)], X),
        "a training set-up is (model, criterion, loader), but got 1 more; pass options by name.",
    ),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES)
def test_every_message(call, message):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert str(caught.value) == f"{message} [{caught.value.code}]"
    assert isinstance(caught.value, errors.NeglogError)


# ---- many batches -----------------------------------------------------------------------------


def random_batch(seed: int) -> tuple:
    """Logits of some shape, size, offset and dtype, and labels of which some are ignored."""
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    shape = draw.choice([(), (), (draw.randint(1, 9),), (draw.randint(1, 6), draw.randint(1, 6))])
    count, classes = draw.randint(2, 64), draw.randint(2, 30)
    logits = torch.randn(count, classes, *shape, generator=generator) * 10 ** draw.uniform(-3, 2)
    logits = (logits + draw.choice([0, 0, 5, -5])).to(
        draw.choice([torch.float32, torch.float64, torch.bfloat16, torch.float16])
    )
    labels = torch.randint(0, classes, (count, *shape), generator=generator)
    ignored = torch.rand(labels.shape, generator=generator) < draw.choice([0.0, 0.3])
    ignored.view(-1)[0] = False
    return logits, labels.masked_fill(ignored, -100)


@pytest.mark.parametrize("seed", range(40))
def test_random_right_batches_raise_no_finding(seed):
    logits, labels = random_batch(seed)
    yes = (labels % 2 == 0).to(logits.dtype)
    margin = logits[:, 0]
    for call, *tensors in (
        (nn.CrossEntropyLoss(label_smoothing=0.1 * (seed % 2)), logits, labels),
        (nn.CrossEntropyLoss(), logits, logits.flip(0).softmax(1)),
        (nn.NLLLoss(), logits.log_softmax(1), labels),
        (nn.BCEWithLogitsLoss(), margin, yes),
        (nn.SoftMarginLoss(), margin, 2 * yes - 1),
        (nn.L1Loss(), margin.double(), 100 * margin.double() + 3),
        (nn.KLDivLoss(reduction="sum"), logits.log_softmax(1), logits.flip(0).softmax(1)),
    ):
        found = {finding.code for finding in neglog.check(call, *tensors)}
        # torch's losses overflow and round in half precision: both are measured.
        half = {"overflow", "rounded-loss"} if logits.dtype.itemsize == 2 else set()
        assert found <= half, call


@pytest.mark.parametrize("seed", range(40))
def test_random_wrong_batches_are_found(seed):
    logits, labels = random_batch(seed)
    classes = logits.shape[1]
    for code, call, *tensors in (
        ("double-softmax", nn.CrossEntropyLoss(), logits.softmax(1), labels),
        ("nll-probabilities", nn.NLLLoss(), logits.softmax(1), labels),
        ("label-range", nn.CrossEntropyLoss(), logits, labels.clamp(min=0) + classes),
        ("kl-input", nn.KLDivLoss(reduction="sum"), logits.softmax(1), logits.softmax(1)),
    ):
        assert code in [finding.code for finding in neglog.check(call, *tensors)]
