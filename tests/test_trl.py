"""TRL's fused head, computed by neglog, returns what TRL computes."""

from __future__ import annotations

import pytest
import torch

from neglog.errors import ArgumentError
from neglog.integrations.trl import chunked_log_probs, fused_lm_head

OUTPUTS = ("entropy", "log_sum_sq_probs", "mean_logits", "is_top1")


def layer() -> tuple[torch.Tensor, ...]:
    """Return rows, weight and bias of a layer, whose logits have ties, and targets."""
    torch.manual_seed(0)
    x, w, b = torch.randn(9, 4), torch.randn(30, 4), torch.randn(30)
    w[3] *= 9
    w[7], b[7] = w[3], b[3]
    targets = torch.randint(0, 30, (9,))
    targets[:2] = torch.tensor([3, 7])
    x[:2] = w[3]
    return x.requires_grad_(), w.requires_grad_(), b.requires_grad_(), targets


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("softcap", [None, 5.0])
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_outputs_and_gradients_are_trls(softcap, scale) -> None:
    from trl import kernels

    x, w, b, targets = layer()
    facts = (targets, 0.7, 8, softcap, scale, OUTPUTS)
    found = chunked_log_probs(x, w, b, *facts)
    wanted = kernels.ChunkedLogProbFunction.apply(x, w, b, *facts)
    assert found.is_top1[:2].tolist() == [True, False]  # the first of equal logits
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=2e-6)
        assert ours.requires_grad == theirs.requires_grad
    above = torch.randn(2, 9)
    slopes = [
        torch.autograd.grad((above[0] * lines[0] + above[1] * lines[1]).sum(), (x, w, b))
        for lines in (found, wanted)
    ]
    for ours, theirs in zip(*slopes, strict=True):
        size = theirs.abs().max().item()  # gradients cancel: float32 of the largest
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-6 * size)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_model_with_trls_head_computes_by_neglog() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl.trainer.utils import add_fused_lm_head

    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=50, hidden_size=16, intermediate_size=16,
                         num_hidden_layers=1, num_attention_heads=2)  # fmt: skip
    model = LlamaForCausalLM(config)
    add_fused_lm_head(model, outputs=("log_probs", *OUTPUTS))
    ids = torch.randint(0, 50, (2, 7))
    labels = ids.masked_fill(torch.rand(2, 7) < 0.3, -100)
    theirs = model(ids, labels=labels, fused_lm_head=True)
    with fused_lm_head():
        ours = model(ids, labels=labels, fused_lm_head=True)
    for name in ("loss", "log_probs", *OUTPUTS):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name))


def test_only_requested_outputs_are_computed() -> None:
    x, w, b, targets = layer()
    found = chunked_log_probs(x, w, b, targets, outputs=("log_probs", "entropy"))
    assert [name for name, line in found._asdict().items() if line is not None] == [
        "log_probs", "entropy",
    ]  # fmt: skip


def test_a_scale_is_positive() -> None:
    x, w, b, targets = layer()
    with pytest.raises(ArgumentError, match=r"logit_scale must be above 0, but it is 0\.0"):
        chunked_log_probs(x, w, b, targets, logit_scale=0.0)
