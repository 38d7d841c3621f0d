"""Group-relative policy optimisation, made of `linear_statistics`.

    python examples/grpo.py

Several answers to one question are rewarded; each answer's advantage is its reward relative to its
group's. Words of better answers are made more likely, but no more than a clip allows, and an
entropy bonus keeps the policy from narrowing: two numbers of each row, from one pass. The mean is
over all words, and the paper's divergence from a reference is left out; it would be a third number
(`outputs=("nll", "entropy", "kl")` with a `teacher`).

Source: Z. Shao et al., DeepSeekMath: pushing the limits of mathematical reasoning in open language
models, 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.functional import linear_statistics


def advantages(rewards: Tensor) -> Tensor:
    """Return how much better each answer of a group is than the group, (groups, answers)."""
    return (rewards - rewards.mean(-1, keepdim=True)) / (rewards.std(-1, keepdim=True) + 1e-4)


def objective(
    log_p: Tensor, entropy: Tensor, old: Tensor, gain: Tensor, counts: Tensor, clip: float
) -> Tensor:
    """Return the objective, given numbers for each token."""
    ratio = (log_p - old).exp()
    gain = gain[..., None]
    surrogate = torch.minimum(ratio * gain, ratio.clamp(1 - clip, 1 + clip) * gain)
    return -((surrogate + 0.01 * entropy) * counts).sum() / counts.sum()


def grpo(
    rows: Tensor, layer: Tensor, words: Tensor, old: Tensor, rewards: Tensor, clip: float = 0.2
) -> Tensor:
    """Return the loss of groups of answers.

    Args:
        rows: the last hidden rows, (groups, answers, words, features).
        layer: the output layer, (classes, features).
        words: (groups, answers, words), the word after each row, -100 where an answer has ended.
        old: log-probabilities of the words when they were drawn.
        rewards: (groups, answers).
        clip: how far a probability's ratio may go from 1.
    """
    found = linear_statistics(rows, layer, words, outputs=("nll", "entropy"))
    assert found.nll is not None
    assert found.entropy is not None
    return objective(-found.nll, found.entropy, old, advantages(rewards), words >= 0, clip)


def plain_grpo(
    rows: Tensor, layer: Tensor, words: Tensor, old: Tensor, rewards: Tensor, clip: float = 0.2
) -> Tensor:
    """Return the same from all logits at once."""
    log_p = torch.log_softmax(rows @ layer.t(), -1)
    entropy = -(log_p.exp() * log_p).sum(-1)
    picked = log_p.gather(-1, words.clamp(min=0)[..., None])[..., 0]
    return objective(picked, entropy, old, advantages(rewards), words >= 0, clip)


def main() -> None:
    """Compare the two."""
    torch.manual_seed(0)
    shape, features, classes = (2, 4, 10), 32, 5000
    words = torch.randint(0, classes, shape)
    words[0, 1, 6:] = -100
    rows, layer = torch.randn(*shape, features), torch.randn(classes, features) / 8
    chances = torch.log_softmax(rows @ layer.t(), -1)
    old = chances.gather(-1, words.clamp(min=0)[..., None])[..., 0] + 0.2 * torch.randn(shape)
    rewards = torch.rand(shape[:2])
    given = (rows.requires_grad_(), layer.requires_grad_())
    losses = [loss(*given, words, old, rewards) for loss in (grpo, plain_grpo)]
    slopes = [torch.autograd.grad(loss, given) for loss in losses]
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(slopes[0], slopes[1])
    print(f"GRPO: {losses[0]:.6f}, plain: {losses[1]:.6f}, and the same gradients")


if __name__ == "__main__":
    main()
