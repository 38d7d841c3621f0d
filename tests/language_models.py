"""Tiny random models of transformers, a batch for each, and how to compare two of them."""

from __future__ import annotations

import copy
from typing import Any

import torch
import transformers

CLASSES = 99
COMMON = {
    "vocab_size": CLASSES,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 40,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
EXPERTS = {
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "output_router_logits": True,
    "router_aux_loss_coef": 0.5,
}
OLD = {"n_layer": 2, "n_head": 4, "n_embd": 32}
CAUSAL: dict[str, dict[str, Any]] = {
    "llama": {},
    "llama tied": {"tie_word_embeddings": True},
    "qwen2": {},
    "qwen3": {},
    "gemma": {},
    "gemma2": {"final_logit_softcapping": 0.5},
    "gemma3_text": {"final_logit_softcapping": 2.0},
    "mistral": {},
    "mixtral": EXPERTS,
    "qwen3_moe": EXPERTS,
    "phi": {},  # whose head has a bias
    "gpt2": OLD,
    "gpt_neox": {},
    "bloom": OLD,
    "opt": {"word_embed_proj_dim": 32, "ffn_dim": 40},
    "granite": {"logits_scaling": 0.3},
    "cohere": {"logit_scale": 2.0},
    "olmo2": {},
    "falcon_h1": {"lm_head_multiplier": 3.0, "mamba_d_ssm": 32, "mamba_n_heads": 4,
                  "mamba_d_head": 8},
    "nemotron": {},
}  # fmt: skip
MASKED = ["bert", "roberta", "distilbert", "modernbert"]
SEQ2SEQ = {"t5": {"d_model": 32, "d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 4}, "bart": {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 40, "encoder_attention_heads": 4, "decoder_attention_heads": 4}}  # fmt: skip
NAMES = [*CAUSAL, *MASKED, *SEQ2SEQ, "llava"]


def model(name: str, **changed: Any) -> Any:
    """Return a model in training mode, the same at each call, without dropout."""
    torch.manual_seed(1)
    if name == "llava":
        return _llava().train()
    kind = transformers.AutoModelForCausalLM
    if name in MASKED:
        kind = transformers.AutoModelForMaskedLM
    if name in SEQ2SEQ:
        kind = transformers.AutoModelForSeq2SeqLM
    own = {**CAUSAL, **SEQ2SEQ}.get(name, {})
    decoder = {"decoder_start_token_id": 0} if name in SEQ2SEQ else {}
    facts = {**COMMON, **own, **decoder, **changed}
    config = transformers.AutoConfig.for_model(name.split()[0], **facts)
    found = kind.from_config(config, attn_implementation="eager")
    for part in found.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    if hasattr(found, "final_logits_bias"):
        found.final_logits_bias.normal_()  # of BART, 0 otherwise
    return found.train()


def _llava() -> Any:
    text = transformers.LlamaConfig(**COMMON)
    vision = transformers.CLIPVisionConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        image_size=8, patch_size=4,
    )  # fmt: skip
    config = transformers.LlavaConfig(text_config=text, vision_config=vision, image_token_id=5)
    return transformers.LlavaForConditionalGeneration(config)


def batch(name: str = "llama", rows: int = 2, length: int = 9) -> dict[str, Any]:
    """Return a batch with labels, some of them ignored."""
    torch.manual_seed(2)
    ids = torch.randint(6, CLASSES, (rows, length))
    labels = ids.clone()
    labels[0, :3] = -100
    if name != "llava":
        return {"input_ids": ids, "labels": labels}
    ids[:, 1:5] = 5
    return {"input_ids": ids, "labels": labels, "pixel_values": torch.randn(rows, 3, 8, 8)}


def step(
    model: Any, call: Any = None, **inputs: Any
) -> tuple[torch.Tensor, dict[str, torch.Tensor], Any]:
    """Return loss, gradients and the output of a model that makes one step of SGD."""
    torch.manual_seed(3)
    outputs = (model if call is None else call)(**inputs)
    outputs["loss"].backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    torch.optim.SGD(model.parameters(), 0.1).step()
    return outputs["loss"].detach(), gradients, outputs


def assert_same_step(ours: Any, theirs: Any, call: Any = None, **inputs: Any) -> Any:
    """Compare loss, gradients and parameters after a step, and return the first one's output."""
    loss, gradients, outputs = step(ours, call, **inputs)
    expected, others, _ = step(theirs, **inputs)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0.0)
    assert gradients.keys() == others.keys()
    # Rounding is relative to the largest numbers that were added up, not to each gradient.
    largest = max(float(g.abs().max()) for g in others.values())
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, others[name], rtol=0.0, atol=2e-6 * largest)
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    for ours_after, theirs_after in pairs:
        torch.testing.assert_close(ours_after, theirs_after, rtol=1e-6, atol=1e-6 * largest)
    return outputs


def pair(name: str = "llama", **changed: Any) -> tuple[Any, Any]:
    """Return a model and a copy of it."""
    found = model(name, **changed)
    return found, copy.deepcopy(found)
