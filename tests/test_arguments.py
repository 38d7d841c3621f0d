"""Wrong arguments of every public loss function: refused in plain words, or computed as given."""

from __future__ import annotations

import inspect

import arguments
import backends
import pytest
import torch

from neglog import REGISTRY
from neglog import functional as F
from neglog.errors import ArgumentError, NeglogError

WITHOUT_CALL = {"LinearStatistics", "likelihood_loss", "linear_likelihood_loss", "sum_and_count"}
KINDS = [(name, option) for name in arguments.CALLS for option in getattr(F, name).kinds]
TENSORS = [
    (name, argument)
    for name, call in arguments.CALLS.items()
    for argument, value in call.items()
    if isinstance(value, torch.Tensor)
]


def test_every_function_has_a_call_here() -> None:
    assert set(F.__all__) == WITHOUT_CALL | set(arguments.CALLS)


@pytest.mark.parametrize(("name", "option"), KINDS)
def test_an_option_of_another_kind_is_refused(name, option) -> None:
    wrong = ["text", object(), [1.0], 1j, torch.ones(2), torch.tensor(1.0), float("nan")]
    wrong += (
        [] if inspect.signature(getattr(F, name)).parameters[option].default is None else [None]
    )
    for value in wrong:
        with pytest.raises(ArgumentError, match=f"{option} must be "):
            getattr(F, name)(**arguments.CALLS[name] | {option: value})


@pytest.mark.parametrize("name", arguments.CALLS)
def test_every_option_is_checked_somewhere(name, monkeypatch) -> None:
    """No argument of a wrong type raises anything but an error of neglog."""
    backends.only(monkeypatch)
    call = arguments.CALLS[name]
    for option, parameter in inspect.signature(getattr(F, name)).parameters.items():
        if option in ("size_average", "reduce", "_stacklevel"):
            continue
        if option == "options":  # torch's, unused
            continue
        for value in (None, "text", object(), [1.0], 1j, torch.ones(2)):
            if value is not parameter.default:
                _refused_or_computed(name, call | {option: value})


def variants(tensor):
    """Yield tensors of other dtypes, shapes and values."""
    yield from (tensor.to(dtype) for dtype in (torch.complex64, torch.bool, torch.int64))
    yield from (tensor.bfloat16(), tensor.double(), tensor.to_sparse())
    yield from (tensor.reshape(-1)[0], tensor[:0], tensor[None], tensor[..., None], tensor[:1])
    yield from (tensor[..., :1], tensor[..., :0], tensor[:-1], tensor.reshape(-1))
    outside = float("nan") if tensor.is_floating_point() else -7
    yield torch.full_like(tensor, outside)


@pytest.mark.filterwarnings("ignore:kl_div")
@pytest.mark.parametrize(("name", "argument"), TENSORS)
def test_other_tensors_are_refused_or_computed(name, argument, monkeypatch) -> None:
    """What is accepted leaves the shape of the losses, so nothing broadcasts unnoticed."""
    backends.only(monkeypatch)
    call = arguments.CALLS[name]
    has_shape = "reduction" in inspect.signature(getattr(F, name)).parameters and name != "siglip"
    call = call | {"reduction": "none"} if has_shape else call
    rows = getattr(F, name)(**call)
    for other in variants(call[argument]):
        got = _refused_or_computed(name, call | {argument: other})
        if got is not None and has_shape and (name, argument) != ("info_nce", "query"):
            assert got.shape == rows.shape, other


def _refused_or_computed(name, call):
    try:
        return getattr(F, name)(**call)
    except NeglogError as error:
        assert str(error).endswith(f". [{error.code}]")
        return None


@pytest.mark.parametrize(("name", "argument"), TENSORS)
def test_tensors_on_different_devices_are_refused(name, argument) -> None:
    call = arguments.CALLS[name]
    if argument == "log_probs" or name == "log_softmax":
        return  # `ctc_loss` takes targets and lengths on the CPU; one tensor is on one device
    with pytest.raises(ArgumentError, match="must be on the same device, but") as error:
        getattr(F, name)(**call | {argument: call[argument].to("meta")})
    assert {"cpu", "meta"} <= set(str(error.value).replace(";", "").split())
    assert argument in str(error.value)


def test_options_and_inputs_of_declarations_on_another_device_are_refused() -> None:
    x = torch.ones(3)
    far, mask = torch.ones(3, device="meta"), torch.ones(3, dtype=torch.bool, device="meta")
    likelihood = F.likelihood_loss
    with pytest.raises(ArgumentError, match="input and mask must be on the same device"):
        F.mse_loss(x, x, mask=mask)
    with pytest.raises(ArgumentError, match="mean and target must be on the same device"):
        likelihood(REGISTRY["huber"], x, far, delta=1.0)
    with pytest.raises(ArgumentError, match="logit and total_count must be on the same device"):
        likelihood(REGISTRY["binomial"], x, x, total_count=far)
    layer = {"input": x[None], "linear_weight": torch.ones(2, 3), "outputs": ("kl",)}
    with pytest.raises(ArgumentError, match="input and teacher must be on the same device"):
        F.linear_statistics(**layer, teacher=(x[None], torch.ones(2, 3, device="meta")))
    assert F.info_nce(torch.eye(3), torch.eye(3), temperature=torch.tensor(0.1)).isfinite()


def test_an_argument_that_no_output_uses_is_refused() -> None:
    x, w = torch.ones(1, 3), torch.ones(2, 3)
    with pytest.raises(ArgumentError, match="teacher is for the output 'kl', but outputs are"):
        F.linear_statistics(x, w, outputs=("entropy",), teacher=(x, w))


COMPARED = {
    ("cox_ph_loss", "time"),
    ("cox_ph_loss", "event"),
    ("discrete_hazard_loss", "event"),
    ("plackett_luce_loss", "target"),
}
AS_TORCH = {("hinge_embedding_loss", "target"), ("cosine_embedding_loss", "target")}
CONSTANTS = {("censored_normal_nll_loss", "censoring"), ("censored_normal_nll_loss", "upper")}
CONSTANTS |= {("exponential_nll_loss", "event"), ("weibull_nll_loss", "event")}
CONSTANTS |= {("binomial_nll_loss", "total_count")}


@pytest.mark.parametrize(("name", "argument"), TENSORS)
def test_a_tensor_that_requires_a_gradient_gets_one_or_is_refused(
    name, argument, monkeypatch
) -> None:
    backends.only(monkeypatch)
    call = arguments.CALLS[name]
    if not call[argument].is_floating_point():
        return
    leaf = call[argument].clone().requires_grad_()
    if (name, argument) in COMPARED | CONSTANTS:
        words = f"{argument} has no gradient" if (name, argument) in COMPARED else "is a constant"
        with pytest.raises(ArgumentError, match=words):
            getattr(F, name)(**call | {argument: leaf})
        return
    result = getattr(F, name)(**call | {argument: leaf})
    if (name, argument) in AS_TORCH:
        assert not result.requires_grad
        return
    result = result.nll if name == "linear_statistics" else result
    assert torch.autograd.grad(result.sum(), leaf)[0].isfinite().all()
