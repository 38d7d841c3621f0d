"""Direct preference optimisation, made of `selected_logprobs`.

    python examples/dpo.py

A policy and a frozen reference give a probability to an answer that was chosen and to one that was
rejected. The loss is the `Bernoulli` loss of the difference of the two log-ratios: how likely the
preference is that was seen. No logit of the policy or of the reference is kept.

Source: R. Rafailov et al., Direct preference optimization: your language model is secretly a
reward model, NeurIPS 2023.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.functional import binary_cross_entropy_with_logits, selected_logprobs


def answers(rows: Tensor, layer: Tensor, words: Tensor) -> Tensor:
    """Return the log-probability of each answer; tokens of -100 are ignored."""
    return selected_logprobs(rows, layer, words).sum(-1)


def dpo(
    policy: tuple[Tensor, Tensor],
    reference: tuple[Tensor, Tensor],
    words: Tensor,
    beta: float = 0.1,
) -> Tensor:
    """Return the loss of pairs of answers.

    Args:
        policy: the last hidden rows (2, pairs, words, features), the chosen answers first, and the
            output layer (classes, features).
        reference: the same of the frozen model.
        words: (2, pairs, words), the word after each row; -100 where the prompt or padding stands.
        beta: how much the policy may leave the reference.
    """
    with torch.no_grad():
        before = answers(*reference, words)
    chosen, rejected = answers(*policy, words) - before
    preference = beta * (chosen - rejected)
    return binary_cross_entropy_with_logits(preference, torch.ones_like(preference))


def plain_dpo(
    policy: tuple[Tensor, Tensor],
    reference: tuple[Tensor, Tensor],
    words: Tensor,
    beta: float = 0.1,
) -> Tensor:
    """Return the same from all logits at once."""

    def chance(rows: Tensor, layer: Tensor) -> Tensor:
        log_p = torch.log_softmax(rows @ layer.t(), -1)
        picked = log_p.gather(-1, words.clamp(min=0)[..., None])[..., 0]
        return (picked * (words >= 0)).sum(-1)

    chosen, rejected = chance(*policy) - chance(*reference).detach()
    return -torch.nn.functional.logsigmoid(beta * (chosen - rejected)).mean()


def main() -> None:
    """Compare the two."""
    torch.manual_seed(0)
    pairs, length, features, classes = 4, 12, 32, 5000
    words = torch.randint(0, classes, (2, pairs, length))
    words[1, :, 9:] = -100  # the rejected answers are shorter
    policy, reference = (
        (torch.randn(2, pairs, length, features), torch.randn(classes, features) / 8)
        for _ in range(2)
    )
    for tensor in policy:
        tensor.requires_grad_()
    losses = [loss(policy, reference, words) for loss in (dpo, plain_dpo)]
    slopes = [torch.autograd.grad(loss, policy) for loss in losses]
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(slopes[0], slopes[1])
    print(f"DPO: {losses[0]:.6f}, plain: {losses[1]:.6f}, and the same gradients")


if __name__ == "__main__":
    main()
