"""What no GPU may be asked: to stop at a bad label, to wait for a number."""

from __future__ import annotations

from types import SimpleNamespace

import fake_gpu
import pytest
import torch

from neglog import functional as F
from neglog.device import sum_dtype
from neglog.engine import ElementwiseProblem, values

pytest.importorskip("triton", reason="Triton has no build for this system")
from neglog.engine.gpu import backend as gpu
from neglog.engine.gpu import rows
from neglog.likelihoods import Normal
from neglog.primitives import triton as language

pytestmark = [
    pytest.mark.skipif(torch.cuda.is_available(), reason="benchmarks/gpu.py checks a real device"),
    pytest.mark.filterwarnings(fake_gpu.QUIET),
]


@pytest.fixture
def _gpu(monkeypatch):
    fake_gpu.use(monkeypatch)


WEIGHT = torch.rand(5) + 0.5
BAD = {
    "mean": lambda x, w, y: F.cross_entropy(x @ w.t(), y, weight=WEIGHT),
    "smoothed": lambda x, w, y: F.cross_entropy(x @ w.t(), y, label_smoothing=0.1),
    "pair": lambda x, w, y: F.sum_and_count(F.cross_entropy, x @ w.t(), y, weight=WEIGHT)[1],
    "normalizer": lambda x, w, y: F.cross_entropy(x @ w.t(), y, weight=WEIGHT, normalizer=4.0),
    "empty": lambda x, w, y: F.cross_entropy(x @ w.t(), y, weight=WEIGHT, empty="zero"),
    "layer": lambda x, w, y: F.linear_cross_entropy(x, w, y, weight=WEIGHT),
    "softcap": lambda x, w, y: F.linear_cross_entropy(x, w, y, softcap=3.0),
    "weight's gradient": lambda x, w, y: F.cross_entropy(
        x @ w.t(), y, weight=WEIGHT.clone().requires_grad_()
    ),
}


@pytest.mark.parametrize("label", [7, -1])
@pytest.mark.parametrize("name", BAD)
def test_a_label_out_of_range_gives_nan(name, label, _gpu) -> None:
    torch.manual_seed(0)
    x, w = torch.randn(4, 6, requires_grad=True), torch.randn(5, 6)
    y = torch.tensor([0, 1, label, 2])
    assert BAD[name](x, w, y).isnan()
    assert BAD[name](x, w, y.clamp(0, 4)).isfinite()


@pytest.mark.parametrize("label", [7, -1])
def test_a_label_out_of_range_has_no_rank_and_a_gradient_of_nan(label, _gpu) -> None:
    x, w = torch.randn(4, 6), torch.randn(5, 6)
    y = torch.tensor([0, 1, label, 2])
    found = F.linear_statistics(x, w, y, outputs=("rank",)).rank
    assert found[2] == -1
    assert (found[[0, 1, 3]] >= 0).all()
    z = torch.randn(4, 5, requires_grad=True)
    (slope,) = torch.autograd.grad(F.cross_entropy(z, y, reduction="sum"), z, create_graph=True)
    assert slope.isnan().any(1).tolist() == [False, False, True, False]


def test_a_class_that_is_none_among_several_gives_nan(_gpu) -> None:
    x, w, chosen = torch.randn(4, 6), torch.randn(5, 6), torch.randint(0, 5, (4, 2))
    chosen[1, 1] = 9
    target = torch.full((4, 2), 0.5), chosen
    found = F.linear_cross_entropy(x, w, target, reduction="none")
    assert found.isnan().tolist() == [False, True, False, False]
    assert F.linear_binary_cross_entropy_with_logits(x, w, chosen).isnan()


X, Y, ZEROS = torch.randn(8, 4), torch.randint(0, 4, (8,)), torch.zeros(8, 4)
NUMBERS = {
    "normalizer": lambda x: F.cross_entropy(x, Y, normalizer=4.0, empty="zero"),
    "layer's normalizer": lambda x: F.linear_cross_entropy(x, ZEROS, Y, normalizer=4.0),
    "siglip": lambda x: F.siglip(x, X),
    "weight": lambda x: F.binary_cross_entropy_with_logits(x, ZEROS, weight=2.0),
    "pair": lambda x: F.sum_and_count(F.mse_loss, x, ZEROS)[0],
    "constant": lambda x: F.gaussian_nll_loss(x, ZEROS, torch.ones(8, 4), full=True),
    "second derivative": lambda x: torch.autograd.grad(F.mse_loss(x, ZEROS), x, create_graph=True)[
        0
    ].sum(),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_no_number_is_copied_to_the_device(name, monkeypatch, _gpu) -> None:
    copied = []

    def watched(make):
        def made(value, *args, **options):
            if not isinstance(value, torch.Tensor):
                copied.append(value)
            return make(value, *args, **options)

        return made

    for make in ("as_tensor", "tensor"):
        monkeypatch.setattr(torch, make, watched(getattr(torch, make)))
    x = X.clone().requires_grad_()
    NUMBERS[name](x).backward()
    assert copied == []


@pytest.mark.parametrize("options", [{}, {"reduction": "none"}], ids=str)
@pytest.mark.parametrize("loss", [F.mse_loss, F.cross_entropy])
def test_an_upstream_gradient_may_be_a_negated_view(loss, options, _gpu) -> None:
    slopes = []
    for negated in (False, True):
        x = X.clone().requires_grad_()
        out = loss(x, Y if loss is F.cross_entropy else ZEROS, **options)
        above = torch.full_like(out, -2.0)
        out.backward(torch._neg_view(-above) if negated else above)
        slopes.append(x.grad)
    assert torch.equal(*slopes)


def test_sample_weights_keep_half_precision(monkeypatch, _gpu) -> None:
    run, seen = rows.run, []

    def watched(problem, tensors, *others):
        seen.append(tensors[0].dtype)
        return run(problem, tensors, *others)

    monkeypatch.setattr(rows, "run", watched)
    x, share = X.bfloat16(), torch.rand(8).bfloat16().float()  # which a half holds exactly
    found = F.cross_entropy(x, Y, sample_weight=share)
    assert seen == [torch.bfloat16]
    losses = torch.nn.functional.cross_entropy(x.double(), Y, reduction="none")
    # Triton's interpreter truncates half precision where a GPU rounds: one ulp instead of ½.
    limit = 2**-7 if language.interprets() else 2**-8
    torch.testing.assert_close(
        found.double(), (losses * share).sum() / share.sum(), rtol=limit, atol=0
    )


def test_kernels_read_no_other_devices_memory(monkeypatch) -> None:
    monkeypatch.setattr(values, "PLAIN", (SimpleNamespace,))
    monkeypatch.setattr(gpu, "HAS_TRITON", True)
    facts = {"is_cuda": True, "dtype": torch.float32, "numel": lambda: 3}
    first, second = (SimpleNamespace(device=torch.device("cuda", i), **facts) for i in range(2))
    for other in (first, second):
        problem = ElementwiseProblem(Normal, (first,), other)
        assert gpu.BACKEND.serves(problem) == (other is first)


def test_a_triton_that_is_too_old_is_none(monkeypatch, tmp_path) -> None:
    found = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(gpu, "find_spec", lambda name: found)
    assert not gpu.has_triton()
    (tmp_path / "knobs.py").touch()
    assert gpu.has_triton()
    monkeypatch.setattr(gpu, "find_spec", lambda name: None)
    assert not gpu.has_triton()


def test_sums_are_in_the_widest_type_that_a_device_has() -> None:
    assert sum_dtype(torch.device("cpu")) == torch.float64
    assert sum_dtype(torch.device("mps")) == torch.float32
