"""The losses of preference, policy and distillation are those of TRL, and of their definitions."""

from __future__ import annotations

import math
from collections import defaultdict
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from torch.nn.functional import log_softmax

import neglog
from neglog import functional, preference

BETA, SMOOTHING = 0.3, 0.1
PAIRED = [
    "aot", "aot_unpaired", "apo_down", "apo_zero", "bco_pair", "discopop", "exo_pair", "hinge",
    "ipo", "nca_pair", "robust", "sft", "sigmoid", "sigmoid_norm", "sppo_hard",
]  # fmt: skip
SMOOTHED = ["exo_pair", "robust", "aot", "aot_unpaired"]  # in TRL


def tokens(seed: int, rows: int = 6, length: int = 5) -> torch.Tensor:
    """Return log-probabilities of tokens."""
    generator = torch.Generator().manual_seed(seed)
    return -3 * torch.rand(rows, length, generator=generator, dtype=torch.float64)


MASK = (torch.arange(6) > 0) & (torch.arange(6) <= torch.tensor([[5], [3], [4], [2], [5], [1]]))
COUNTS = MASK.sum(1)
LOGPROBS, REFERENCE = (tokens(seed) * MASK[:, 1:] for seed in (0, 1))


def value_and_gradient(loss, *tensors):
    """Return a loss, and its gradient by the first tensor."""
    first = tensors[0].clone().requires_grad_()
    value = loss(first, *tensors[1:])
    return value, *torch.autograd.grad(value, first)


def trainer(**options) -> mock.MagicMock:
    """Return what stands for TRL's trainer: its options, one process, no model."""

    def same(tensor, **_):
        return tensor

    accelerator = SimpleNamespace(
        device=torch.device("cpu"), gather=same, gather_for_metrics=same, reduce=same,
        num_processes=1, sync_gradients=False,
    )  # fmt: skip
    return mock.MagicMock(
        accelerator=accelerator, _metrics={"train": defaultdict(list)}, aux_loss_enabled=False,
        ld_alpha=None, use_weighting=False, beta=BETA, loss_weights=[1.0], _total_train_tokens=0,
        _tp_size=1, f_divergence_type="reverse_kl", **options,
    )  # fmt: skip


def outputs(logprobs: torch.Tensor) -> SimpleNamespace:
    """Return what a model of TRL's returns."""
    return SimpleNamespace(
        log_probs=logprobs, entropy=-logprobs, mean_logits=logprobs, is_top1=logprobs > -1,
        aux_loss=None,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
class TestAgainstTRL:
    """TRL's own code on the same tensors: its import takes seconds."""

    @pytest.mark.parametrize("loss_type", PAIRED)
    def test_dpo(self, loss_type) -> None:
        from trl import DPOTrainer

        smoothing = SMOOTHING if loss_type in SMOOTHED else 0.0
        args = SimpleNamespace(discopop_tau=0.05)
        options = {"loss_types": [loss_type], "label_smoothing": smoothing, "args": args}
        inputs = {
            "input_ids": torch.zeros(6, 6).long(), "attention_mask": torch.ones(6, 6),
            "completion_mask": MASK.long(), "ref_chosen_logps": REFERENCE[:3].sum(1),
            "ref_rejected_logps": REFERENCE[3:].sum(1),
        }  # fmt: skip

        def theirs(logprobs):
            found = outputs(logprobs * MASK[:, 1:])
            return DPOTrainer._compute_loss(trainer(**options), lambda **_: found, inputs, False)

        def ours(logprobs):
            summed = (logprobs * MASK[:, 1:]).sum(1)
            tensors = (*summed.chunk(2), *REFERENCE.sum(1).chunk(2))
            lengths = dict(zip(("chosen_length", "rejected_length"), COUNTS.chunk(2), strict=True))
            return preference.dpo_loss(
                *tensors, beta=BETA, loss_type=loss_type, label_smoothing=smoothing, **lengths
            )

        # TRL takes the logarithms of label_smoothing in float32.
        agree(ours, theirs, LOGPROBS, 1e-7 if loss_type == "exo_pair" else 1e-12)

    @pytest.mark.parametrize("loss_type", ["kto", "apo_zero_unpaired"])
    def test_kto(self, loss_type) -> None:
        from trl import KTOTrainer

        desirable = torch.tensor([True, False, True, True, False, False])
        kl = torch.full((6,), 0.25, dtype=torch.float64)
        inputs = {
            "input_ids": torch.zeros(6, 6).long(), "attention_mask": torch.ones(6, 6),
            "completion_mask": MASK.long(), "label": desirable, "ref_KL_logps": 0 * kl,
            "ref_logps": REFERENCE.sum(1),
        }  # fmt: skip

        def theirs(logprobs):
            stub = trainer(
                loss_type=loss_type, desirable_weight=2.0, undesirable_weight=0.5,
                calculate_KL=loss_type == "kto",
            )  # fmt: skip
            stub._compute_kl_logps.return_value = kl
            return KTOTrainer._compute_loss(stub, lambda **_: outputs(logprobs), inputs, False)

        def ours(logprobs):
            return preference.kto_loss(
                logprobs.sum(1), REFERENCE.sum(1), desirable, beta=BETA, kl=kl.mean(),
                desirable_weight=2.0, undesirable_weight=0.5, loss_type=loss_type,
            )  # fmt: skip

        agree(ours, theirs, LOGPROBS)

    @pytest.mark.parametrize("loss_type", ["sigmoid", "hinge", "ipo", "simpo"])
    def test_cpo(self, loss_type) -> None:
        from trl.experimental.cpo import CPOTrainer

        smoothing = SMOOTHING if loss_type in ("sigmoid", "simpo") else 0.0
        stub = trainer(alpha=0.0, loss_type=loss_type, simpo_gamma=0.5, label_smoothing=smoothing)
        rejected = REFERENCE.sum(1)

        def ours(chosen):
            if loss_type == "simpo":
                options = {"gamma": 0.5, "label_smoothing": smoothing}
                return preference.simpo_loss(chosen, rejected, beta=BETA, **options)
            options = {"loss_type": loss_type, "label_smoothing": smoothing}
            return preference.cpo_loss(chosen, rejected, beta=BETA, **options)

        agree(ours, lambda c: CPOTrainer.cpo_loss(stub, c, rejected)[0].mean(), LOGPROBS.sum(1))

    def test_orpo(self) -> None:
        from trl.experimental.orpo import ORPOTrainer

        chosen, rejected = (t.sum(1) / COUNTS for t in (LOGPROBS, REFERENCE))

        def theirs(chosen):
            return -ORPOTrainer.odds_ratio_loss(trainer(), chosen, rejected)[0].mean()

        def ours(chosen):
            return preference.orpo_loss(chosen, rejected, beta=BETA)

        agree(ours, theirs, chosen, 1e-6)  # TRL computes in float32

    @pytest.mark.parametrize("level", ["token", "sequence"])
    @pytest.mark.parametrize("beta", [0.0, BETA])
    @pytest.mark.parametrize("loss_type", ["dapo", "bnpo", "grpo", "dr_grpo", "cispo"])
    def test_grpo(self, loss_type, beta, level) -> None:
        from trl import GRPOTrainer

        mask, old = MASK[:, 1:].long(), LOGPROBS + 0.4 * tokens(2) + 0.5
        advantages = torch.tensor([1.0, -1.0, 0.5, -0.5, 2.0, -2.0], dtype=torch.float64)
        inputs = {
            "prompt_ids": torch.zeros(6, 1).long(), "prompt_mask": torch.ones(6, 1),
            "completion_ids": torch.zeros(6, 5).long(), "completion_mask": mask,
            "advantages": advantages, "old_per_token_logps": old,
            "ref_per_token_logps": REFERENCE, "num_items_in_batch": torch.tensor(7.0),
        }  # fmt: skip

        def theirs(logprobs):
            args = SimpleNamespace(delta=1.5, use_bias_correction_kl=False,
                                   steps_per_generation=1)  # fmt: skip
            stub = trainer(
                args=args, loss_type=loss_type, importance_sampling_level=level, epsilon_low=0.2,
                epsilon_high=1.28 if loss_type == "cispo" else 0.28, top_entropy_quantile=1.0,
                off_policy_mask_threshold=None, use_vllm=False, max_completion_length=9,
                _entropy_bonus_enabled=False, current_gradient_accumulation_steps=1,
            )  # fmt: skip
            stub.beta = beta
            found = logprobs, -logprobs.detach(), None
            stub._get_per_token_logps_and_entropies.return_value = found
            return GRPOTrainer._compute_loss(stub, None, inputs)

        def ours(logprobs):
            return preference.grpo_loss(
                logprobs, advantages, mask, old_logprobs=old, reference_logprobs=REFERENCE,
                beta=beta, epsilon_high=0.28, loss_type=loss_type, importance_sampling_level=level,
                delta=None if loss_type == "cispo" else 1.5,
                max_completion_length=9 if loss_type == "dr_grpo" else None,
                normalizer=7.0 if loss_type in ("dapo", "cispo") else None,
            )  # fmt: skip

        agree(ours, theirs, LOGPROBS)

    @pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
    def test_distillation(self, beta) -> None:
        from trl.experimental.gkd import GKDTrainer

        student, teacher = (3 * t.unflatten(0, (2, 3)) for t in (tokens(3), tokens(4)))
        mask = torch.tensor([[True, True, False], [True, False, True]])

        def theirs(student):
            labels = torch.where(mask, 1, -100)
            return GKDTrainer.generalized_jsd_loss(student, teacher, labels, beta, 2.0)

        def ours(student):
            return preference.generalized_jsd_loss(student, teacher, beta, 2.0, mask)

        agree(ours, theirs, student)


def agree(ours, theirs, first: torch.Tensor, tolerance: float = 1e-12) -> None:
    """Compare value and gradient."""
    for one, other in zip(*(value_and_gradient(f, first) for f in (ours, theirs)), strict=True):
        torch.testing.assert_close(one, other.to(one), rtol=tolerance, atol=tolerance)


def test_dpo_is_the_bernoulli_loss_of_the_reward() -> None:
    chosen, rejected, reference, other = (tokens(seed).sum(1) for seed in range(4))
    found = preference.dpo_loss(chosen, rejected, reference, other, beta=BETA)
    rewards = BETA * (chosen - reference), BETA * (rejected - other)
    torch.testing.assert_close(found, functional.bradley_terry_loss(*rewards))


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("loss_type", sorted({*PAIRED} - {"discopop"}))
def test_large_log_ratios_have_finite_losses_and_gradients(loss_type, scale) -> None:
    tensors = [scale * tokens(seed).sum(1) for seed in range(4)]
    options = {"label_smoothing": SMOOTHING} if loss_type in SMOOTHED else {}
    lengths = {"chosen_length": COUNTS, "rejected_length": COUNTS}
    value, slope = value_and_gradient(
        lambda *t: preference.dpo_loss(*t, loss_type=loss_type, **options, **lengths), *tensors
    )
    assert value.isfinite() and slope.isfinite().all()


def test_half_precision_computes_in_float32() -> None:
    tensors = [tokens(seed).sum(1).bfloat16() for seed in range(4)]
    found = preference.dpo_loss(*tensors)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, preference.dpo_loss(*(t.float() for t in tensors)).bfloat16())


def test_micro_batches_add_up_with_a_normalizer() -> None:
    tensors = [tokens(seed).sum(1) for seed in range(4)]
    halves = zip(*(t.chunk(2) for t in tensors), strict=True)
    parts = [preference.dpo_loss(*half, normalizer=6) for half in halves]
    torch.testing.assert_close(sum(parts), preference.dpo_loss(*tensors))
    mask = MASK[:, 1:]
    facts = LOGPROBS, torch.ones(6).double(), mask
    halves = zip(*(t.chunk(2) for t in facts), strict=True)
    parts = [preference.grpo_loss(*half, normalizer=mask.sum()) for half in halves]
    torch.testing.assert_close(sum(parts), preference.grpo_loss(*facts))


def test_odds_ratios_of_certain_completions() -> None:
    """At P = 1 the loss is 0, and its slope that of the limit; far below there is no overflow."""
    rejected = torch.tensor([-0.5, -0.5, -2.0, -1e-12], dtype=torch.float64)
    chosen = torch.tensor([0.0, -1e-12, -1e4, -3.0], dtype=torch.float64).requires_grad_()
    loss = preference.orpo_loss(chosen, rejected, beta=1.0, reduction="none")
    (slope,) = torch.autograd.grad(loss.sum(), chosen)
    odds = math.exp(-0.5) / -math.expm1(-0.5)
    assert loss[0] == 0 and loss.isfinite().all()
    torch.testing.assert_close(slope[:2], torch.full_like(slope[:2], -odds), rtol=1e-9, atol=0)
    assert slope[2] == -1


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_divergences_are_those_of_their_definition(beta) -> None:
    student, teacher = tokens(5), tokens(6)
    p, q = teacher.softmax(-1), student.softmax(-1)
    m = beta * p + (1 - beta) * q

    def kl(one, other):
        return (one * (one / other).log()).sum(-1)

    wanted = {0.0: kl(p, q), 1.0: kl(q, p)}.get(beta, beta * kl(p, m) + (1 - beta) * kl(q, m))
    found = preference.generalized_jsd_loss(student, teacher, beta, reduction="none")
    torch.testing.assert_close(found, wanted)
    assert preference.generalized_jsd_loss(student, student.clone(), beta).abs() < 1e-15


def test_impossible_classes_add_nothing_to_a_divergence() -> None:
    student = torch.tensor([[0.0, 1.0, -torch.inf]], requires_grad=True)
    teacher = torch.tensor([[1.0, 0.0, -torch.inf]])
    for beta in (0.0, 0.5, 1.0):
        loss = preference.generalized_jsd_loss(student, teacher, beta)
        wanted = preference.generalized_jsd_loss(student[:, :2], teacher[:, :2], beta)
        torch.testing.assert_close(loss, wanted)
        assert torch.autograd.grad(loss, student)[0].isfinite().all()


def test_masked_tokens_may_hold_anything() -> None:
    mask = MASK[:, 1:]
    advantages = torch.linspace(-1, 1, 6).double()[:, None].expand(6, 5)
    facts = {"old_logprobs": LOGPROBS - 0.1, "reference_logprobs": REFERENCE, "beta": 0.1}
    wanted = value_and_gradient(
        lambda x: preference.grpo_loss(x, advantages, mask, **facts), LOGPROBS
    )
    spoiled = {k: v.masked_fill(~mask, torch.nan) if k != "beta" else v for k, v in facts.items()}
    found = value_and_gradient(
        lambda x: preference.grpo_loss(
            x, advantages.masked_fill(~mask, torch.nan), mask, **spoiled
        ),
        LOGPROBS.masked_fill(~mask, -torch.inf),
    )
    torch.testing.assert_close(found, wanted)


def test_log_probabilities_come_from_a_layer_without_its_logits() -> None:
    x, weight, labels = torch.randn(4, 3, 8), torch.randn(20, 8), torch.randint(0, 20, (4, 3))
    found = functional.selected_logprobs(x, weight, labels).sum(1)
    dense = log_softmax(x @ weight.T, -1).gather(-1, labels[..., None])[..., 0].sum(1)
    torch.testing.assert_close(found, dense)
    assert preference.simpo_loss(*found.chunk(2)) > 0


ONE = torch.tensor([-1.0, -2.0])
ROWS = torch.tensor([[-1.0, -2.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: preference.dpo_loss(ONE, ONE, ONE, ONE[:1]), "reference_rejected must have"),
        (lambda: preference.dpo_loss(ONE, ONE, ONE, ONE, loss_type="x"), "loss_type must be"),
        (lambda: preference.dpo_loss(ONE, ONE, ONE, ONE, beta=0), "beta must be above 0"),
        (lambda: preference.dpo_loss(ONE, ONE, ONE, ONE, loss_type="ipo"), "chosen_length"),
        (
            lambda: preference.dpo_loss(ONE, ONE, ONE, ONE, loss_type="ipo", label_smoothing=0.1),
            "label_smoothing must be 0 with loss_type='ipo'",
        ),
        (lambda: preference.dpo_loss(ONE, ONE, ONE, ONE, label_smoothing=0.5), r"\[0, 0.5\)"),
        (
            lambda: preference.dpo_loss(ONE, ONE, ONE, ONE, loss_type="exo_pair"),
            "label_smoothing must be above 0",
        ),
        (lambda: preference.cpo_loss(ONE, ONE.long()), "rejected"),
        (lambda: preference.kto_loss(ONE, ONE, torch.ones(2)), "desirable must be .*torch.bool"),
        (lambda: preference.kto_loss(ONE, ONE, ONE > 0, kl="x"), "kl must be"),
        (lambda: preference.orpo_loss(ONE, [1.0, 2.0]), "rejected must be a torch.Tensor"),
        (lambda: preference.grpo_loss(ONE, ONE), r"logprobs must hold the tokens .*\(B, T\)"),
        (lambda: preference.grpo_loss(ROWS, ONE), "advantages must have"),
        (lambda: preference.grpo_loss(ROWS, ONE[:1], beta=0.1), "reference_logprobs"),
        (
            lambda: preference.grpo_loss(ROWS, ONE[:1], loss_type="cispo", delta=2.0),
            "delta requires loss_type 'dapo' or .*, but it is 'cispo'",
        ),
        (lambda: preference.grpo_loss(ROWS, ONE[:1], loss_type="dr_grpo"), "max_completion_length"),
        (
            lambda: preference.grpo_loss(ROWS, ONE[:1], loss_type="grpo", normalizer=3),
            "normalizer requires loss_type 'dapo' or 'cispo', but it is 'grpo'",
        ),
        (lambda: preference.generalized_jsd_loss(ROWS, ROWS, 1.5), r"beta must lie in \[0, 1\]"),
        (
            lambda: preference.generalized_jsd_loss(ROWS, ROWS.clone().requires_grad_()),
            "teacher",
        ),
    ],
)  # fmt: skip
def test_messages(call, message) -> None:
    with pytest.raises(neglog.NeglogError, match=message):
        call()
