"""`neglog.patch`: a language model's loss, gradients and steps are those without it."""

from __future__ import annotations

import copy
import functools
import inspect
import json
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import language_models as lm
import pytest
import torch
from language_models import CLASSES, batch
from torch.nn import functional as F

import neglog
from neglog.errors import ArgumentError, NeglogError

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*checkpointing.* is deprecated"),  # PEFT calls it
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated"),  # inductor's
]


@pytest.mark.parametrize("name", lm.NAMES)
def test_loss_gradients_and_a_step_are_those_of_the_model(name) -> None:
    ours, theirs = lm.pair(name)
    outputs = lm.assert_same_step(neglog.patch(ours), theirs, **batch(name))
    assert "logits" not in outputs


@pytest.mark.parametrize("name", ["mixtral", "qwen3_moe"])
def test_losses_of_routers_are_part_of_the_loss(name) -> None:
    model = neglog.patch(lm.model(name))
    outputs = model(**batch())
    alone = neglog.unpatch(model)(**batch(), output_router_logits=False)
    assert outputs.aux_loss > 0
    assert outputs.loss > alone.loss + 0.1


def test_the_callers_divisor_and_labels_are_used() -> None:
    ours, theirs = lm.pair()
    inputs = batch()
    inputs["shift_labels"] = inputs["labels"].roll(1, 1)
    inputs["num_items_in_batch"] = torch.tensor(40)
    lm.assert_same_step(neglog.patch(ours), theirs, **inputs)
    assert ours(**inputs).loss != ours(**batch()).loss


def test_the_logits_are_not_kept_for_the_backward_pass() -> None:
    model, inputs = lm.model("llama"), batch(rows=32, length=32)
    sizes = []

    def saved(tensor):
        if tensor.is_floating_point() and tensor.shape[-1:] == (CLASSES,):
            sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(saved, lambda tensor: tensor):
        model(**inputs)
        assert max(sizes) == 32 * 32 * CLASSES
        sizes.clear()
        neglog.patch(model)(**inputs)
    assert not sizes


def test_the_memory_is_that_of_the_linear_loss(monkeypatch) -> None:
    model = neglog.patch(lm.model("llama"), memory="32KiB")
    given, compute = [], neglog.functional.linear_cross_entropy

    def spy(*args, **kwargs):
        given.append(kwargs["memory"])
        return compute(*args, **kwargs)

    monkeypatch.setattr(neglog.functional, "linear_cross_entropy", spy)
    assert model(**batch()).loss.isfinite()
    assert given == ["32KiB"]


def test_logits_are_returned_where_they_are_asked_for() -> None:
    model, theirs = lm.pair()
    expected = theirs(**batch())
    neglog.patch(model)
    assert "logits" not in model(**batch())
    assert torch.equal(model(**batch(), return_logits=True).logits, expected.logits)
    assert torch.equal(model(input_ids=batch()["input_ids"]).logits, expected.logits)
    assert torch.equal(model.eval()(**batch()).logits, expected.logits)
    assert "logits" not in model(**batch(), return_logits=False)
    assert "logits" not in neglog.patch(model, logits="never")(**batch())
    loss, logits, *_ = model(**batch(), return_dict=False)
    assert logits is None
    torch.testing.assert_close(loss, expected.loss, rtol=1e-6, atol=0.0)


def test_generation_is_unchanged() -> None:
    model, ids = lm.model("llama").eval(), batch()["input_ids"]
    options = {"max_new_tokens": 5, "do_sample": False}
    expected = model.generate(ids, **options)
    assert torch.equal(neglog.patch(model).generate(ids, **options), expected)


def test_unpatch_restores_the_model() -> None:
    model, theirs = lm.pair()
    signature = inspect.signature(model.forward)
    neglog.patch(neglog.patch(model))
    assert inspect.signature(model.forward) == signature
    neglog.unpatch(model)
    assert not any({"forward", "_neglog_patch"} & vars(part).keys() for part in model.modules())
    assert torch.equal(model(**batch()).loss, theirs(**batch()).loss)


def test_unpatch_keeps_methods_of_others() -> None:
    model, calls = lm.model("llama"), []

    def wrapped(forward, *args, **kwargs):
        calls.append(1)
        return forward(*args, **kwargs)

    def wrap() -> None:
        forward = model.forward
        model.forward = functools.update_wrapper(functools.partial(wrapped, forward), forward)

    wrap()
    below = model.forward
    neglog.patch(model)
    assert next(iter(inspect.signature(model.forward).parameters)) == "input_ids"
    wrap()
    assert "logits" not in model(**batch())
    neglog.unpatch(model)
    assert "logits" in model(**batch())
    assert len(calls) == 4
    neglog.patch(model)
    assert "logits" not in model(**batch())
    assert len(calls) == 6
    model.forward = below
    neglog.unpatch(neglog.patch(model))
    assert model.forward is below


def test_a_copy_of_a_patched_model_uses_its_own_parameters() -> None:
    model = neglog.patch(lm.model("llama"))
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert other(**batch()).loss.item() == pytest.approx(torch.tensor(CLASSES).log().item())
    assert model(**batch()).loss.item() != other(**batch()).loss.item()


def test_a_pickled_model_is_patched() -> None:
    model = neglog.patch(lm.model("llama"))
    other = pickle.loads(pickle.dumps(model))
    outputs = other(**batch())
    assert "logits" not in outputs and torch.equal(outputs.loss, model(**batch()).loss)
    assert "logits" in neglog.unpatch(other)(**batch())


def test_a_saved_model_is_that_of_the_class(tmp_path) -> None:
    model, theirs = lm.pair()
    neglog.patch(model).save_pretrained(tmp_path)
    assert model.state_dict().keys() == theirs.state_dict().keys()
    loaded = type(model).from_pretrained(tmp_path).train()
    assert torch.equal(loaded(**batch()).loss, theirs(**batch()).loss)


def replica_of(model, factor):
    """Return a replica as DataParallel makes it, with other parameters."""
    replicas = {module: module._replicate_for_data_parallel() for module in model.modules()}
    for module, replica in replicas.items():
        for name, child in module.named_children():
            setattr(replica, name, replicas[child])
        for name, parameter in module._parameters.items():
            setattr(replica, name, None if parameter is None else parameter * factor)
    return replicas[model]


def test_replicas_of_data_parallel_use_their_own_parameters() -> None:
    model, theirs = lm.pair()
    neglog.patch(model)
    whole = torch.nn.DataParallel(model)(**batch())  # which calls the model itself on a CPU
    assert torch.equal(whole.loss, model(**batch()).loss)
    replica = replica_of(model, 0.5)
    loss = replica(**batch()).loss
    loss.backward()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(0.5)
    expected = theirs(**batch()).loss
    expected.backward()
    assert "logits" not in replica(**batch())
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0.0)
    for ours, other in zip(model.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, 0.5 * other.grad, rtol=1e-4, atol=1e-6)
    again = replica_of(replica, 2.0)  # of a replica, whose parameters are attributes
    assert again.forward.__self__ is again


def test_threads_may_share_a_model() -> None:
    model, barrier = neglog.patch(lm.model("llama")), threading.Barrier(2, timeout=60)
    expected = model(input_ids=batch()["input_ids"]).logits
    found = {}

    def meet(*_):
        """Let both threads be between the call of the model and that of its head."""
        barrier.wait()

    model.model.register_forward_hook(meet)

    def run(name, inputs):
        found[name] = model(**inputs)

    calls = {"loss": batch(), "logits": {"input_ids": batch()["input_ids"]}}
    threads = [threading.Thread(target=run, args=item) for item in calls.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "logits" not in found["loss"]
    assert torch.equal(found["logits"].logits, expected)


def test_a_head_may_be_replaced_later() -> None:
    model = neglog.patch(lm.model("llama"))
    model.resize_token_embeddings(CLASSES + 5, mean_resizing=False)
    outputs = model(**batch())
    assert "logits" not in outputs
    expected = model(**batch(), return_logits=True).loss
    torch.testing.assert_close(outputs.loss, expected, rtol=1e-6, atol=0.0)


def test_checkpointing_and_half_precision() -> None:
    ours, theirs = lm.pair()
    ours.gradient_checkpointing_enable()
    lm.assert_same_step(neglog.patch(ours), theirs, use_cache=False, **batch())
    with torch.autocast("cpu", torch.bfloat16):
        narrow = ours(**batch()).loss
        expected = ours(**batch(), return_logits=True).loss
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow, expected, rtol=1e-3, atol=0.0)
    assert ours.bfloat16()(**batch()).loss.dtype == torch.float32


@pytest.mark.parametrize(
    "options",
    [
        {"target_modules": ["q_proj"]},
        {"target_modules": ["q_proj", "lm_head"], "lora_dropout": 0.5},
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    ],
    ids=["trunk", "head", "saved head"],
)
@pytest.mark.parametrize("first", ["peft", "patch"])
def test_adapters_may_be_in_the_head(options, first) -> None:
    import peft

    models = lm.pair()
    if first == "patch":
        neglog.patch(models[0])
    config = peft.LoraConfig(r=4, init_lora_weights=True, **options)
    ours, theirs = (peft.get_peft_model(model, config).train() for model in models)
    torch.manual_seed(0)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        if mine.requires_grad:  # adapters begin at 0, or at random
            torch.nn.init.normal_(mine, std=0.3)
            other.data.copy_(mine.data)
    if first == "peft":
        assert neglog.patch(ours) is ours
    assert "logits" not in lm.assert_same_step(ours, theirs, **batch())


def test_a_head_with_dora_is_refused() -> None:
    import peft

    config = peft.LoraConfig(r=4, target_modules=["lm_head"], use_dora=True)
    model = peft.get_peft_model(lm.model("llama"), config)
    with pytest.raises(ArgumentError, match=r"but it uses T of the output of its linear layer"):
        neglog.patch(model)


def test_neglog_everywhere_serves_patched_models_too() -> None:
    ours, theirs = lm.pair("t5")
    with neglog.everywhere():
        assert "logits" not in lm.assert_same_step(neglog.patch(ours), theirs, **batch())


def test_options_of_the_models_loss_function_apply() -> None:
    model = neglog.patch(lm.model("gemma2"))
    weight = torch.rand(CLASSES)
    options = {"label_smoothing": 0.2, "weight": weight}
    function = neglog.integrations.transformers.loss_function
    model.loss_function = functools.partial(function, **options)
    outputs = model(**batch())
    logits = model(**batch(), return_logits=True).logits[:, :-1].reshape(-1, CLASSES)
    labels = batch()["labels"][:, 1:].reshape(-1)
    expected = F.cross_entropy(logits, labels, **options)
    assert "logits" not in outputs
    torch.testing.assert_close(outputs.loss, expected, rtol=1e-6, atol=0.0)
    model.loss_function = functools.partial(function, z_loss=0.5)
    squares = logits.logsumexp(-1)[labels != -100].square().mean()
    expected = F.cross_entropy(logits, labels) + 0.5 * squares
    torch.testing.assert_close(model(**batch()).loss, expected, rtol=1e-6, atol=0.0)


class _Scaled(torch.nn.Linear):
    def forward(self, input):
        return super().forward(input) * self.weight[:, 0]


class _Shifted(torch.nn.Linear):
    def forward(self, input):
        return super().forward(input) + torch.ones(CLASSES)


class _Plain(torch.nn.Linear):
    def forward(self, input):
        return input @ self.weight.T


class _Normal(torch.nn.Linear):
    def forward(self, input):
        return torch.log_softmax(super().forward(input), -1)


class _Sliced(torch.nn.Linear):
    def forward(self, input):
        return super().forward(input).abs()


@pytest.mark.parametrize(
    "head, message",
    [
        (_Scaled, "multiplies the output of its linear layer by a tensor"),
        (_Shifted, "adds a tensor to the output of its linear layer"),
        (_Plain, r"does not return the output of torch\.nn\.functional\.linear"),
        (_Normal, "passes the output of its linear layer to log_softmax"),
        (_Sliced, "uses abs of the output of its linear layer"),
    ],
)
def test_heads_that_are_not_linear_are_refused(head, message) -> None:
    model = lm.model("llama")
    model.lm_head = head(32, CLASSES, bias=False)
    with pytest.raises(ArgumentError, match=f"requires a head that is a sum.*{message}"):
        neglog.patch(model)
    assert "forward" not in vars(model)


def test_models_that_cannot_be_served_are_refused() -> None:
    model = lm.model("llama")
    with pytest.raises(ArgumentError, match=r"of transformers, but it is a Linear; patch the"):
        neglog.patch(torch.nn.Linear(2, 3))
    with pytest.raises(ArgumentError, match=r"get_output_embeddings\(\) of this one returns None"):
        neglog.patch(model.model)
    with pytest.raises(ArgumentError, match=r"logits must be one of .*, but it is 'always'"):
        neglog.patch(model, logits="always")
    with pytest.raises(NeglogError, match="memory"):
        neglog.patch(model, memory=-1)

    def forward(input_ids):
        return input_ids

    model.forward = forward
    with pytest.raises(ArgumentError, match="`labels`, but its parameters are input_ids"):
        neglog.patch(model)


@pytest.mark.parametrize(
    "loss, message",
    [
        (lambda z, y: z.softmax(-1).sum(), "uses softmax"),
        (lambda z, y: torch.nn.functional.log_softmax(z, -1).sum(), "uses log_softmax"),
        (lambda z, y: F.cross_entropy(z * torch.ones(CLASSES), y), "multiplication by a tensor"),
        (lambda z, y: F.cross_entropy(z / torch.ones(()), y), "division by a tensor"),
        (lambda z, y: F.cross_entropy(z.tanh().tanh(), y), "a tanh after a tanh"),
        (lambda z, y: F.cross_entropy(z[..., :5], y), "some classes of its logits"),
        (lambda z, y: F.cross_entropy(z[None], y), "some classes of its logits"),
        (lambda z, y: F.cross_entropy(z.view(-1, 3), y), r"the shape \(-1, 3\)"),
        (lambda z, y: F.cross_entropy(z, y), "cross_entropy of 3 dimensions"),
        (lambda z, y: F.cross_entropy(z[0], y[0], None, False), "size_average"),
        (lambda z, y: z.new_zeros(()).sum(), "uses new_zeros"),
        (lambda z, y: torch.zeros((), requires_grad=True), "computes its logits or its loss else"),
    ],
)
def test_uses_of_logits_that_cannot_be_served_are_refused(loss, message) -> None:
    model = neglog.patch(lm.model("llama"))
    model.loss_function = lambda logits, labels, **_: loss(logits, labels)
    with pytest.raises(ArgumentError, match=f"neglog.patch.*{message}"):
        model(**batch())
    assert "logits" in model(input_ids=batch()["input_ids"])


@pytest.mark.parametrize(
    "loss",
    [
        lambda z, y: F.cross_entropy(z[:, :-1].reshape(-1, z.size(-1)), y[:, 1:].reshape(-1)),
        lambda z, y: F.cross_entropy(z[..., :-1, :][y[:, 1:] > 9], y[:, 1:][y[:, 1:] > 9]),
        lambda z, y: F.cross_entropy(z[0, 2].float().to("cpu"), y[1, 2]),
        lambda z, y: F.cross_entropy((2 * z).view((-1, z.shape[-1])), y.view(-1), reduction="sum"),
        lambda z, y: F.cross_entropy(4 * torch.tanh(
            3 * z / 2)[:, 1, :], y[:, 1]),
        lambda z, y: F.cross_entropy(z.to(y.float()).view(-1, CLASSES), y.view(-1),
                                     label_smoothing=0.1, ignore_index=y[0, 5].item()),
    ],
)  # fmt: skip
def test_what_models_do_to_logits_before_their_loss(loss) -> None:
    ours, theirs = lm.pair()
    for model in (neglog.patch(ours), theirs):
        model.loss_function = lambda logits, labels, **_: loss(logits, labels)
    inputs = batch()
    inputs["labels"][0, :3] = 7
    lm.assert_same_step(ours, theirs, **inputs)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_a_patched_model_compiles_without_graph_breaks(name) -> None:
    ours, theirs = lm.pair(name)
    compiled = torch.compile(neglog.patch(ours), fullgraph=True, backend="aot_eager")
    with pytest.raises(ArgumentError, match="it is a OptimizedModule; patch the model before"):
        neglog.patch(compiled)
    assert "logits" not in lm.assert_same_step(ours, theirs, call=compiled, **batch())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # dynamo's, after a break
def test_a_model_that_constructs_its_loss_compiles_with_a_graph_break() -> None:
    ours, theirs = lm.pair("t5")
    compiled = torch.compile(neglog.patch(ours), backend="aot_eager")
    assert "logits" not in lm.assert_same_step(ours, theirs, call=compiled, **batch())


@pytest.mark.parametrize(
    "changed", [{"output_hidden_states": True}, {"logits_to_keep": 4}], ids=["hidden", "last"]
)
def test_options_of_a_call(changed) -> None:
    ours, theirs = lm.pair()
    inputs = {**batch(), **changed}
    inputs["labels"] = inputs["labels"][:, -inputs.get("logits_to_keep", 9) :]
    outputs = lm.assert_same_step(neglog.patch(ours), theirs, **inputs)
    assert ("hidden_states" in outputs) == ("output_hidden_states" in changed)


def test_inputs_that_are_embeddings_have_a_gradient() -> None:
    slopes = []
    for model in (neglog.patch(lm.model("llama")), lm.model("llama")):
        rows = model.get_input_embeddings()(batch()["input_ids"]).detach().requires_grad_()
        model(inputs_embeds=rows, labels=batch()["labels"]).loss.backward()
        slopes.append(rows.grad)
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-7)


def test_batches_without_labels_to_predict() -> None:
    ours, theirs = lm.pair()
    neglog.patch(ours)
    ignored = {**batch(), "labels": torch.full((2, 9), -100)}
    for inputs in (ignored, batch(rows=1, length=1)):
        assert ours(**inputs).loss.isnan() and theirs(**inputs).loss.isnan()
        loss = ours(**inputs, num_items_in_batch=7).loss
        loss.backward()
        assert loss == 0
        assert not any(p.grad.any() for p in ours.parameters() if p.grad is not None)


def test_adapters_may_be_merged_into_the_head() -> None:
    import peft

    config = peft.LoraConfig(r=4, target_modules=["lm_head"], init_lora_weights=False)
    model = neglog.patch(peft.get_peft_model(lm.model("llama"), config))
    for change in (model.merge_adapter, model.unmerge_adapter, lambda: None):
        change()
        found, expected = model(**batch()), model(**batch(), return_logits=True)
        torch.testing.assert_close(found.loss, expected.loss, rtol=1e-6, atol=0.0)
    merged = model.merge_and_unload()
    found = merged(**batch())
    assert "logits" not in found
    torch.testing.assert_close(found.loss, expected.loss, rtol=1e-5, atol=0.0)


@pytest.mark.slow
def test_sharded_models(tmp_path) -> None:
    program = Path(__file__).parent / "patched_ranks.py"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*launch, str(program), str(tmp_path)], check=True, timeout=300)
    found = [json.loads((tmp_path / str(rank)).read_text("utf-8")) for rank in range(2)]
    for errors in found:
        assert "its weight is a DTensor that no hook gathers" in errors.pop("refused")
        assert len(errors) == 3
        assert all(error < 1e-6 for error in errors.values()), errors
