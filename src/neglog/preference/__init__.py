"""Losses of preference, policy optimisation and distillation, over log-probabilities.

`neglog.functional.selected_logprobs` and `linear_statistics` return the log-probability of each
token without the logits in memory. The functions here take them, summed over a completion, or per
token, and return the loss.
"""

from neglog.preference.distillation import generalized_jsd_loss
from neglog.preference.pairs import dpo_loss
from neglog.preference.policy import grpo_loss
from neglog.preference.reference_free import cpo_loss, orpo_loss, simpo_loss
from neglog.preference.single import kto_loss

__all__ = [
    "cpo_loss",
    "dpo_loss",
    "generalized_jsd_loss",
    "grpo_loss",
    "kto_loss",
    "orpo_loss",
    "simpo_loss",
]
