"""Checks of derivatives: backward, double backward, dual numbers, and forward over reverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils import _pytree as pytree

from conformance.cases import Case, NotACase, copied
from conformance.losses import Library


def opened(library: Library, case: Case) -> tuple[list[Tensor], Callable[..., Tensor]]:
    """Return copies of the leaves that require a gradient, and the loss as a function of them."""
    function = case.call(library)
    flat, nest = pytree.tree_flatten((case.args, case.kwargs))
    flat = [copied(value) if isinstance(value, Tensor) else value for value in flat]
    places = [i for i, v in enumerate(flat) if isinstance(v, Tensor) and v.requires_grad]
    if not places:
        raise NotACase("no argument wants a gradient")

    def of_leaves(*leaves: Tensor) -> Tensor:
        filled = list(flat)
        for place, leaf in zip(places, leaves, strict=True):
            filled[place] = leaf
        args, kwargs = pytree.tree_unflatten(filled, nest)
        return function(*args, **kwargs)

    return [flat[place] for place in places], of_leaves


def direction(tensor: Tensor, seed: int = 0) -> Tensor:
    """Return a direction without a pattern: the same for torch and neglog, and no random call.

    Random calls fail under vmap, and values from outside under a fake mode. Eight bits, so that
    every dtype has the same direction.
    """
    count = torch.arange(1.0, tensor.numel() + 1, dtype=torch.float64, device=tensor.device)
    wave = (128 * torch.cos(count.square() + seed)).round().reshape(tensor.shape) / 128
    wave = torch.complex(wave, wave.square().round()) if tensor.is_complex() else wave
    return wave.to(tensor.dtype)


def directions(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return a direction for each tensor."""
    return [direction(tensor, seed) for seed, tensor in enumerate(tensors, 1)]


def gradient(library: Library, case: Case) -> Any:
    """Return the value and the gradient of every leaf, for a random upstream gradient."""
    leaves, call = opened(library, case)
    out = call(*leaves)
    return out, torch.autograd.grad(out, leaves, direction(out), allow_unused=True)


def gradient_of_all(library: Library, case: Case) -> Any:
    """Return the same with every floating argument a leaf: the target and the weights too."""
    return gradient(library, case.mapped(_wanting))


def _wanting(tensor: Tensor) -> Tensor:
    floating = tensor.is_floating_point() or tensor.is_complex()
    return tensor.detach().requires_grad_(floating)


def batched_gradients(library: Library, case: Case) -> Any:
    """Return the gradients for three upstream gradients at once (`is_grads_batched`)."""
    leaves, call = opened(library, case)
    out = call(*leaves)
    upstream = torch.stack([direction(out, seed) for seed in range(3)])
    options = {"allow_unused": True, "is_grads_batched": True}
    return torch.autograd.grad(out, leaves, upstream, **options)


def double_backward(library: Library, case: Case) -> Any:
    """Return the derivative of a random combination of the gradients."""
    leaves, call = opened(library, case)
    out = call(*leaves)
    upstream = direction(out).requires_grad_()
    slopes = torch.autograd.grad(out, leaves, upstream, create_graph=True, allow_unused=True)
    pairs = zip(slopes, directions(leaves), strict=True)
    scalar = sum(torch.real((slope * along).sum()) for slope, along in pairs if slope is not None)
    variables = [*leaves, upstream]
    return filled(torch.autograd.grad(scalar, variables, allow_unused=True), variables)


def filled(gradients: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradients with zeros for None, which autograd uses for zeros now and then."""
    return [
        torch.zeros_like(t) if gradient is None else gradient
        for gradient, t in zip(gradients, like, strict=True)
    ]


def forward_mode(library: Library, case: Case) -> Any:
    """Return the value and the derivative along a direction, by dual numbers."""
    leaves, call = opened(library, case)
    with torch.no_grad(), forward_ad.dual_level():
        pairs = zip(leaves, directions(leaves), strict=True)
        out = forward_ad.unpack_dual(call(*(forward_ad.make_dual(*pair) for pair in pairs)))
        return out.primal, filled([out.tangent], [out.primal])


def forward_over_reverse(library: Library, case: Case) -> Any:
    """Return the gradients' derivative along a direction: dual numbers through a backward."""
    leaves, call = opened(library, case)
    with forward_ad.dual_level():
        pairs = zip(leaves, directions(leaves), strict=True)
        duals = [forward_ad.make_dual(*pair) for pair in pairs]
        out = call(*duals)
        slopes = torch.autograd.grad(out, duals, direction(out), allow_unused=True)
        parts = [forward_ad.unpack_dual(slope) for slope in filled(slopes, leaves)]
        primals = [part.primal for part in parts]
        return primals, filled([part.tangent for part in parts], primals)
