"""Other losses of a linear layer: row statistics, binary targets, pairs."""

from __future__ import annotations

import linear
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from linear import DTYPES, close, compare, layer

from neglog import functional as F
from neglog.engine.projection.outputs import has_gradient

OUTPUTS = F.LinearStatistics._fields


@pytest.mark.parametrize("memory", [None, 200])
def test_statistics_are_the_plain_ones(memory) -> None:
    (x, w, b), label = layer()
    teacher = [torch.randn(7, 3).double(), torch.randn(9, 3).double(), torch.randn(9).double()]

    def ours(x, w, b):
        return F.linear_statistics(
            x, w, label, outputs=OUTPUTS, linear_bias=b, teacher=teacher, softcap=3.0,
            temperature=0.8, memory=memory,
        )  # fmt: skip

    def plain(x, w, b):
        capped = {"softcap": 3.0, "temperature": 0.8}
        z = linear.logits(x, w, b, **capped)
        return linear.statistics(z, label, linear.logits(*teacher, **capped))

    found, wanted = ours(x, w, b)._asdict(), plain(x, w, b)
    for name in OUTPUTS:
        close(found[name], wanted[name], torch.float64)
    above = {name: torch.randn(7, dtype=torch.float64) for name in OUTPUTS if has_gradient(name)}
    totals = (sum((above[n] * f[n]).sum() for n in above) for f in (found, wanted))
    slopes = [torch.autograd.grad(total, (x, w, b), create_graph=True) for total in totals]
    for a, c in zip(*slopes, strict=True):
        close(a, c, torch.float64)
    second = [torch.autograd.grad(sum((g * g).sum() for g in s), (x, w, b)) for s in slopes]
    for a, c in zip(*second, strict=True):
        close(a, c, torch.float64)


def test_rows_that_do_not_count_say_so() -> None:
    (x, w, _), label = layer()
    label[2] = -100
    found = F.linear_statistics(x, w, label, outputs=[n for n in OUTPUTS if n != "kl"])
    values = {name: line[2].item() for name, line in found._asdict().items() if line is not None}
    assert values == {
        "nll": 0.0, "logsumexp": 0.0, "entropy": 0.0, "top1": -1, "correct": False, "rank": -1,
        "log_sum_sq_probs": 0.0, "mean_logits": 0.0,
    }  # fmt: skip


@given(
    st.sampled_from(DTYPES[:2]), st.sampled_from(["dense", "bool", "indices"]),
    st.sampled_from(["mean", "sum", "none"]), st.booleans(), st.booleans(), st.booleans(),
    st.sampled_from([None, 300]), st.integers(0, 999),
)  # fmt: skip
@settings(max_examples=60)
def test_bernoulli_is_the_plain_computation(
    dtype, kind, reduction, weighed, yeses, shared, memory, seed
) -> None:
    (x, w, b), _ = layer(dtype=dtype)
    torch.manual_seed(seed)
    dense = (torch.rand(7, 9) < 0.3).to(dtype)
    index = torch.where(torch.rand(7, 3) < 0.3, -1, torch.randint(0, 9, (7, 3)))
    if kind == "indices":
        dense = torch.zeros(7, 10, dtype=dtype).scatter(1, index % 10, 1.0)[:, :9]
    target = {"dense": dense, "bool": dense.bool(), "indices": index}[kind]
    options = {"weight": torch.rand(9)} if weighed else {}
    options |= {"pos_weight": torch.rand(9) + 0.5} if yeses else {}
    share = torch.rand(7) + 0.1 if shared else torch.ones(7)

    def ours(x, w, b):
        given = {"sample_weight": share.to(dtype)} if shared else {}
        return F.linear_binary_cross_entropy_with_logits(
            x, w, target, linear_bias=b, reduction=reduction, memory=memory, **given, **options
        )

    def plain(x, w, b):
        wide = {name: t.double() for name, t in options.items()}
        loss = (
            torch.nn.functional.binary_cross_entropy_with_logits(
                linear.logits(x, w, b), dense.double(), reduction="none", **wide
            )
            * share.double()[:, None]
        )
        if reduction == "none":
            return loss
        return loss.sum() / (1.0 if reduction == "sum" else 9 * share.double().sum())

    compare(ours, plain, (x, w, b), dtype)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("memory", [None, 200])
def test_info_nce_is_the_plain_computation(symmetric, memory) -> None:
    (query, key, _), _ = layer(rows=9)
    heat = torch.tensor(0.2, dtype=torch.float64)

    def ours(query, key, heat):
        return F.info_nce(query, key, temperature=heat, symmetric=symmetric, memory=memory)

    def plain(query, key, heat):
        unit = torch.nn.functional.normalize
        z, own = unit(query) @ unit(key).t() / heat, torch.arange(9)
        loss = torch.nn.functional.cross_entropy
        return (loss(z, own) + loss(z.t(), own)) / 2 if symmetric else loss(z, own)

    compare(ours, plain, (query, key, heat), torch.float64)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("texts", [7, 9])
def test_siglip_is_the_plain_computation(reduction, texts) -> None:
    (image, text, _), _ = layer(rows=7, classes=texts)
    tensors = (image, text, *torch.tensor([5.0, -3.0], dtype=torch.float64))

    def ours(image, text, scale, bias):
        return F.siglip(
            image, text, logit_scale=scale, logit_bias=bias, reduction=reduction, memory=200
        )

    def plain(image, text, scale, bias):
        unit = torch.nn.functional.normalize
        z = scale * unit(image) @ unit(text).t() + bias
        sign = 2 * torch.eye(7, texts, dtype=torch.float64) - 1
        total = -torch.nn.functional.logsigmoid(sign * z).sum()
        return total / 7 if reduction == "mean" else total

    compare(ours, plain, tensors, torch.float64)
