"""`neglog.patch` and `neglog.unpatch`: language models that compute their loss by a fused head."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import nn

from neglog import validation
from neglog.engine.projection.workspace import bytes_of
from neglog.errors import sentence
from neglog.errors.arguments import OptionError
from neglog.patching.forwards import Head, Model, check_head, head_of, position_of_labels
from neglog.patching.methods import install, remove

M = TypeVar("M", bound=nn.Module)
_LOGITS = ("eval", "never")


def patch(model: M, *, logits: str = "eval", memory: int | str | None = None) -> M:
    """Let a language model compute its loss without its logits, by `linear_cross_entropy`.

    It serves models of transformers whose ``forward(labels=…)`` applies a linear head, then a scale
    or a softcap, and then cross-entropy; the head may hold adapters of PEFT. All else, such as the
    shift of the labels, the divisor of the mean and auxiliary losses, remains the model's own
    code. Without labels the model is unchanged.

    Args:
        model: a language model with `get_output_embeddings`, or PEFT's wrapper of one.
        logits: when a call with labels returns logits too: ``"eval"``, in evaluation mode, as
            metrics require; or ``"never"``. ``model(…, return_logits=True)`` decides for one call.
            Such a call runs the model's own code.
        memory: the memory for logits, in bytes or as ``"64MiB"``: see `linear_cross_entropy`.

    Returns:
        The same model. The losses, in nats, and their gradients are those before, up to rounding.

    Raises:
        LanguageModelError: the model cannot be served; the message states why. For uses of logits
            between head and loss it is raised at the first call with labels.

    >>> import torch, neglog
    >>> from transformers import LlamaConfig, LlamaForCausalLM  # doctest: +SKIP
    >>> model = neglog.patch(LlamaForCausalLM(LlamaConfig()))  # doctest: +SKIP
    >>> model(input_ids=ids, labels=ids).loss.backward()  # doctest: +SKIP
    """
    if logits not in _LOGITS:
        raise OptionError(sentence(f"logits must be one of {_LOGITS}", f"it is {logits!r}"))
    if memory is not None:
        validation.workspace(memory, bytes_of(memory))
    language_model = _without_peft(model)
    head = head_of(language_model)
    check_head(head)
    position = position_of_labels(language_model)
    unpatch(model)
    install(language_model, Model(logits, memory, position))
    install(head, Head(memory))
    return model


def unpatch(model: M) -> M:
    """Undo `patch`, if the model was patched.

    Args:
        model: what was passed to `patch`.

    Returns:
        The same model.

    >>> import neglog, torch
    >>> neglog.unpatch(torch.nn.Linear(2, 3))
    Linear(in_features=2, out_features=3, bias=True)
    """
    for module in _without_peft(model).modules():
        remove(module)
    return model


def _without_peft(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model
