"""The losses that transformers calls: a model's `loss_function`, and the Trainer's function."""

from __future__ import annotations

import functools

import language_models as lm
import pytest
import torch
import transformers
from language_models import CLASSES, batch
from torch.nn import functional as F

import neglog
from neglog.errors import ArgumentError, SupportError
from neglog.integrations.transformers import compute_loss, loss_function

SAME = {"rtol": 2e-6, "atol": 0.0}


def _theirs():
    from transformers.loss.loss_utils import ForCausalLMLoss, ForMaskedLMLoss

    return ForCausalLMLoss, ForMaskedLMLoss


@pytest.mark.parametrize("count", [None, 40, torch.tensor(40)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_loss_function_is_transformers_own(count, dtype) -> None:
    causal, masked = _theirs()
    logits, labels = torch.randn(2, 9, CLASSES).to(dtype), batch()["labels"]
    options = {"num_items_in_batch": count, "output_attentions": True}
    arguments = (logits, labels, CLASSES)
    ours = loss_function(*arguments, **options)
    torch.testing.assert_close(ours, causal(*arguments, **options), **SAME)
    ours = loss_function(*arguments, shift=False, **options)
    torch.testing.assert_close(ours, masked(*arguments, **options), **SAME)
    options |= {"shift_labels": labels.roll(3, 1), "ignore_index": int(labels[1, 1])}
    given = options["shift_labels"].masked_fill(options["shift_labels"] == -100, 1)
    options["shift_labels"] = given
    ours = loss_function(*arguments, **options)
    torch.testing.assert_close(ours, causal(*arguments, **options), **SAME)


def test_options_that_transformers_drops() -> None:
    logits, labels, weight = torch.randn(2, 9, CLASSES), batch()["labels"], torch.rand(CLASSES)
    options = {"label_smoothing": 0.1, "weight": weight}
    rows, classes = logits[:, :-1].reshape(-1, CLASSES), labels[:, 1:].reshape(-1)
    expected = F.cross_entropy(rows, classes, **options)
    torch.testing.assert_close(loss_function(logits, labels, **options), expected, **SAME)
    total = F.cross_entropy(rows, classes, reduction="sum", **options)
    found = compute_loss({"logits": logits}, labels, 40, shift=True, **options)
    torch.testing.assert_close(found, total / 40, **SAME)


def test_a_models_loss_function_needs_no_other_change() -> None:
    ours, theirs = lm.pair()
    ours.loss_function = loss_function
    assert "logits" in lm.assert_same_step(ours, theirs, **batch())


@pytest.mark.parametrize("name", ["llama", "bert", "t5", "gpt2", "llava"])
def test_the_class_of_an_output_shows_whether_to_shift(name) -> None:
    model, inputs = lm.model(name), batch(name)
    outputs = model(**inputs)
    torch.testing.assert_close(compute_loss(outputs, inputs["labels"]), outputs.loss, **SAME)


def test_losses_of_routers_are_added() -> None:
    model, labels = lm.model("mixtral"), batch()["labels"]
    outputs = model(**batch())
    found = compute_loss(outputs, labels, aux_loss_coef=0.5)
    torch.testing.assert_close(found, outputs.loss, **SAME)
    with pytest.raises(ArgumentError, match="requires aux_loss_coef, but the model returned an"):
        compute_loss(outputs, labels)
    assert compute_loss(outputs, labels, aux_loss_coef=0.0) < found - 0.1


def test_classifiers() -> None:
    from transformers.modeling_outputs import SequenceClassifierOutput

    logits, labels = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 2])
    found = compute_loss(SequenceClassifierOutput(logits=logits), labels, label_smoothing=0.1)
    expected = F.cross_entropy(logits, labels, label_smoothing=0.1)
    torch.testing.assert_close(found, expected, **SAME)


def test_what_is_refused() -> None:
    logits, labels = torch.randn(1, 3, 4), torch.tensor([[0, 1, 3]])
    with pytest.raises(ArgumentError, match="has the option label_smoothing, but label_smoothin "):
        loss_function(logits, labels, label_smoothin=0.1)
    with pytest.raises(ArgumentError, match=r"z_loss requires a model of neglog\.patch, but it"):
        loss_function(logits, labels, z_loss=0.1)
    with pytest.raises(ArgumentError, match="shift=True or shift=False, but dict does not show"):
        compute_loss({"logits": logits}, labels)
    with pytest.raises(ArgumentError, match=r"labels must be a torch\.Tensor, but it is NoneType"):
        loss_function(logits, None)
    with pytest.raises(SupportError, match=r"labels must lie in \[0, 3\]"):
        loss_function(logits, labels + 1)


def _trained(tmp_path, model, rows, size, compute_loss_func=None):
    """Return a model's parameters after one step of Trainer over batches of some rows."""
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=size, max_steps=1,
        gradient_accumulation_steps=len(rows) // size, learning_rate=0.1, optim="sgd",
        max_grad_norm=0.0, lr_scheduler_type="constant", report_to="none", use_cpu=True,
        save_strategy="no", disable_tqdm=True,
        logging_strategy="no", dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = transformers.Trainer(
        model,
        arguments,
        train_dataset=rows,
        data_collator=_padded,
        compute_loss_func=compute_loss_func,
    )
    trainer.train()
    return [parameter.detach() for parameter in model.parameters()]


def _padded(rows):
    """Return a batch of sequences of different lengths."""
    pad = functools.partial(torch.nn.utils.rnn.pad_sequence, batch_first=True)
    ids = pad(rows, padding_value=0)
    mask = pad([torch.ones_like(row) for row in rows], padding_value=0)
    return {"input_ids": ids, "attention_mask": mask, "labels": ids.masked_fill(mask == 0, -100)}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["patch", "loss_function", "compute_loss"])
def test_accumulated_gradients_are_those_of_one_batch(tmp_path, way) -> None:
    rows = [torch.randint(3, CLASSES, (length,)) for length in (3, 9, 5, 12)]
    weight = torch.rand(CLASSES)
    options = {"label_smoothing": 0.1, "weight": weight}
    found = {}
    for size in (1, 4):
        model, compute = lm.model("llama"), None
        if way == "compute_loss":
            compute = functools.partial(compute_loss, **options)
        else:
            model.loss_function = functools.partial(loss_function, **options)
        if way == "patch":
            neglog.patch(model)
        found[size] = _trained(tmp_path, model, rows, size, compute)
    begin = lm.model("llama")
    ids = _padded(rows)
    labels = ids.pop("labels")
    logits = begin(**ids).logits[:, :-1].reshape(-1, CLASSES)
    total = F.cross_entropy(logits, labels[:, 1:].reshape(-1), reduction="sum", **options)
    (total / (labels[:, 1:] != -100).sum()).backward()
    torch.optim.SGD(begin.parameters(), 0.1).step()
    begin_at = lm.model("llama").parameters()
    moved = [float((a - b).detach().abs().max()) for a, b in zip(found[1], begin_at, strict=True)]
    for one, four, expected in zip(found[1], found[4], begin.parameters(), strict=True):
        torch.testing.assert_close(one, four, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(one, expected.detach(), rtol=1e-5, atol=1e-6)
    assert max(moved) > 1e-3
